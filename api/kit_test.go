package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"lianqi/api"
	"lianqi/internal/testkit"
	"lianqi/models"
)

// The operations of these tests: one of each shape that the product has.

type thing struct {
	ID       uuid.UUID `json:"id"`
	Name     string    `json:"name"`
	Tags     []string  `json:"tags"`
	Parts    []part    `json:"parts"`
	Optional []string  `json:"optional,omitempty"`
	Record   any       `json:"record,omitempty"`
}

type part struct {
	Name   string   `json:"name"`
	Labels []string `json:"labels"`
}

type thingBody struct {
	Name     string    `json:"name" minLength:"2" maxLength:"8"`
	Password string    `json:"password,omitempty" minLength:"10"`
	Kind     string    `json:"kind,omitempty" enum:"red,yellow"`
	At       time.Time `json:"at,omitzero"`
	Count    int       `json:"count,omitempty" minimum:"1" maximum:"1000000"`
	Parts    []struct {
		Name string `json:"name" pattern:"^[a-z]+$"`
	} `json:"parts,omitempty" maxItems:"2"`
}

type putInput struct {
	ID   uuid.UUID `path:"id"`
	Body thingBody
}

type thingOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   thing
}

type patchBody struct {
	Name   api.Patch[string] `json:"name,omitzero" maxLength:"8"`
	Remark api.Patch[string] `json:"remark,omitzero" nullable:"true"`
}

type kit struct {
	*api.API
	log     *bytes.Buffer
	logLock sync.Mutex
	// thing, fails and panics decide what the operations answer.
	thing  thing
	fails  error
	panics any
	got    putInput
	patch  patchBody
	cause  models.Cause
	// address is where the last ping came from, uploaded what the last upload weighed.
	address  string
	uploaded int
	actor    models.Actor
}

// Write makes the kit the writer of its log.
func (k *kit) Write(p []byte) (int, error) {
	k.logLock.Lock()
	defer k.logLock.Unlock()
	return k.log.Write(p)
}

func (k *kit) logged() string {
	k.logLock.Lock()
	defer k.logLock.Unlock()
	return k.log.String()
}

var cadre = models.Actor{UserID: uuid.MustParse("01890000-0000-7000-8000-000000000001"), SessionID: uuid.MustParse("01890000-0000-7000-8000-000000000002"), Roles: []models.Role{models.RoleCadre}}

func authenticate(_ context.Context, token string) (models.Actor, error) {
	switch token {
	case "cadre":
		return cadre, nil
	case "first":
		a := cadre
		a.MustChangePassword = true
		return a, nil
	case "window":
		return models.Actor{UserID: uuid.MustParse("01890000-0000-7000-8000-000000000003"), Roles: []models.Role{models.RoleWindow}}, nil
	case "expired":
		return models.Actor{}, models.ErrTokenExpired
	case "broken":
		return models.Actor{}, errors.New("database secret.internal is away")
	}
	return models.Actor{}, models.ErrUnauthenticated
}

func newKit(change ...func(*api.Options)) *kit {
	k := &kit{log: &bytes.Buffer{}}
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	options := api.Options{
		Version:      "1.2.3",
		Authenticate: authenticate,
		RedeemTicket: authenticate,
		Now:          func() time.Time { return at },
		Log:          slog.New(slog.NewTextHandler(k, nil)),
		Metrics:      prometheus.NewRegistry(),
	}
	for _, f := range change {
		f(&options)
	}
	k.API = api.New(options)
	k.register()
	return k
}

func (k *kit) answer() (*thingOutput, error) {
	if k.panics != nil {
		panic(k.panics)
	}
	return &thingOutput{Body: k.thing, ETag: api.ETag(3), Status: 200}, k.fails
}

func (k *kit) register() {
	api.Register(k.API, api.Op{ID: "ping", Method: "GET", Path: "/ping", Tag: "test", Summary: "Ping", Public: true},
		func(ctx context.Context, _ *struct{}) (*struct {
			Body struct {
				OK bool `json:"ok"`
			}
		}, error,
		) {
			out := &struct {
				Body struct {
					OK bool `json:"ok"`
				}
			}{}
			out.Body.OK = true
			k.address = api.ClientAddress(ctx)
			return out, nil
		})
	api.Register(k.API, api.Op{ID: "put-thing", Method: "PUT", Path: "/things/{id}", Tag: "test", Summary: "Put", Needs: []models.Role{models.RoleCadre, models.RoleAdmin}, Also: []int{201}, Errors: []int{404, 409}},
		func(ctx context.Context, in *putInput) (*thingOutput, error) {
			k.got, k.cause, k.actor = *in, models.CauseOf(ctx), api.ActorOf(ctx)
			return k.answer()
		})
	api.Register(k.API, api.Op{ID: "get-thing", Method: "GET", Path: "/things/{id}", Tag: "test", Summary: "Get", Needs: []models.Role{models.RoleCadre}, Errors: []int{404}},
		func(_ context.Context, in *struct {
			ID uuid.UUID `path:"id"`
			api.IfNoneMatch
		},
		) (*thingOutput, error) {
			if in.Matches(3) {
				return nil, api.NotModified(3)
			}
			return k.answer()
		})
	api.Register(k.API, api.Op{ID: "patch-thing", Method: "PATCH", Path: "/things/{id}", Tag: "test", Summary: "Patch", Needs: []models.Role{models.RoleCadre}, Errors: []int{404}},
		func(_ context.Context, in *struct {
			ID uuid.UUID `path:"id"`
			api.IfMatch
			Body patchBody
		},
		) (*thingOutput, error) {
			if _, err := in.Version(); err != nil {
				return nil, err
			}
			k.patch = in.Body
			return k.answer()
		})
	api.Register(k.API, api.Op{ID: "list-things", Method: "GET", Path: "/things", Tag: "test", Summary: "List", Needs: []models.Role{models.RoleCadre}},
		func(context.Context, *struct {
			Limit int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
			State string `query:"state" enum:"open,done"`
		},
		) (*struct{ Body api.Page[thing] }, error) {
			return &struct{ Body api.Page[thing] }{}, k.fails
		})
	api.Register(k.API, api.Op{ID: "change-password", Method: "POST", Path: "/me/password", Tag: "test", Summary: "Password", Needs: models.Staff, BeforePasswordChange: true},
		func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
	api.Register(k.API, api.Op{ID: "stream", Method: "GET", Path: "/stream", Tag: "test", Summary: "Stream", Needs: models.Staff, Ticket: true, Produces: "text/event-stream"},
		func(context.Context, *struct {
			Ticket string `query:"ticket"`
		},
		) (*huma.StreamResponse, error) {
			return &huma.StreamResponse{Body: func(ctx huma.Context) {
				c := api.Gin(ctx)
				c.Header("Content-Type", "text/event-stream")
				_, _ = io.WriteString(c.Writer, ": hello\n\n")
				c.Writer.Flush()
				if k.panics != nil {
					panic(k.panics)
				}
			}}, nil
		})
	api.Register(k.API, api.Op{ID: "upload", Method: "POST", Path: "/upload", Tag: "test", Summary: "Upload", Needs: models.Staff, MaxBody: 2 << 20, Status: 201},
		func(_ context.Context, in *struct {
			RawBody []byte `contentType:"application/octet-stream"`
		},
		) (*struct{}, error) {
			k.uploaded = len(in.RawBody)
			return nil, nil
		})
	k.Raw("GET", "/healthz", func(c *gin.Context) { c.Status(http.StatusOK) })
}

const aThing = "/api/v1/things/01890000-0000-7000-8000-00000000000a"

type answer struct {
	status int
	header http.Header
	body   string
}

// problem reads the answer as a problem.
func (a answer) problem(t *testing.T) api.Problem {
	t.Helper()
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("media type %q, body %s", got, a.body)
	}
	var p api.Problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	if p.Status != a.status || p.RequestID == "" || p.Title == "" || p.Detail == "" || p.Type != "urn:lianqi:problem:"+p.Code {
		t.Errorf("incomplete problem: %+v", p)
	}
	return p
}

// send makes a request with headers ("Name: value") and checks the exchange against the spec.
func (k *kit) send(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	if body == "" {
		request.Body = http.NoBody
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		request.Header.Set(name, value)
	}
	if request.Header.Get("Authorization") == "" {
		request.Header.Set("Authorization", "Bearer cadre")
	}
	recorder := httptest.NewRecorder()
	k.ServeHTTP(recorder, request)
	response := recorder.Result()
	got := recorder.Body.String()
	known := response.StatusCode != http.StatusMethodNotAllowed && !strings.HasPrefix(path, "/api/v1/nothing") && !strings.HasSuffix(path, "/")
	if known && strings.HasPrefix(path, api.Prefix) {
		k.contract(t).Check(t, request, []byte(body), response, []byte(got))
	}
	return answer{response.StatusCode, response.Header, got}
}

func (k *kit) contract(t *testing.T) *testkit.Contract {
	t.Helper()
	contract, err := sharedContract()
	if err != nil {
		t.Fatal(err)
	}
	return contract
}

var sharedContract = sync.OnceValues(func() (*testkit.Contract, error) {
	spec, _, err := newKit().Spec()
	if err != nil {
		return nil, err
	}
	return testkit.NewContract(spec)
})
