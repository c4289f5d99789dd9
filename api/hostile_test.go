package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"lianqi/api"
	"lianqi/models"
)

type nested struct {
	ID    uuid.UUID                   `json:"id"`
	At    time.Time                   `json:"at"`
	Note  string                      `json:"note,omitempty"`
	Until *time.Time                  `json:"until,omitempty"`
	Other *uuid.UUID                  `json:"other,omitempty"`
	Moved api.Patch[time.Time]        `json:"moved,omitzero"`
	Inner []nested                    `json:"inner,omitempty"`
	IDs   []uuid.UUID                 `json:"ids,omitempty" uniqueItems:"true"`
	Owner api.Patch[uuid.UUID]        `json:"owner,omitzero" nullable:"true"`
	Notes api.Patch[[]string]         `json:"notes,omitzero"`
	Named map[string]string           `json:"named,omitempty"`
	Spare uuid.UUID                   `json:"spare,omitzero"`
	Seen  time.Time                   `json:"seen,omitzero"`
	Whole api.Patch[map[string]int64] `json:"whole,omitzero"`
	Roles api.Patch[[]string]         `json:"roles,omitzero" uniqueItems:"true"`
}

type nestedInput struct {
	ID     uuid.UUID `path:"id"`
	Owner  uuid.UUID `query:"owner"`
	After  time.Time `query:"after"`
	Search string    `query:"search"`
	Clock  time.Time `header:"Client-Time" timeFormat:"2006-01-02T15:04:05.999999999Z07:00"`
	Body   nested
}

type hostileKit struct {
	*api.API
	got *nestedInput
}

func newHostileKit() *hostileKit {
	k := &hostileKit{API: newKit().API}
	api.Register(k.API, api.Op{ID: "nest", Method: "PUT", Path: "/nests/{id}", Tag: "test", Summary: "Nest", Needs: models.Staff},
		func(_ context.Context, in *nestedInput) (*struct{}, error) {
			k.got = in
			return nil, nil
		})
	api.Register(k.API, api.Op{ID: "small", Method: "POST", Path: "/small", Tag: "test", Summary: "Small", Public: true, MaxBody: 64},
		func(context.Context, *struct {
			Body struct {
				Name string `json:"name"`
			}
		},
		) (*struct{}, error) {
			return nil, nil
		})
	return k
}

const aNest = "/api/v1/nests/01890000-0000-7000-8000-00000000000a"

func (k *hostileKit) send(t testing.TB, method, path, body string, headers ...string) answer {
	t.Helper()
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	request.Header.Set("Authorization", "Bearer cadre")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		request.Header.Set(name, value)
	}
	recorder := httptest.NewRecorder()
	k.ServeHTTP(recorder, request)
	return answer{recorder.Code, recorder.Header(), recorder.Body.String()}
}

// wrong is what an answer says is wrong: "code", and "location code" of each error.
func (a answer) wrong(t *testing.T) string {
	t.Helper()
	if a.status < 400 {
		return fmt.Sprint(a.status)
	}
	p := a.problem(t)
	lines := []string{p.Code}
	for _, e := range p.Errors {
		lines = append(lines, e.Location+" "+e.Code)
	}
	return strings.Join(lines, ", ")
}

func unknownFields(n int) string {
	var b strings.Builder
	b.WriteString(`{"name":"ab"`)
	for i := range n {
		fmt.Fprintf(&b, `,"f%d":0`, i)
	}
	return b.String() + "}"
}

func TestManyErrorsCostNoMoreThanTheirNumber(t *testing.T) {
	k := newKit()
	cost := func(n int) float64 {
		body := unknownFields(n)
		return testing.AllocsPerRun(3, func() {
			request := httptest.NewRequest(http.MethodPut, aThing, strings.NewReader(body))
			request.Header.Set("Authorization", "Bearer cadre")
			recorder := httptest.NewRecorder()
			k.ServeHTTP(recorder, request)
			var p api.Problem
			if err := json.Unmarshal(recorder.Body.Bytes(), &p); err != nil || recorder.Code != 422 || len(p.Errors) != 50 {
				t.Fatalf("%d with %d errors: %v", recorder.Code, len(p.Errors), err)
			}
		})
	}
	if few, many := cost(1_000), cost(10_000); many > 12*few {
		t.Errorf("1000 unknown fields cost %.0f allocations, 10000 cost %.0f", few, many)
	}
	for name, body := range map[string]string{
		"members": unknownFields(100_000)[:1<<20-1] + "}",
		"items":   `{"name":"ab","parts":[` + strings.Repeat("0,", 30_000) + `0]}`,
		"objects": `{"name":"ab","parts":[` + strings.Repeat("{},", 1_000) + `{}]}`,
	} {
		if got := k.send(t, "PUT", aThing, body); got.status != 413 || got.problem(t).Code != "body_too_large" || len(got.body) > 1000 {
			t.Errorf("%s: %d %.200s", name, got.status, got.body)
		}
	}
	// A name with dots in it is not looked for behind every one of them, and not repeated.
	if got := k.send(t, "PUT", aThing, `{"name":"ab","`+strings.Repeat("a.", 100_000)+`":1,"b.c":2}`).wrong(t); got != "validation_failed, body unknown_field, body unknown_field" {
		t.Errorf("%.200s", got)
	}
}

func TestLimitsBelowTheDefault(t *testing.T) {
	k := newHostileKit()
	if got := k.send(t, "POST", "/api/v1/small", `{"name":"`+strings.Repeat("a", 53)+`"}`); got.status != 204 {
		t.Errorf("a body at the limit answered %d", got.status)
	}
	if got := k.send(t, "POST", "/api/v1/small", `{"name":"`+strings.Repeat("a", 54)+`"}`); got.status != 413 {
		t.Errorf("a body above the limit answered %d", got.status)
	}
}

func TestTextsAreReadable(t *testing.T) {
	k := newHostileKit()
	body := func(more string) string {
		return `{"id":"01890000-0000-7000-8000-00000000000b","at":"2026-03-02T08:00:00Z"` + more + `}`
	}
	for more, want := range map[string]string{
		`,"note":"\t\r\n€—★"`:                         "204",
		`,"note":"\u0000"`:                            "validation_failed, body.note invalid_text",
		`,"note":"\u001b[31m"`:                        "validation_failed, body.note invalid_text",
		`,"note":"\u007f"`:                            "validation_failed, body.note invalid_text",
		`,"note":"a\u202eb"`:                          "validation_failed, body.note invalid_text",
		`,"note":"a\u2066b"`:                          "validation_failed, body.note invalid_text",
		`,"note":"a\u2069"`:                           "validation_failed, body.note invalid_text",
		`,"notes":["a","\u0001"]`:                     "validation_failed, body.notes[1] invalid_text",
		`,"named":{"a":"\u0001"}`:                     "validation_failed, body.named invalid_text",
		`,"named":{"\u0001":"a"}`:                     "validation_failed, body.named invalid_text",
		`,"inner":[` + body(`,"note":"\u0000"`) + `]`: "validation_failed, body.inner[0].note invalid_text",
	} {
		if got := k.send(t, "PUT", aNest, body(more)).wrong(t); got != want {
			t.Errorf("%s: %s", more, got)
		}
	}
	for query, want := range map[string]string{
		"?search=%E5%A5%BD":    "204",
		"?search=%00":          "validation_failed, query.search invalid_text",
		"?search=%FF":          "validation_failed, query.search invalid_text",
		"?search=%E2%80%AE":    "validation_failed, query.search invalid_text",
		"?search=%E2%80":       "validation_failed, query.search invalid_text",
		"?search=a%0A%C2%80bc": "204",
	} {
		if got := k.send(t, "PUT", aNest+query, body("")).wrong(t); got != want {
			t.Errorf("%s: %s", query, got)
		}
	}
}

func TestInstantsAndIDsThatMeanNothing(t *testing.T) {
	k := newHostileKit()
	const nilID, id = "00000000-0000-0000-0000-000000000000", "01890000-0000-7000-8000-00000000000b"
	for body, want := range map[string]string{
		`"at":"0000-06-01T00:00:00Z"`:                                                "body.at out_of_range",
		`"at":"0001-01-01T00:00:00Z"`:                                                "body.at out_of_range",
		`"at":"0001-01-01T00:00:00+08:00"`:                                           "body.at out_of_range",
		`"at":"0001-01-01T00:00:01Z"`:                                                "",
		`"at":"9999-12-31T23:59:59Z"`:                                                "",
		`"at":"9999-12-31T23:59:59-01:00"`:                                           "body.at out_of_range",
		`"at":"2026-03-02T08:00:00Z","until":"0001-01-01T00:00:00Z"`:                 "body.until out_of_range",
		`"at":"2026-03-02T08:00:00Z","moved":"0000-01-01T00:00:00Z"`:                 "body.moved out_of_range",
		`"at":"2026-03-02T08:00:00Z","owner":"` + nilID + `"`:                        "body.owner invalid_uuid",
		`"at":"2026-03-02T08:00:00Z","owner":null`:                                   "",
		`"at":"2026-03-02T08:00:00Z","other":"` + nilID + `"`:                        "body.other invalid_uuid",
		`"at":"2026-03-02T08:00:00Z","ids":["` + id + `","` + nilID + `"]`:           "body.ids[1] invalid_uuid",
		`"at":"2026-03-02T08:00:00Z","other":"{` + id + `}"`:                         "body.other invalid_uuid",
		`"at":"2026-03-02T08:00:00Z","other":"urn:uuid:` + id + `"`:                  "body.other invalid_uuid",
		`"at":"2026-03-02T08:00:00Z","other":"01890000000070008000000000000b"`:       "body.other invalid_uuid",
		`"at":"2026-03-02T08:00:00Z","other":"01890000-0000-7000-8000-00000000000B"`: "",
	} {
		if want = "validation_failed, " + want; want == "validation_failed, " {
			want = "204"
		}
		if got := k.send(t, "PUT", aNest, `{"id":"`+id+`",`+body+`}`).wrong(t); got != want {
			t.Errorf("%s: %s", body, got)
		}
	}
	whole := `{"id":"` + id + `","at":"2026-03-02T08:00:00Z"}`
	if got := k.send(t, "PUT", aNest, strings.Replace(whole, id, nilID, 1)).wrong(t); got != "validation_failed, body.id invalid_uuid" {
		t.Error(got)
	}
	for path, want := range map[string]string{
		"/api/v1/nests/" + nilID:                          "path.id invalid_uuid",
		"/api/v1/nests/{" + id + "}":                      "path.id invalid_uuid",
		"/api/v1/nests/urn:uuid:" + id:                    "path.id invalid_uuid",
		"/api/v1/nests/x":                                 "path.id invalid_uuid",
		aNest + "?owner=" + nilID:                         "query.owner invalid_uuid",
		aNest + "?owner=018900000000700080000000000000ab": "query.owner invalid_uuid",
		aNest + "?after=0001-01-01T00:00:00Z":             "query.after out_of_range",
		aNest + "?after=0000-01-01T00:00:00Z":             "query.after out_of_range",
	} {
		if got := k.send(t, "PUT", path, whole).wrong(t); got != "validation_failed, "+want {
			t.Errorf("%s: %s", path, got)
		}
	}
	for clock, want := range map[string]string{"": "204", "0001-01-01T00:00:00Z": "validation_failed, header.Client-Time out_of_range"} {
		if got := k.send(t, "PUT", aNest, whole, "Client-Time: "+clock).wrong(t); got != want {
			t.Errorf("Client-Time %q: %s", clock, got)
		}
	}
}

func TestItemsOfAUniqueList(t *testing.T) {
	k := newHostileKit()
	const id = "01890000-0000-7000-8000-00000000000b"
	for body, want := range map[string]string{
		`"ids":["` + id + `"],"roles":["a","b"]`:             "204",
		`"ids":["` + id + `","` + strings.ToUpper(id) + `"]`: "validation_failed, body.ids not_unique",
		`"roles":["a","b","a","a"]`:                          "validation_failed, body.roles not_unique",
		`"ids":[{},{}]`:                                      "validation_failed, body.ids[0] expected_string, body.ids[1] expected_string",
	} {
		if got := k.send(t, "PUT", aNest, `{"id":"`+id+`","at":"2026-03-02T08:00:00Z",`+body+`}`).wrong(t); got != want {
			t.Errorf("%s: %s", body, got)
		}
	}
	spec, old, err := k.Spec()
	if err != nil || strings.Count(string(spec), "uniqueItems: true") != 2 || strings.Count(string(old), "uniqueItems: true") != 2 {
		t.Errorf("the spec does not say which lists are unique: %v", err)
	}
}

func TestQueriesAreReadWholeOrNotAtAll(t *testing.T) {
	k := newKit()
	for query, want := range map[string]string{
		"limit=5&state=open":    "200",
		"limit=1;purpose=x":     "validation_failed, query malformed_query",
		"limit=%zz":             "validation_failed, query malformed_query",
		"state=open&x=%":        "validation_failed, query malformed_query",
		"limit=5&limit=5":       "validation_failed, query.limit too_many_values",
		"A-b=1&A-b=2":           "validation_failed, query too_many_values",
		"state=done&state=open": "validation_failed, query.state too_many_values",
	} {
		if got := k.send(t, "GET", "/api/v1/things?"+query, "").wrong(t); got != want {
			t.Errorf("%s: %s", query, got)
		}
	}
}

func TestMergePatchHasItsMediaType(t *testing.T) {
	k := newKit()
	for header, want := range map[string]int{
		"Content-Type: application/merge-patch+json":                200,
		"Content-Type: application/merge-patch+json; charset=utf-8": 200,
		"Content-Type: application/json":                            200,
		"Content-Type: application/json-patch+json":                 415,
	} {
		if got := k.send(t, "PATCH", aThing, `{"name":"ab"}`, header, `If-Match: "3"`); got.status != want {
			t.Errorf("%s answered %d %s", header, got.status, got.body)
		}
	}
	spec, _, err := k.Spec()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(spec), "application/merge-patch+json:") != 1 {
		t.Error("the spec does not list the media type once")
	}
}

func TestOneVersionIsMatched(t *testing.T) {
	k := newKit()
	for _, match := range []string{`"+3"`, `"03"`, `"3", "4"`, `*`, `" 3"`, `"-3"`} {
		if got := k.send(t, "PATCH", aThing, `{}`, "If-Match: "+match); got.status != 412 {
			t.Errorf("If-Match %s answered %d", match, got.status)
		}
	}
}

func TestOnlyReadingIsKept(t *testing.T) {
	k := newKit()
	for _, c := range []struct{ method, path, body, want string }{
		{"GET", aThing, "", "private, no-cache"},
		{"PUT", aThing, `{"name":"ab"}`, "no-store"},
		{"POST", "/api/v1/me/password", "", "no-store"},
		{"GET", "/api/v1/ping", "", "no-store"},
	} {
		if got := k.send(t, c.method, c.path, c.body); got.header.Get("Cache-Control") != c.want {
			t.Errorf("%s %s has Cache-Control %q", c.method, c.path, got.header.Get("Cache-Control"))
		}
	}
}

func TestHeadIsNoWayAround(t *testing.T) {
	server := httptest.NewServer(newKit())
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodHead, server.URL+aThing, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusMethodNotAllowed || response.Header.Get("Content-Type") != "application/problem+json" || len(body) > 0 || response.ContentLength > 0 {
		t.Errorf("%d %v %q %v", response.StatusCode, response.Header, body, err)
	}
}
