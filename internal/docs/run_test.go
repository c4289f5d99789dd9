//go:build linux

package docs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lianqi/internal/product"
)

// printedAddress is the address in the documents; a test serves somewhere else.
const printedAddress = "127.0.0.1:8080"

func TestREADME(t *testing.T) { runDocument(t, "README.md") }

func TestPhoneDeveloperGuide(t *testing.T) { runDocument(t, "docs/guides/phone-developer.md") }

func TestAdministratorGuide(t *testing.T) { runDocument(t, "docs/guides/administrator.md") }

// runDocument runs the sh blocks of a document, in one shell and in their order, against a demonstration of its own,
// and compares what each prints with the text block after it, in which … stands for anything.
func runDocument(t *testing.T, document string) {
	if _, err := exec.LookPath("curl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("curl is not installed")
		}
		t.Skip("NOT TESTED: curl is not installed")
	}
	examples := examplesOf(t, document)
	address, data := serveDemo(t)
	var script strings.Builder
	script.WriteString("set -u\n")
	for i, e := range examples {
		fmt.Fprintf(&script, "%s\nprintf '\\n%s\\n'\n", strings.ReplaceAll(e.script, printedAddress, address), endOf(i))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "-c", script.String())
	shell.Dir = t.TempDir()
	program, _ := program()
	shell.Env = append(withoutSettings(), "LC_ALL=C.UTF-8", "PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"),
		"LIANQI_LISTEN="+address, "LIANQI_DATA_DIR="+data)
	printed, err := shell.CombinedOutput()
	if err != nil {
		t.Errorf("%s: the shell says %v after\n%s", document, err, printed)
	}
	rest := string(printed)
	for i, e := range examples {
		got, after, ended := strings.Cut(rest, "\n"+endOf(i)+"\n")
		if !ended {
			t.Fatalf("%s:%d: the example does not end", document, e.line)
		}
		rest = after
		if !e.matches(got) {
			t.Errorf("%s:%d: prints\n%s\nand not\n%s", document, e.line, got, e.output)
		}
	}
}

func endOf(example int) string { return fmt.Sprintf("--- end of example %d ---", example) }

// example is one sh block of a document.
type example struct {
	line           int
	script, output string
}

// matches tells whether an output is the printed one; an example without one may print anything.
func (e example) matches(got string) bool {
	if e.output == "" {
		return true
	}
	pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(e.output)), "…", `[\s\S]*?`)
	return regexp.MustCompile("^" + pattern + "$").MatchString(strings.TrimSpace(got))
}

func examplesOf(t *testing.T, path string) (examples []example) {
	t.Helper()
	language, block := "", strings.Builder{}
	for i, line := range strings.Split(read(t, path), "\n") {
		opens, fence := strings.CutPrefix(line, "```")
		switch {
		case !fence:
			block.WriteString(line + "\n")
			continue
		case language == "" && opens != "":
			language = opens
			block.Reset()
			continue
		case language == "sh":
			examples = append(examples, example{line: i + 1, script: block.String()})
		case language == "text" && len(examples) > 0:
			examples[len(examples)-1].output = block.String()
		}
		language = ""
	}
	if len(examples) == 0 {
		t.Fatalf("%s has no examples", path)
	}
	return examples
}

// program builds the server, once for all tests, in built.
var (
	built   string
	program = sync.OnceValues(func() (path string, err error) {
		if built, err = os.MkdirTemp("", "lianqi-docs-"); err != nil {
			return "", err
		}
		return product.Build(context.Background(), built)
	})
)

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	os.Exit(code)
}

func withoutSettings() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "LIANQI_") })
}

// serveDemo starts the demonstration as its own process and ends it with the test. It gives the address and the data
// folder.
func serveDemo(t *testing.T) (address, data string) {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	if address, err = product.FreeAddress(); err != nil {
		t.Fatal(err)
	}
	data = t.TempDir()
	// No example reaches this limit but the one that means to.
	environment := append(withoutSettings(), "LIANQI_LISTEN="+address, "LIANQI_DATA_DIR="+data, "LIANQI_RATE_LIMIT=100", "LIANQI_LOG=warn")
	server, err := product.Start(address, environment, path, "serve", "--demo")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil || t.Failed() {
			t.Errorf("the server ended with %v and logged\n%s", err, server.Log())
		}
	})
	return address, data
}
