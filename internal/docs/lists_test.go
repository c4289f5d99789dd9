package docs

import (
	"flag"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"lianqi/api"
	"lianqi/config"
)

// root is the folder of the repository, seen from the one the tests run in.
const root = "../.."

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

var update = flag.Bool("update", false, "write the generated documents anew")

func TestErrorsAreAllListed(t *testing.T) {
	const path = "docs/errors.md"
	want := errorList()
	if *update {
		if err := os.WriteFile(filepath.Join(root, path), []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, path) != want {
		t.Errorf("%s is not what the code answers: run go test ./internal/docs -update", path)
	}
}

func errorList() string {
	var b strings.Builder
	b.WriteString("# Error codes\n\nGenerated from the code by `go test ./internal/docs -update`; do not edit.\n\n" +
		"Codes are stable, texts are not. How errors look is in the [guide for clients](guides/phone-developer.md#errors).\n\n" +
		"## Codes of problems\n\nThe member `code` of every answer that is not a success.\n\n" +
		"| code | status | Chinese | English |\n| --- | --- | --- | --- |\n")
	members := false
	for _, c := range api.Codes() {
		chinese, english := inTable(c.Chinese), inTable(c.English)
		if c.Field {
			if !members {
				b.WriteString("\n## Codes of single members\n\nThe member `code` of each of the `errors` of `validation_failed`. %s stands for a value from the contract.\n\n" +
					"| code | Chinese | English |\n| --- | --- | --- |\n")
				members = true
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.Code, chinese, english)
			continue
		}
		status := strconv.Itoa(c.Status)
		if c.Status == 0 {
			status = "409, or 412 with `If-Match`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", c.Code, status, chinese, english)
	}
	return b.String()
}

func inTable(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

var requirement = regexp.MustCompile(`(?m)^(?:require )?\t?([a-z0-9.-]+\.[a-z]+/\S+|[a-z]+\.[a-z.]+/\S+) v\S+( // indirect)?$`)

// What the code imports is listed with its reason, and so is what go.mod calls direct; nothing else is.
func TestDependenciesAreAllListed(t *testing.T) {
	direct := map[string]bool{}
	var modules []string
	for _, m := range requirement.FindAllStringSubmatch(read(t, "go.mod"), -1) {
		modules = append(modules, m[1])
		if m[2] == "" {
			direct[m[1]] = true
		}
	}
	if len(modules) < 20 {
		t.Fatalf("only %d requirements were found in go.mod", len(modules))
	}
	for imported := range imports(t) {
		if module := moduleOf(imported, modules); module != "" {
			direct[module] = true
		}
	}
	listed := listedIn(t, "## Modules\n")
	for _, module := range slices.Sorted(maps.Keys(direct)) {
		if !listed[module] {
			t.Errorf("docs/dependencies.md does not say what %s is for", module)
		}
	}
	for _, module := range slices.Sorted(maps.Keys(listed)) {
		if !direct[module] {
			t.Errorf("docs/dependencies.md lists %s, which nothing imports", module)
		}
	}
}

func TestToolsAreAllListed(t *testing.T) {
	listed := listedIn(t, "## Tools\n")
	_, block, _ := strings.Cut(read(t, "tools/go.mod"), "tool (\n")
	block, _, _ = strings.Cut(block, ")")
	for _, tool := range strings.Fields(block) {
		if !listed[tool] {
			t.Errorf("docs/dependencies.md does not say what the tool %s is for", tool)
		}
		delete(listed, tool)
	}
	for tool := range listed {
		t.Errorf("docs/dependencies.md lists the tool %s, which tools/go.mod does not", tool)
	}
}

var firstCell = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")

// listedIn gives the first cells of the table under a heading of docs/dependencies.md.
func listedIn(t *testing.T, heading string) map[string]bool {
	t.Helper()
	_, section, found := strings.Cut(read(t, "docs/dependencies.md"), heading)
	if !found {
		t.Fatalf("docs/dependencies.md has no section %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	listed := map[string]bool{}
	for _, m := range firstCell.FindAllStringSubmatch(section, -1) {
		listed[m[1]] = true
	}
	return listed
}

func imports(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "tools" || name == "data" || name == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range file.Imports {
			imported, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			found[imported] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// moduleOf is the module with the longest path that the package lies in.
func moduleOf(imported string, modules []string) (longest string) {
	for _, m := range modules {
		if (imported == m || strings.HasPrefix(imported, m+"/")) && len(m) > len(longest) {
			longest = m
		}
	}
	return longest
}

// documents are all that people read.
func documents(t *testing.T) []string {
	t.Helper()
	list := []string{"README.md", "CHANGELOG.md"}
	for _, pattern := range []string{"docs/*.md", "docs/guides/*.md"} {
		matches, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range matches {
			relative, err := filepath.Rel(root, m)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, relative)
		}
	}
	return list
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	notSlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

func TestLinksLeadSomewhere(t *testing.T) {
	for _, document := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, document), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			target := document
			if file != "" {
				target = filepath.Join(filepath.Dir(document), file)
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", document, m[1])
				continue
			}
			if anchor != "" && !slices.Contains(anchors(read(t, target)), anchor) {
				t.Errorf("%s: %s has no such heading", document, m[1])
			}
		}
	}
}

func anchors(text string) (list []string) {
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		slug := notSlug.ReplaceAllString(strings.ToLower(m[1]), "")
		list = append(list, strings.ReplaceAll(slug, " ", "-"))
	}
	return list
}

var variable = regexp.MustCompile(`LIANQI_[A-Z_]*[A-Z]`)

func TestSettingsThatAreNamedExist(t *testing.T) {
	known := map[string]bool{}
	for _, s := range config.Settings() {
		known[s.Name] = true
		known[s.Name+"_FILE"] = s.Secret
	}
	for _, document := range documents(t) {
		for _, name := range variable.FindAllString(read(t, document), -1) {
			if !known[name] {
				t.Errorf("%s names the setting %s, which there is not", document, name)
			}
		}
	}
}

var (
	command = regexp.MustCompile("(?m)(?:`|^\\$? ?|bin/)lianqi ([a-z]+(?: [a-z]+)?)")
	target  = regexp.MustCompile("(?m)(?:`|^\\$ )make ([a-z]+)")
)

func TestCommandsThatAreNamedExist(t *testing.T) {
	source := read(t, "main.go")
	makefile := read(t, "Makefile")
	for _, document := range documents(t) {
		text := read(t, document)
		for _, m := range command.FindAllStringSubmatch(text, -1) {
			first, _, _ := strings.Cut(m[1], " ")
			if !strings.Contains(source, `words: "`+m[1]+`"`) && !strings.Contains(source, `words: "`+first+`"`) {
				t.Errorf("%s names the command lianqi %s, which there is not", document, m[1])
			}
		}
		for _, m := range target.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(makefile, "\n"+m[1]+":") {
				t.Errorf("%s names make %s, which there is not", document, m[1])
			}
		}
	}
}
