package api_test

import (
	"compress/gzip"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"lianqi/api"
)

func TestTwoLanguages(t *testing.T) {
	k := newKit()
	for accept, want := range map[string]string{
		"": "zh-CN", "zh": "zh-CN", "zh-TW,zh;q=0.9": "zh-CN", "fr": "zh-CN", "!!": "zh-CN",
		"en": "en", "en-GB,en;q=0.8": "en", "fr, en;q=0.5": "en", "zh;q=0.1, en": "en", strings.Repeat("a,", 500): "zh-CN",
	} {
		got := k.send(t, "PUT", aThing, `{"name":"a"}`, "Accept-Language: "+accept)
		p := got.problem(t)
		if got.header.Get("Content-Language") != want || !strings.Contains(got.header.Get("Vary"), "Accept-Language") {
			t.Errorf("%q answered in %q, Vary %q", accept, got.header.Get("Content-Language"), got.header.Get("Vary"))
		}
		message := "不得少于 2 个字符"
		if want == "en" {
			message = "must have at least 2 characters"
		}
		if p.Errors[0].Message != message || han(p.Title) == (want == "en") {
			t.Errorf("%q answered %s", accept, got.body)
		}
	}
}

func TestEveryCodeHasBothTexts(t *testing.T) {
	for _, c := range api.Codes() {
		if !han(c.Chinese) || c.English == "" || han(c.English) {
			t.Errorf("%s: %q, %q", c.Code, c.Chinese, c.English)
		}
		if strings.Count(c.Chinese, "%s") != strings.Count(c.English, "%s") {
			t.Errorf("%s has different parameters in its languages", c.Code)
		}
	}
}

func han(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

// The codes are found in the source of the whole product: an error in a variable, a literal or a call of Invalid.
func TestEveryCodeOfTheProductHasTexts(t *testing.T) {
	problems, fields := map[string]bool{}, map[string]bool{}
	for _, c := range api.Codes() {
		if c.Field {
			fields[c.Code] = true
		} else {
			problems[c.Code] = true
		}
	}
	found := 0
	for _, file := range sources(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				known, ok := map[string]map[string]bool{"Error": problems, "FieldError": fields}[typeName(n.Type)]
				for _, element := range n.Elts {
					pair, isPair := element.(*ast.KeyValueExpr)
					if !ok || !isPair || typeName(pair.Key) != "Code" {
						continue
					}
					if code, isText := literal(pair.Value); isText {
						found++
						if !known[code] {
							t.Errorf("%s has no text in api/texts.go", code)
						}
					}
				}
			case *ast.CallExpr:
				if typeName(n.Fun) == "Invalid" && len(n.Args) == 2 {
					if code, isText := literal(n.Args[1]); isText {
						found++
						if !fields[code] {
							t.Errorf("%s has no text in api/texts.go", code)
						}
					}
				}
			}
			return true
		})
	}
	if found < 30 {
		t.Errorf("only %d codes found: the search is broken", found)
	}
}

func sources(t *testing.T) (files []*ast.File) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "tools" || strings.HasPrefix(entry.Name(), ".") && entry.Name() != "..") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

func literal(e ast.Expr) (string, bool) {
	basic, ok := e.(*ast.BasicLit)
	if !ok || basic.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(basic.Value)
	return text, err == nil
}

func TestDocsPageLoadsNothingFromElsewhere(t *testing.T) {
	k := newKit()
	loads := regexp.MustCompile(`(?i)(src|href)\s*=\s*["']?(https?:)?//|url\(\s*["']?(https?:)?//|@import|import\s*\(|fetch\(\s*["']https?:`)
	for path, mediaType := range map[string]string{
		"/docs": "text/html", "/docs/init.js": "text/javascript", "/docs/swagger-ui.css": "text/css", "/docs/swagger-ui-bundle.js": "text/javascript",
	} {
		got := k.send(t, "GET", path, "")
		if got.status != 200 || !strings.HasPrefix(got.header.Get("Content-Type"), mediaType) {
			t.Fatalf("%s answered %d %s", path, got.status, got.header.Get("Content-Type"))
		}
		if policy := got.header.Get("Content-Security-Policy"); !strings.Contains(policy, "script-src 'self';") || strings.Contains(policy, "http") {
			t.Errorf("%s has the policy %q", path, policy)
		}
		if path == "/docs/swagger-ui-bundle.js" {
			continue // full of addresses in texts; the policy keeps it from using any
		}
		if hit := loads.FindString(got.body); hit != "" {
			t.Errorf("%s loads %q", path, hit)
		}
		if strings.Contains(got.body, "<script>") || strings.Contains(got.body, "onload=") {
			t.Errorf("%s has an inline script", path)
		}
	}
	if got := k.send(t, "GET", "/docs/init.js", ""); !strings.Contains(got.body, "validatorUrl: null") {
		t.Error("the page would call a validation service")
	}
	plain := k.send(t, "GET", "/docs/swagger-ui.css", "").body
	packed := k.send(t, "GET", "/docs/swagger-ui.css", "", "Accept-Encoding: gzip")
	reader, err := gzip.NewReader(strings.NewReader(packed.body))
	if err != nil {
		t.Fatal(err)
	}
	if unpacked, err := io.ReadAll(reader); err != nil || string(unpacked) != plain || packed.header.Get("Content-Encoding") != "gzip" {
		t.Errorf("the compressed style sheet differs: %v", err)
	}
	if _, err := os.Stat("docs/LICENSE"); err != nil {
		t.Error(err)
	}
}

func TestSpec(t *testing.T) {
	first, down, err := newKit().Spec()
	if err != nil {
		t.Fatal(err)
	}
	second, _, err := newKit().Spec()
	if err != nil || string(first) != string(second) {
		t.Errorf("the spec is not stable: %v", err)
	}
	if !strings.Contains(string(down), "openapi: 3.0.") {
		t.Error("the down-grade is no 3.0 document")
	}
	for _, want := range []string{"openapi: 3.1.", "url: /api/v1", "operationId: put-thing", "x-roles:", "- public", "security: []", "application/problem+json", "text/event-stream", "additionalProperties: false", "format: uuid"} {
		if !strings.Contains(string(first), want) {
			t.Errorf("the spec lacks %q", want)
		}
	}
	if got := newKit().send(t, "GET", "/openapi.yaml", ""); got.status != 200 || got.body != string(first) {
		t.Errorf("/openapi.yaml answered %d", got.status)
	}
}
