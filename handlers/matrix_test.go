package handlers_test

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"lianqi/api"
	"lianqi/internal/testkit/world"
	"lianqi/models"
)

// request is one call of an operation, made anew for each caller.
type request struct {
	path    string
	body    any
	headers []string
}

// expectation says what an operation answers to whom: "200: admin cadre; 403: others". The newcomer, who still has to
// change the password, is refused unless the operation is in beforePasswordChange; who has no good token always is,
// unless it is in public. Several expectations of one operation are about different records.
type expectation struct {
	operation, record string
	make              func(s *scene) request
	want              string
	// fresh gives every caller a session of their own, because the operation ends it.
	fresh bool
}

// beforePasswordChange and public are stated here and not taken from the operations: an operation that is opened by
// mistake is found.
var (
	beforePasswordChange = []string{"logout", "get-me", "change-me", "change-password"}
	public               = []string{"login", "refresh"}
)

// scene is the world of the matrix: a visit of the cadre to the mill, with an urgent problem for the finance office.
type scene struct {
	*world.World
	t       *testing.T
	caller  models.User
	client  *world.Client
	visit   string
	problem string
	notice  string // the dispatcher's notification of the visit
	serial  int
}

func (s *scene) next() int {
	s.serial++
	return s.serial
}

// etag is the ETag of what an administrator reads at path.
func (s *scene) etag(path string) string {
	s.t.Helper()
	return "If-Match: " + s.As(s.Admin).Want(200, "GET", path, nil).Header.Get("ETag")
}

// stranger is an account that nobody else needs.
func (s *scene) stranger() string {
	return "/users/" + s.AddUser(models.User{Phone: fmt.Sprintf("137%08d", s.next()), Roles: []models.Role{models.RoleCadre}}).ID.String()
}

func (s *scene) company() models.Enterprise {
	return s.AddEnterprise(fmt.Sprintf("91430482%09d", s.next()), "新厂")
}

func creation(b body) body { return with(b, body{"operation_id": newID()}) }

func action() body { return body{"operation_id": newID(), "expected_version": 1} }

func at(format string, args ...any) func(*scene) request {
	return func(s *scene) request { return request{path: fmt.Sprintf(format, args...)} }
}

func TestEveryOperationAnswersEverybody(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		problem := problemOf("finance", "urgent")
		s := &scene{World: w, t: t, visit: recordVisit(w, problem), problem: problem["id"].(string)}
		s.notice = w.As(w.Dispatcher).Want(200, "GET", "/me/notifications", nil).Text("items", 0, "id")
		tokens := badTokens(t, w)
		operations := map[string]api.Op{}
		for _, op := range w.API.Operations() {
			operations[op.ID] = op
			if !slices.ContainsFunc(expectations, func(e expectation) bool { return e.operation == op.ID }) {
				t.Errorf("nobody says what %s answers", op.ID)
			}
		}
		for _, e := range expectations {
			op, ok := operations[e.operation]
			if !ok {
				t.Errorf("there is no operation %s", e.operation)
				continue
			}
			t.Run(strings.TrimSpace(e.operation+" "+e.record), func(t *testing.T) {
				s.t = t
				s.people(op, e)
				s.newcomer(op, e)
				s.tokens(op, e, tokens)
			})
		}
	})
}

// callers are the people of the matrix by their short names.
func (s *scene) callers() map[string]models.User {
	return map[string]models.User{
		"admin": s.Admin, "main": s.MainLeader, "leader": s.Leader, "leader2": s.OtherLeader, "head": s.Head, "dispatcher": s.Dispatcher,
		"window": s.Window, "reviewer": s.Reviewer, "cadre": s.Cadre, "cadre2": s.OtherCadre, "boss": s.Boss, "boss2": s.OtherBoss,
	}
}

// wanted reads an expectation.
func (s *scene) wanted(e expectation) map[string]int {
	s.t.Helper()
	wanted, others := map[string]int{}, 0
	for part := range strings.SplitSeq(e.want, ";") {
		code, names, _ := strings.Cut(strings.TrimSpace(part), ": ")
		status, err := strconv.Atoi(code)
		if err != nil {
			s.t.Fatalf("expectation %q: %v", e.want, err)
		}
		for name := range strings.FieldsSeq(names) {
			if name == "others" {
				others = status
			} else {
				wanted[name] = status
			}
		}
	}
	for name := range s.callers() {
		if wanted[name] == 0 {
			wanted[name] = others
		}
	}
	return wanted
}

func (s *scene) people(op api.Op, e expectation) {
	s.t.Helper()
	wanted := s.wanted(e)
	for name, user := range s.callers() {
		c := s.As(user)
		if e.fresh {
			c = s.Login(user)
		}
		s.caller, s.client = user, c
		if got := s.status(c, op, e.make(s)); got.Status != wanted[name] {
			s.t.Errorf("%s gets %d, want %d: %s", name, got.Status, wanted[name], got.Body)
		}
	}
}

// status makes the call; a stream is left as soon as it begins.
func (s *scene) status(c *world.Client, op api.Op, r request) world.Answer {
	s.t.Helper()
	if op.Produces != "text/event-stream" {
		return c.Do(op.Method, r.path, r.body, r.headers...)
	}
	asked, err := c.Request(s.t.Context(), op.Method, r.path, r.body, r.headers...)
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := s.HTTP.Do(asked)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer := world.Answer{Status: response.StatusCode, Header: response.Header}
	if answer.Status != http.StatusOK {
		if answer.Body, err = io.ReadAll(response.Body); err != nil {
			s.t.Fatal(err)
		}
	}
	return answer
}

func (s *scene) newcomer(op api.Op, e expectation) {
	s.t.Helper()
	c := s.Login(s.Newcomer)
	s.caller, s.client = s.Newcomer, c
	got := s.status(c, op, e.make(s))
	switch {
	case slices.Contains(beforePasswordChange, op.ID), slices.Contains(public, op.ID):
		if want := s.wanted(e)["cadre"]; got.Status != want {
			s.t.Errorf("the newcomer gets %d, want %d: %s", got.Status, want, got.Body)
		}
	case got.Status != http.StatusForbidden:
		s.t.Errorf("the newcomer gets %d: %s", got.Status, got.Body)
	case got.Text("code") != "password_change_required" && got.Text("code") != "forbidden":
		s.t.Errorf("the newcomer gets the code %s", got.Text("code"))
	}
}

// tokens brings every bad token, and none.
func (s *scene) tokens(op api.Op, e expectation, tokens map[string]badToken) {
	s.t.Helper()
	s.caller, s.client = s.Cadre, s.As(s.Cadre)
	for name, bad := range tokens {
		r := e.make(s)
		c := s.Anonymous()
		c.Token = bad.token
		got := s.status(c, op, r)
		if slices.Contains(public, op.ID) {
			if want := s.wanted(e)["cadre"]; got.Status != want {
				s.t.Errorf("%s gets %d, want %d: %s", name, got.Status, want, got.Body)
			}
			continue
		}
		if got.Status != http.StatusUnauthorized || got.Text("code") != bad.code || got.Header.Get("WWW-Authenticate") == "" {
			s.t.Errorf("%s gets %d %s, want 401 %s", name, got.Status, got.Text("code"), bad.code)
		}
	}
}

type badToken struct{ token, code string }

// badTokens are no token, an expired one, and forgeries of the administrator's.
func badTokens(t *testing.T, w *world.World) map[string]badToken {
	t.Helper()
	keys, err := w.DB.Read(t.Context()).SigningKeys()
	if err != nil || len(keys) == 0 {
		t.Fatal("no signing key", err)
	}
	var claims jwt.MapClaims
	good := w.As(w.Admin).Token
	parsed, _, err := jwt.NewParser().ParseUnverified(good, &claims)
	if err != nil {
		t.Fatal(err)
	}
	kid := parsed.Header["kid"]
	foreign := make([]byte, 32)
	_, _ = rand.Read(foreign)
	sign := func(method jwt.SigningMethod, kid, key any, changes jwt.MapClaims) string {
		t.Helper()
		c := jwt.MapClaims{}
		for _, set := range []jwt.MapClaims{claims, changes} {
			for name, value := range set {
				if c[name] = value; value == nil {
					delete(c, name)
				}
			}
		}
		token := jwt.NewWithClaims(method, c)
		if kid != nil {
			token.Header["kid"] = kid
		}
		text, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	hs, own := jwt.SigningMethodHS256, keys[0].Secret
	past := jwt.MapClaims{"exp": jwt.NewNumericDate(w.Clock.Now()), "iat": jwt.NewNumericDate(w.Clock.Now().Add(-time.Hour))}
	head, _, _ := strings.Cut(good, ".")
	_, tail, _ := strings.Cut(sign(hs, kid, own, jwt.MapClaims{"sub": w.MainLeader.ID.String()}), ".")
	return map[string]badToken{
		"nobody":                  {"", "unauthenticated"},
		"an expired token":        {sign(hs, kid, own, past), "token_expired"},
		"an expired forgery":      {sign(hs, kid, foreign, past), "unauthenticated"},
		"a foreign key":           {sign(hs, kid, foreign, nil), "unauthenticated"},
		"no signature":            {sign(jwt.SigningMethodNone, kid, jwt.UnsafeAllowNoneSignatureType, nil), "unauthenticated"},
		"an unknown key id":       {sign(hs, "4711", foreign, nil), "unauthenticated"},
		"a key id that is none":   {sign(hs, "../1", own, nil), "unauthenticated"},
		"no key id":               {sign(hs, nil, own, nil), "unauthenticated"},
		"another algorithm":       {sign(jwt.SigningMethodHS512, kid, own, nil), "unauthenticated"},
		"no expiry":               {sign(hs, kid, own, jwt.MapClaims{"exp": nil}), "unauthenticated"},
		"another audience":        {sign(hs, kid, own, jwt.MapClaims{"aud": []string{"other"}}), "unauthenticated"},
		"another issuer":          {sign(hs, kid, own, jwt.MapClaims{"iss": "other"}), "unauthenticated"},
		"an unknown session":      {sign(hs, kid, own, jwt.MapClaims{"sid": newID()}), "session_ended"},
		"a signature too short":   {good[:len(good)-10], "unauthenticated"},
		"claims of another token": {head + "." + strings.Split(tail, ".")[0] + "." + good[strings.LastIndexByte(good, '.')+1:], "unauthenticated"},
		"a refresh token":         {w.As(w.Admin).Refresh, "unauthenticated"},
	}
}
