package api_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"lianqi/api"
	"lianqi/models"
)

const secret = "hunter2-hunter2"

func TestInternalErrorTellsNothing(t *testing.T) {
	k := newKit()
	k.fails = errors.New("dial tcp db.internal:3306: " + secret)
	got := k.send(t, "GET", aThing, "")
	p := got.problem(t)
	if got.status != 500 || p.Code != "internal" || strings.Contains(got.body, "db.internal") {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if n := strings.Count(k.logged(), "db.internal"); n != 1 {
		t.Errorf("the cause is logged %d times", n)
	}
	if !strings.Contains(k.logged(), p.RequestID) {
		t.Error("the log does not name the request")
	}
	if got := k.send(t, "GET", aThing, "", "Authorization: Bearer broken"); got.status != 500 || strings.Contains(got.body, "secret.internal") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestValidationEchoesNothing(t *testing.T) {
	k := newKit()
	for _, body := range []string{
		`{"name":"` + secret + `"}`,
		`{"name":"ab","password":"` + secret[:7] + `"}`,
		`{"password":"` + secret + `"}`,
		`{"name":"ab","kind":"` + secret + `"}`,
		`{"name":"ab","at":"` + secret + `"}`,
		`{"name":"ab","` + secret + `":1}`,
		`{"name":"ab","parts":[{"name":"` + secret + `"}]}`,
		`{"name":"ab","parts":"` + secret + `"}`,
		`{"name":"ab","count":"` + secret + `"}`,
		`["` + secret + `"]`,
		`{"name":"ab","password":"` + secret,
	} {
		got := k.send(t, "PUT", aThing, body)
		if got.status != 422 && got.status != 400 {
			t.Errorf("%s answered %d", body, got.status)
		}
		if strings.Contains(got.body, secret[:7]) || strings.Contains(got.body, `"value"`) {
			t.Errorf("%s is echoed: %s", body, got.body)
		}
	}
	got := k.send(t, "GET", "/api/v1/things?"+secret+"=1&state="+secret+"&limit="+secret, "")
	if got.status != 422 || strings.Contains(got.body, secret[:7]) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := k.send(t, "PUT", "/api/v1/things/"+secret, `{"name":"ab"}`); got.status != 422 || strings.Contains(got.body, secret) {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestValidationNamesWhatIsWrong(t *testing.T) {
	k := newKit()
	got := k.send(t, "PUT", aThing, `{"kind":"blue","at":"x","count":2000000,"parts":[{"name":"a"},{"name":"B"},{"name":"c","more":1}],"extra":1,"Bad-Key":2}`)
	var lines []string
	for _, e := range got.problem(t).Errors {
		lines = append(lines, e.Location+" "+e.Code+" "+e.Message)
	}
	want := []string{
		"body unknown_field 不支持此字段",
		"body.at invalid_date_time 应为日期时间，如 2026-03-01T08:30:00Z",
		"body.count maximum 不得大于 1000000",
		"body.extra unknown_field 不支持此字段",
		"body.kind one_of 应为下列之一：red, yellow",
		"body.name required 必填",
		"body.parts max_items 不得超过 2 项",
		"body.parts[1].name pattern 格式不正确",
		"body.parts[2].more unknown_field 不支持此字段",
	}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(lines, "\n"))
	}
}

func TestUnknownAndDoubleNamesAreRefused(t *testing.T) {
	k := newKit()
	for path, body := range map[string]string{
		aThing:                         `{"name":"ab","NAME":"cd"}`,
		aThing + "?x=1":                `{"name":"ab"}`,
		"/api/v1/things/" + "not-a-id": `{"name":"ab"}`,
	} {
		if got := k.send(t, "PUT", path, body); got.status != 422 {
			t.Errorf("%s %s answered %d", path, body, got.status)
		}
	}
	if k.got.Body.Name != "" {
		t.Error("the handler was called")
	}
	if got := k.send(t, "GET", "/api/v1/things?ticket=1", ""); got.problem(t).Errors[0].Location != "query.ticket" {
		t.Errorf("%s", got.body)
	}
}

func TestBodyLimit(t *testing.T) {
	k := newKit()
	pad := func(size int) string {
		head := `{"name":"ab"`
		return head + strings.Repeat(" ", size-len(head)-1) + "}"
	}
	if got := k.send(t, "PUT", aThing, pad(1<<20)); got.status != 200 {
		t.Errorf("a body at the limit answered %d %s", got.status, got.body)
	}
	if got := k.send(t, "PUT", aThing, pad(1<<20+1)); got.status != 413 || got.problem(t).Code != "body_too_large" {
		t.Errorf("a body above the limit answered %d", got.status)
	}
	binary := "Content-Type: application/octet-stream"
	if got := k.send(t, "POST", "/api/v1/upload", pad(2<<20), binary); got.status != 201 || k.uploaded != 2<<20 {
		t.Errorf("an upload at its own limit answered %d with %d bytes", got.status, k.uploaded)
	}
	if got := k.send(t, "POST", "/api/v1/upload", pad(2<<20+1), binary); got.status != 413 {
		t.Errorf("an upload above its own limit answered %d", got.status)
	}
	form := "--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n" + strings.Repeat("a", 2<<20) + "\r\n--x--\r\n"
	if got := k.send(t, "PUT", aThing, form, "Content-Type: multipart/form-data; boundary=x"); got.status != 415 {
		t.Errorf("a form answered %d", got.status)
	}
}

func TestDeclaredMediaTypeIsNotBelieved(t *testing.T) {
	k := newKit()
	for header, want := range map[string]int{
		"Content-Type: application/json":                    200,
		"Content-Type: application/json; charset=UTF-8":     200,
		"Accept: text/html":                                 200,
		"Content-Type: application/json; charset=gbk":       415,
		"Content-Type: evil+json":                           415,
		"Content-Type: text/plain":                          415,
		"Content-Type: application/x-www-form-urlencoded":   415,
		"Content-Type: ;;":                                  415,
		"Content-Encoding: gzip":                            415,
		"Content-Type: application/merge-patch+json; a=b;c": 415,
	} {
		got := k.send(t, "PUT", aThing, `{"name":"ab"}`, header)
		if got.status != want {
			t.Errorf("%s answered %d", header, got.status)
		}
		if want == 200 && got.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s answered %s", header, got.header.Get("Content-Type"))
		}
	}
	if got := k.send(t, "PUT", aThing, "\x1f\x8b\x08\x00binary", "Content-Type: application/json"); got.status != 400 || got.problem(t).Code != "malformed_body" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := k.send(t, "PUT", aThing, ""); got.status != 400 || got.problem(t).Code != "body_required" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestPanicHasABody(t *testing.T) {
	k := newKit()
	k.panics = "map of " + secret
	got := k.send(t, "GET", aThing, "")
	if got.status != 500 || got.problem(t).Code != "internal" || strings.Contains(got.body, secret) {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if strings.Count(k.logged(), secret) != 1 || !strings.Contains(k.logged(), "kit_test.go") {
		t.Errorf("log: %s", k.logged())
	}
	// What cannot be encoded is no half answer either.
	k.panics, k.thing.Record = nil, func() {}
	if got := k.send(t, "GET", aThing, ""); got.status != 500 || got.problem(t).Code != "internal" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestPanicInAStreamBreaksTheConnection(t *testing.T) {
	k := newKit()
	k.panics = "late"
	server := httptest.NewServer(k)
	defer server.Close()
	response, err := server.Client().Get(server.URL + "/api/v1/stream?ticket=cadre")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err = response.Body.Read(make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	if _, err = response.Body.Read(make([]byte, 64)); err == nil || err.Error() == "EOF" {
		t.Errorf("the stream ended as if it were whole: %v", err)
	}
}

func TestBodiesHaveNoSchemaLinkAndNoNullArrays(t *testing.T) {
	k := newKit()
	k.thing = thing{Name: "<&>", Parts: []part{{Name: "p"}}, Record: map[string]any{"inner": part{Name: "q"}}}
	got := k.send(t, "GET", aThing, "")
	want := `{"id":"00000000-0000-0000-0000-000000000000","name":"<&>","tags":[],"parts":[{"name":"p","labels":[]}],"record":{"inner":{"name":"q","labels":[]}}}` + "\n"
	if got.status != 200 || got.body != want {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got.header.Get("Link") != "" {
		t.Error("the answer links to a schema")
	}
	if got := k.send(t, "GET", "/api/v1/things", ""); got.body != `{"items":[]}`+"\n" {
		t.Errorf("%s", got.body)
	}
	spec, _, err := k.Spec()
	if err != nil {
		t.Fatal(err)
	}
	for _, trap := range []string{"$schema", "- array\n"} {
		if strings.Contains(string(spec), trap) {
			t.Errorf("the spec contains %q", trap)
		}
	}
}

// A router that is not handed out cannot get middleware after an operation; what New is given runs for every one.
func TestMiddlewareRunsForEveryRoute(t *testing.T) {
	seen := map[string]bool{}
	k := newKit(func(o *api.Options) { o.Middleware = append(o.Middleware, remember(seen)) })
	for _, route := range k.Routes() {
		k.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(route.Method, strings.ReplaceAll(route.Path, "{id}", "x"), http.NoBody))
		if !seen[route.Method+" "+route.Path] {
			t.Errorf("%s %s is served without the middleware", route.Method, route.Path)
		}
	}
}

func TestRawRoutesAreOnTheList(t *testing.T) {
	allowed := map[string]bool{
		"GET /docs": true, "GET /docs/init.js": true, "GET /docs/swagger-ui-bundle.js": true, "GET /docs/swagger-ui.css": true,
		"GET /docs/favicon.png": true, "GET /openapi.yaml": true, "GET /metrics": true,
		"GET /healthz": true, // registered by these tests
	}
	operations := 0
	k := newKit()
	for _, route := range k.Routes() {
		if !route.Raw {
			operations++
			continue
		}
		if !allowed[route.Method+" "+route.Path] {
			t.Errorf("%s %s is served, not in the spec and not on the list", route.Method, route.Path)
		}
	}
	if operations != len(k.Operations()) {
		t.Errorf("%d operations served, %d registered", operations, len(k.Operations()))
	}
}

func TestRegisterRefusesWhatMakesNoSense(t *testing.T) {
	for name, op := range map[string]api.Op{
		"roles and public":  {ID: "a", Method: "GET", Path: "/a", Tag: "t", Summary: "s", Public: true, Needs: models.Staff},
		"nobody":            {ID: "a", Method: "GET", Path: "/a", Tag: "t", Summary: "s"},
		"no summary":        {ID: "a", Method: "GET", Path: "/a", Tag: "t", Public: true},
		"unknown role":      {ID: "a", Method: "GET", Path: "/a", Tag: "t", Summary: "s", Needs: []models.Role{"boss"}},
		"the same id twice": {ID: "ping", Method: "GET", Path: "/a", Tag: "t", Summary: "s", Public: true},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if reason := recover(); reason == nil || !strings.Contains(fmt.Sprint(reason), "api: operation") {
					t.Errorf("recovered %v", reason)
				}
			}()
			api.Register(newKit().API, op, nothing)
		})
	}
}
