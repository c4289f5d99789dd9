package api_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"lianqi/api"
	"lianqi/models"
)

func remember(seen map[string]bool) gin.HandlerFunc {
	return func(c *gin.Context) {
		path := c.FullPath()
		for _, name := range c.Params {
			path = strings.ReplaceAll(path, ":"+name.Key, "{"+name.Key+"}")
		}
		seen[c.Request.Method+" "+path] = true
	}
}

func nothing(context.Context, *struct{}) (*struct{}, error) { return nil, nil }

func TestWhoIsAdmitted(t *testing.T) {
	k := newKit()
	for _, c := range []struct {
		method, path, token string
		status              int
		code                string
	}{
		{"GET", aThing, "Bearer cadre", 200, ""},
		{"GET", aThing, "bearer cadre", 200, ""},
		{"GET", aThing, "Basic cadre", 401, "unauthenticated"},
		{"GET", aThing, "Bearer ", 401, "unauthenticated"},
		{"GET", aThing, "Bearer forged", 401, "unauthenticated"},
		{"GET", aThing, "Bearer expired", 401, "token_expired"},
		{"GET", aThing, "Bearer window", 403, "forbidden"},
		{"GET", aThing, "Bearer first", 403, "password_change_required"},
		{"POST", "/api/v1/me/password", "Bearer first", 204, ""},
		{"GET", "/api/v1/ping", "Bearer forged", 200, ""},
		{"GET", "/api/v1/stream?ticket=cadre", "none", 200, ""},
		{"GET", "/api/v1/stream?ticket=forged", "none", 401, "unauthenticated"},
		{"GET", "/api/v1/things?ticket=cadre", "none", 401, "unauthenticated"},
		// Nothing of the body is looked at before the caller is known.
		{"PUT", aThing, "Bearer forged", 401, "unauthenticated"},
	} {
		got := k.send(t, c.method, c.path, "", "Authorization: "+c.token)
		if got.status != c.status {
			t.Errorf("%s %s with %q answered %d", c.method, c.path, c.token, got.status)
			continue
		}
		if c.code != "" && got.problem(t).Code != c.code {
			t.Errorf("%s %s with %q answered %s", c.method, c.path, c.token, got.body)
		}
		if challenge := got.header.Get("WWW-Authenticate"); (c.status == 401) != strings.HasPrefix(challenge, "Bearer") {
			t.Errorf("%d came with WWW-Authenticate %q", c.status, challenge)
		}
	}
}

func TestHandlerKnowsWhoCalls(t *testing.T) {
	k := newKit()
	got := k.send(t, "PUT", aThing, `{"name":"ab"}`, "X-Request-Id: from-outside.1")
	if got.status != 200 || got.header.Get("X-Request-Id") != "from-outside.1" {
		t.Fatalf("%d %v", got.status, got.header)
	}
	if want := (models.Cause{ActorID: cadre.UserID, SessionID: cadre.SessionID, Operation: "put-thing", RequestID: "from-outside.1"}); k.cause != want {
		t.Errorf("cause %+v", k.cause)
	}
	if k.actor.UserID != cadre.UserID {
		t.Errorf("actor %+v", k.actor)
	}
	if line := k.logged(); !strings.Contains(line, "route=/api/v1/things/:id") || !strings.Contains(line, cadre.UserID.String()) || strings.Contains(line, "00000000000a") {
		t.Errorf("log: %s", line)
	}
}

func TestRateLimitIsPerAccount(t *testing.T) {
	k := newKit(func(o *api.Options) { o.RateLimit = 2 })
	var last answer
	for range 50 {
		if last = k.send(t, "GET", aThing, ""); last.status != 200 {
			break
		}
	}
	if last.status != 429 || last.problem(t).Code != "too_many_requests" || last.header.Get("Retry-After") != "1" {
		t.Fatalf("%d %v", last.status, last.header)
	}
	if got := k.send(t, "POST", "/api/v1/me/password", "", "Authorization: Bearer window"); got.status != 204 {
		t.Errorf("another account answered %d", got.status)
	}
}

func TestOldClientsAreToldWhereToGetANewOne(t *testing.T) {
	k := newKit(func(o *api.Options) { o.MinClientVersion, o.ClientDownload = "1.10.0", "https://example.cn/app" })
	for version, want := range map[string]int{"1.10.0": 200, "1.10": 200, "1.11.0-beta": 200, "2": 200, "": 200, "dev": 200, "1.9.9": 426, "1.9.9+5": 426, "0": 426} {
		got := k.send(t, "GET", "/api/v1/ping", "", "Client-Version: "+version)
		if got.status != want {
			t.Errorf("version %q answered %d", version, got.status)
		}
		if want == 426 {
			if p := got.problem(t); p.Code != "client_outdated" || p.Download != "https://example.cn/app" {
				t.Errorf("%s", got.body)
			}
		}
	}
}

func TestErrorsBecomeProblems(t *testing.T) {
	k := newKit()
	for _, c := range []struct {
		err    error
		status int
		header string
	}{
		{models.ErrNotFound, 404, ""},
		{models.ErrIDConflict.With(map[string]string{"name": "stored"}), 409, ""},
		{models.Invalid("body.name", "duplicate_id"), 422, ""},
		{models.ErrCursor, 422, ""},
		{models.ErrStaleVersion, 409, ""},
		{models.ErrThrottled.After(1500 * time.Millisecond), 429, "2"},
		{models.ErrUnavailable.Because(context.DeadlineExceeded), 503, "1"},
		{context.DeadlineExceeded, 503, "1"},
	} {
		k.fails = c.err
		got := k.send(t, "PUT", aThing, `{"name":"ab"}`)
		p := got.problem(t)
		if got.status != c.status || got.header.Get("Retry-After") != c.header {
			t.Errorf("%v answered %d, Retry-After %q", c.err, got.status, got.header.Get("Retry-After"))
		}
		if c.status == 409 && p.Code == "id_conflict" && p.Current == nil {
			t.Error("the stored record is missing")
		}
	}
	k.fails = models.Invalid("body.name", "no_such_code")
	if p := k.send(t, "PUT", aThing, `{"name":"ab"}`).problem(t); p.Errors[0].Message == "" || p.Errors[0].Code != "no_such_code" {
		t.Errorf("%+v", p)
	}
}

func TestVersions(t *testing.T) {
	k := newKit()
	for match, want := range map[string]int{"": 428, `"3"`: 200, `W/"3"`: 412, "3": 412, "*": 412, `"x"`: 412} {
		headers := []string{"If-Match: " + match}
		if match == "" {
			headers = nil
		}
		if got := k.send(t, "PATCH", aThing, `{}`, headers...); got.status != want {
			t.Errorf("If-Match %q answered %d", match, got.status)
		}
	}
	for match, want := range map[string]int{"": 200, `"3"`: 304, `W/"3"`: 304, `"1", "3"`: 304, "*": 304, `"4"`: 200} {
		got := k.send(t, "GET", aThing, "", "If-None-Match: "+match)
		if got.status != want || got.header.Get("ETag") != `"3"` {
			t.Errorf("If-None-Match %q answered %d, ETag %q", match, got.status, got.header.Get("ETag"))
		}
		if want == 304 && got.body != "" {
			t.Errorf("304 has a body: %s", got.body)
		}
	}
	k.fails = models.ErrStaleVersion.With("now")
	if got := k.send(t, "PATCH", aThing, `{}`, `If-Match: "3"`); got.status != 412 || got.problem(t).Code != "stale_version" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestMergePatch(t *testing.T) {
	k := newKit()
	if got := k.send(t, "PATCH", aThing, `{"remark":null}`, `If-Match: "3"`); got.status != 200 || k.patch.Name.Set || !k.patch.Remark.Set || !k.patch.Remark.Null {
		t.Errorf("%d %+v", got.status, k.patch)
	}
	if got := k.send(t, "PATCH", aThing, `{"name":"ab","remark":"x"}`, `If-Match: "3"`); got.status != 200 || k.patch.Name.Value != "ab" || k.patch.Remark.Value != "x" {
		t.Errorf("%d %+v", got.status, k.patch)
	}
	if got := k.send(t, "PATCH", aThing, `{"name":null}`, `If-Match: "3"`); got.status != 422 || got.problem(t).Errors[0].Code != "not_null" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := k.send(t, "PATCH", aThing, `{"name":"123456789"}`, `If-Match: "3"`); got.status != 422 || got.problem(t).Errors[0].Code != "max_length" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	k := newKit()
	if got := k.send(t, "GET", "/api/v1/nothing", ""); got.status != 404 || got.problem(t).Code != "not_found" {
		t.Errorf("%d %s", got.status, got.body)
	}
	got := k.send(t, "DELETE", aThing, "")
	if got.status != 405 || got.problem(t).Code != "method_not_allowed" || !strings.Contains(got.header.Get("Allow"), "PATCH") {
		t.Errorf("%d %v", got.status, got.header)
	}
	if got := k.send(t, "GET", "/api/v1/things/", ""); got.status != 404 {
		t.Errorf("a trailing slash answered %d", got.status)
	}
}

func TestForwardedAddressIsBelievedOnlyFromTrustedProxies(t *testing.T) {
	for trusted, want := range map[string]string{"": "192.0.2.1", "192.0.2.0/24": "10.1.2.3"} {
		k := newKit(func(o *api.Options) {
			if trusted != "" {
				o.TrustedProxies = []string{trusted}
			}
		})
		k.send(t, "GET", "/api/v1/ping", "", "X-Forwarded-For: 10.1.2.3")
		if k.address != want {
			t.Errorf("with %q trusted the address is %q", trusted, k.address)
		}
	}
}
