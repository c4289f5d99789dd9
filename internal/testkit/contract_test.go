package testkit_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"lianqi/internal/testkit"
)

const spec = `openapi: 3.1.0
info: {title: test, version: "1"}
servers: [{url: /api/v1}]
paths:
  /things/{id}:
    get:
      operationId: get-thing
      parameters:
        - {name: id, in: path, required: true, schema: {type: string}}
        - {name: limit, in: query, schema: {type: integer}}
      responses:
        "200":
          description: OK
          content:
            application/json:
              schema:
                type: object
                required: [name]
                additionalProperties: false
                properties: {name: {type: string}, tags: {type: array, items: {type: string}}}
  /stream:
    get:
      operationId: stream
      responses:
        "200":
          description: OK
          content: {text/event-stream: {schema: {type: string}}}
`

// failures records what the contract reports instead of failing the test.
type failures struct {
	testing.TB
	mu   sync.Mutex
	text []string
}

func (f *failures) Helper() {}

func (f *failures) Errorf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.text = append(f.text, fmt.Sprintf(format, args...))
}

func TestContractFindsWhatIsNotAgreed(t *testing.T) {
	contract, err := testkit.NewContract([]byte(spec), "GET /healthz", "GET /docs/*")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		path, media, body string
		status            int
		ok                bool
	}{
		"as agreed":             {"/api/v1/things/1", "application/json", `{"name":"a","tags":[]}`, 200, true},
		"a stream":              {"/api/v1/stream", "text/event-stream", "", 200, true},
		"a raw route":           {"/healthz", "text/plain", "x", 200, true},
		"below a raw route":     {"/docs/init.js", "text/plain", "x", 200, true},
		"missing member":        {"/api/v1/things/1", "application/json", `{}`, 200, false},
		"undeclared member":     {"/api/v1/things/1", "application/json", `{"name":"a","more":1}`, 200, false},
		"null array":            {"/api/v1/things/1", "application/json", `{"name":"a","tags":null}`, 200, false},
		"undeclared status":     {"/api/v1/things/1", "application/json", `{"name":"a"}`, 201, false},
		"undeclared media type": {"/api/v1/things/1", "text/html", `{"name":"a"}`, 200, false},
		"no media type":         {"/api/v1/things/1", "", `{"name":"a"}`, 200, false},
		"unknown route":         {"/api/v1/nothing", "application/json", `{}`, 200, false},
		"unknown raw route":     {"/other", "text/plain", "x", 200, false},
		"request not agreed":    {"/api/v1/things/1?limit=x", "application/json", `{"name":"a"}`, 200, false},
	} {
		t.Run(name, func(t *testing.T) {
			response := &http.Response{StatusCode: c.status, Header: http.Header{}}
			if c.media != "" {
				response.Header.Set("Content-Type", c.media)
			}
			f := &failures{TB: t}
			contract.Check(f, httptest.NewRequest(http.MethodGet, c.path, http.NoBody), nil, response, []byte(c.body))
			if (len(f.text) == 0) != c.ok {
				t.Errorf("reported %q", f.text)
			}
		})
	}
}

func TestTransportPassesBodiesOn(t *testing.T) {
	contract, err := testkit.NewContract([]byte(spec))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"name":%q}`, body)
	}))
	defer server.Close()
	f := &failures{TB: t}
	client := &http.Client{Transport: contract.Transport(f, http.DefaultTransport)}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			request, err := http.NewRequest(http.MethodGet, server.URL+"/api/v1/things/1", strings.NewReader("sent"))
			if err != nil {
				t.Error(err)
				return
			}
			response, err := client.Do(request)
			if err != nil {
				t.Error(err)
				return
			}
			body, err := io.ReadAll(response.Body)
			if err != nil || string(body) != `{"name":"sent"}` {
				t.Errorf("%s %v", body, err)
			}
			_ = response.Body.Close()
		})
	}
	wait.Wait()
	if len(f.text) > 0 {
		t.Errorf("%q", f.text)
	}
}
