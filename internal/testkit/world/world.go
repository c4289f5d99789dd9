// Package world gives tests the whole product at work: the real router behind a real listener, on a real database, with
// a clock that they set and a small zone to act in. Every exchange with it is held against the contract. It stands apart
// from testkit, which the tests inside the store import.
package world

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lianqi/api"
	"lianqi/handlers"
	"lianqi/internal/testkit"
	"lianqi/services"
	"lianqi/store"
)

// World is one running server and the zone in its database.
type World struct {
	t testing.TB

	Clock    *Clock
	DB       *store.DB
	Services *services.Services
	API      *api.API
	// URL is where the server listens, without the prefix of the operations.
	URL string
	// HTTP checks every exchange against the contract.
	HTTP *http.Client
	Zone

	clients map[string]*Client
}

// Option changes how a world is made.
type Option func(*settings)

type settings struct {
	mariaDB bool
	api     []func(*api.Options)
	server  []func(*http.Server)
}

// OnMariaDB takes a MariaDB database instead of SQLite.
func OnMariaDB(s *settings) { s.mariaDB = true }

// WithAPI changes the options of the router.
func WithAPI(change func(*api.Options)) Option {
	return func(s *settings) { s.api = append(s.api, change) }
}

// WithServer changes the server before it starts.
func WithServer(change func(*http.Server)) Option {
	return func(s *settings) { s.server = append(s.server, change) }
}

// EachDatabase runs the test on a world of its own on either database.
func EachDatabase(t *testing.T, test func(t *testing.T, w *World), options ...Option) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) { test(t, New(t, options...)) })
	t.Run("MariaDB", func(t *testing.T) { test(t, New(t, append(options[:len(options):len(options)], OnMariaDB)...)) })
}

// New makes a world that ends with the test. Addresses in X-Forwarded-For are believed, so that a test can come from
// anywhere.
func New(t testing.TB, options ...Option) *World {
	t.Helper()
	var s settings
	for _, option := range options {
		option(&s)
	}
	ctx := context.Background()
	log := slog.New(slog.NewTextHandler(&testLog{t: t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	w := &World{t: t, Clock: NewClock(), clients: map[string]*Client{}}
	w.DB = w.open(ctx, s, log)
	if err := w.DB.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	w.start(s, log)
	w.Zone = w.settle()
	return w
}

// Replica is a second server on the same database, with the same clock and zone.
func (w *World) Replica(options ...Option) *World {
	w.t.Helper()
	var s settings
	for _, option := range options {
		option(&s)
	}
	r := &World{t: w.t, Clock: w.Clock, DB: w.DB, Zone: w.Zone, clients: map[string]*Client{}}
	r.start(s, slog.New(slog.DiscardHandler))
	return r
}

// start makes the services and the router on the database and serves them.
func (w *World) start(s settings, log *slog.Logger) {
	w.t.Helper()
	var err error
	if w.Services, err = services.New(context.Background(), w.DB, log); err != nil {
		w.t.Fatal(err)
	}
	o := api.Options{
		Version: "test", Authenticate: w.Services.Sessions.Authenticate, RedeemTicket: w.Services.Sessions.RedeemTicket,
		Now: w.Clock.Now, Log: log, TrustedProxies: []string{"127.0.0.1", "::1"},
	}
	for _, change := range s.api {
		change(&o)
	}
	w.API = api.New(o)
	handlers.Register(w.API, w.Services, w.Clock.Now)
	w.serve(s)
}

func (w *World) open(ctx context.Context, s settings, log *slog.Logger) *store.DB {
	w.t.Helper()
	o := store.Options{Driver: "sqlite", Now: w.Clock.Now, Log: log}
	if s.mariaDB {
		o.Driver, o.DSN = "mysql", testkit.MariaDB(w.t)
	} else {
		o.Dir = w.t.TempDir()
	}
	db, err := store.Open(ctx, o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := db.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return db
}

func (w *World) serve(s settings) {
	w.t.Helper()
	contract, err := contractOf(w.API)
	if err != nil {
		w.t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(w.API)
	for _, change := range s.server {
		change(server.Config)
	}
	server.Start()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	w.URL = server.URL
	w.HTTP = &http.Client{Transport: contract.Transport(w.t, transport)}
	w.t.Cleanup(func() {
		w.Services.Notifications.EndStreams()
		transport.CloseIdleConnections()
		server.Close()
	})
}

var (
	contractOnce sync.Once
	contract     *testkit.Contract
	errContract  error
)

// contractOf makes the contract once: every world serves the same.
func contractOf(a *api.API) (*testkit.Contract, error) {
	contractOnce.Do(func() {
		var spec []byte
		if spec, _, errContract = a.Spec(); errContract == nil {
			contract, errContract = testkit.NewContract(spec)
		}
	})
	return contract, errContract
}

// Clock stands still unless a test moves it. It is safe for concurrent use.
type Clock struct{ micros atomic.Int64 }

// NewClock stands at nine in the morning, zone time, on Monday, 2 March 2026.
func NewClock() *Clock {
	c := &Clock{}
	c.Set(time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC))
	return c
}

// Now is what the clock shows.
func (c *Clock) Now() time.Time { return time.UnixMicro(c.micros.Load()).UTC() }

// Set makes the clock show the instant.
func (c *Clock) Set(t time.Time) { c.micros.Store(t.UnixMicro()) }

// Advance moves the clock forward.
func (c *Clock) Advance(d time.Duration) { c.micros.Add(d.Microseconds()) }

// testLog shows what the server complains about in the output of the test.
type testLog struct{ t testing.TB }

func (l *testLog) Write(p []byte) (int, error) {
	l.t.Logf("%s", strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}
