package middleware_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"lianqi/middleware"
)

func frozen() time.Time { return time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC) }

func router(use ...gin.HandlerFunc) *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.Use(use...)
	return r
}

func send(r http.Handler, change func(*http.Request)) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodGet, "/things/7?phone=13900000001", http.NoBody)
	if change != nil {
		change(request)
	}
	recorder := httptest.NewRecorder()
	r.ServeHTTP(recorder, request)
	return recorder
}

func TestRequestIDs(t *testing.T) {
	r := router(middleware.Identify())
	r.GET("/things/:id", func(c *gin.Context) { c.String(200, middleware.FactsOf(c).RequestID) })
	for id, kept := range map[string]bool{
		"a.B-9_": true, strings.Repeat("x", 64): true,
		"": false, strings.Repeat("x", 65): false, "a b": false, "a\nb": false, "联": false, "<a>": false,
	} {
		got := send(r, func(q *http.Request) { q.Header["X-Request-Id"] = []string{id} })
		if answered := got.Header().Get("X-Request-Id"); (answered == id) != kept || answered == "" || answered != got.Body.String() {
			t.Errorf("%q became %q", id, answered)
		}
	}
}

func TestAccessLogNamesNobody(t *testing.T) {
	var log bytes.Buffer
	r := router(middleware.Identify(), middleware.AccessLog(slog.New(slog.NewTextHandler(&log, nil)), frozen))
	r.GET("/things/:id", func(c *gin.Context) {
		middleware.FactsOf(c).UserID = "u-1"
		c.String(201, "12345")
	})
	send(r, func(q *http.Request) { q.Header.Set("Authorization", "Bearer token") })
	line := log.String()
	for _, want := range []string{"method=GET", "route=/things/:id", "status=201", "bytes=5", "user_id=u-1", "request_id=0"} {
		if !strings.Contains(line, want) {
			t.Errorf("%s is missing in %s", want, line)
		}
	}
	for _, secret := range []string{"139", "token", "/7"} {
		if strings.Contains(line, secret) {
			t.Errorf("%s is in the log: %s", secret, line)
		}
	}
}

func TestRecover(t *testing.T) {
	var log bytes.Buffer
	fail := func(c *gin.Context) { c.String(500, "failed") }
	r := router(middleware.Recover(slog.New(slog.NewTextHandler(&log, nil)), fail))
	r.GET("/things/:id", func(*gin.Context) { panic("early") })
	if got := send(r, nil); got.Code != 500 || got.Body.String() != "failed" || strings.Count(log.String(), "early") == 0 {
		t.Errorf("%d %s, log %s", got.Code, got.Body, &log)
	}
	r.GET("/abort", func(*gin.Context) { panic(http.ErrAbortHandler) })
	r.GET("/late", func(c *gin.Context) {
		c.String(200, "half")
		panic("late")
	})
	for _, path := range []string{"/abort", "/late"} {
		func() {
			defer func() {
				if reason := recover(); reason != http.ErrAbortHandler { //nolint:errorlint // the very value, as net/http compares it
					t.Errorf("%s: %v", path, reason)
				}
			}()
			send(r, func(q *http.Request) { q.URL.Path = path })
		}()
	}
}

func TestMetricsAreBoundedAndForThisMachine(t *testing.T) {
	registry := prometheus.NewRegistry()
	notFound := func(c *gin.Context) { c.String(404, "nothing here") }
	r := router(middleware.Metrics(registry, frozen))
	r.GET("/things/:id", func(c *gin.Context) { c.Status(204) })
	r.GET("/metrics", middleware.MetricsPage(registry, notFound))
	for _, path := range []string{"/things/1", "/things/2", "/no/1", "/no/2"} {
		send(r, func(q *http.Request) { q.URL.Path = path })
	}
	send(r, func(q *http.Request) { q.Method = "BREW" })
	local := func(q *http.Request) { q.URL.Path, q.RemoteAddr = "/metrics", "127.0.0.1:4000" }
	page := send(r, local)
	for _, want := range []string{
		`lianqi_http_requests_total{method="GET",route="/things/:id",status="204"} 2`,
		`lianqi_http_requests_total{method="GET",route="unmatched",status="404"} 2`,
		`lianqi_http_requests_total{method="other",route="unmatched",status="404"} 1`,
	} {
		if !strings.Contains(page.Body.String(), want) {
			t.Errorf("%s is missing in\n%s", want, page.Body)
		}
	}
	for name, change := range map[string]func(*http.Request){
		"another machine":  func(q *http.Request) { q.RemoteAddr = "10.0.0.7:4000" },
		"no address":       func(q *http.Request) { q.RemoteAddr = "@" },
		"a proxy":          func(q *http.Request) { q.Header.Set("X-Forwarded-For", "127.0.0.1") },
		"an honest proxy":  func(q *http.Request) { q.Header.Set("Forwarded", "for=10.0.0.7") },
		"a proxy of nginx": func(q *http.Request) { q.Header.Set("X-Real-IP", "10.0.0.7") },
	} {
		got := send(r, func(q *http.Request) {
			local(q)
			change(q)
		})
		if got.Code != 404 {
			t.Errorf("%s was answered %d", name, got.Code)
		}
	}
	if got := send(r, func(q *http.Request) { q.URL.Path, q.RemoteAddr = "/metrics", "[::1]:4000" }); got.Code != 200 {
		t.Errorf("IPv6 loopback was answered %d", got.Code)
	}
}

func TestBodyLimitHoldsForForms(t *testing.T) {
	r := router(middleware.LimitBody(func(*gin.Context) int64 { return 1000 }))
	var failed error
	r.POST("/form", func(c *gin.Context) { failed = c.Request.ParseMultipartForm(1 << 20) })
	form := "--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n" + strings.Repeat("a", 2000) + "\r\n--x--\r\n"
	request := httptest.NewRequest(http.MethodPost, "/form", strings.NewReader(form))
	request.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	r.ServeHTTP(httptest.NewRecorder(), request)
	if failed == nil || !strings.Contains(failed.Error(), "request body too large") {
		t.Errorf("the form was read: %v", failed)
	}
}

func TestHeaders(t *testing.T) {
	r := router(middleware.SecurityHeaders(), middleware.CORS([]string{"https://app.example.cn"}))
	r.GET("/things/:id", func(c *gin.Context) {
		c.Header("Content-Security-Policy", "changed")
		c.Status(204)
	})
	got := send(r, func(q *http.Request) { q.Header.Set("Origin", "https://app.example.cn") })
	if got.Header().Get("Access-Control-Allow-Origin") != "https://app.example.cn" || got.Header().Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("%v", got.Header())
	}
	if got := send(r, func(q *http.Request) { q.Header.Set("Origin", "https://evil.example") }); got.Code != 403 {
		t.Errorf("another origin was answered %d", got.Code)
	}
	r.GET("/plain", func(c *gin.Context) { c.Status(204) })
	plain := send(r, func(q *http.Request) { q.URL.Path = "/plain" })
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Cache-Control": "no-store",
	} {
		if got := plain.Header().Get(name); got != want {
			t.Errorf("%s: %q, one answer's change shows in another", name, got)
		}
	}
}

func TestTracesReachTheCollectorWithoutQueries(t *testing.T) {
	received := make(chan []byte, 4)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		received <- body
	}))
	defer collector.Close()
	shutdown, err := middleware.Tracing(context.Background(), collector.URL+"/v1/traces", "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	r := router(middleware.Trace())
	r.GET("/things/:id", func(c *gin.Context) { c.Status(204) })
	send(r, nil)
	if err := shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	select {
	case body := <-received:
		if !bytes.Contains(body, []byte("/things/:id")) || bytes.Contains(body, []byte("13900000001")) {
			t.Errorf("span: %q", body)
		}
	default:
		t.Error("nothing was sent")
	}
}
