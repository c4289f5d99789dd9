package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"lianqi/api"
	"lianqi/config"
	"lianqi/demo"
	"lianqi/handlers"
	"lianqi/jobs"
	"lianqi/middleware"
	"lianqi/models"
	"lianqi/push"
	"lianqi/services"
	"lianqi/store"
)

const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 5 * time.Minute // the longest that an upload may take; operations set shorter ones
	writeTimeout      = time.Minute     // a stream lifts it for each piece it writes
	idleTimeout       = 2 * time.Minute
	maxHeader         = 32 << 10
	// drainTime is how long a server that stops still answers on the connections it has, telling each to close: a
	// connection closed while it is idle may just be carrying a request.
	drainTime = 300 * time.Millisecond
	// goMemory is what the garbage collector keeps the program below where it can; GOMEMLIMIT overrules it.
	goMemory = 48 << 20
)

// serve runs the server until it is told to stop, and then ends what it has accepted.
func serve(ctx context.Context, cfg config.Config, args []string) (err error) {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(goMemory)
	}
	withDemo := len(args) == 1 && args[0] == "--demo"
	if len(args) > 0 && !withDemo {
		return errUsage
	}
	log := newLog(cfg)
	db, err := store.Open(ctx, storeOptions(cfg, log))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Migrate(ctx); err != nil {
		return err
	}
	all, err := services.New(ctx, db, log)
	if err != nil {
		return err
	}
	accounts, fresh := []demo.Account(nil), false
	if withDemo {
		if accounts, fresh, err = demo.Load(ctx, db, cfg.Loopback()); err != nil {
			return err
		}
	}
	traces, err := tracing(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, traces(context.WithoutCancel(ctx))) }()

	stopping, stop := context.WithCancel(context.Background())
	defer stop()
	router := newRouter(stopping, cfg, db, all, log)
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return err
	}
	workers := startWorkers(stopping, db, log)
	greet(cfg, accounts, fresh)
	err = serveUntil(ctx, cfg, router, listener, func() {
		stop()
		all.Notifications.EndStreams()
	})
	stop()
	workers.Wait()
	return err
}

// serveUntil serves until ctx ends, then ends the streams, accepts nothing more, and waits for the requests under way.
func serveUntil(ctx context.Context, cfg config.Config, router http.Handler, listener net.Listener, stop func()) error {
	server := &http.Server{
		Handler: router, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(newLog(cfg).Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() {
		if cfg.TLSCert != "" {
			ended <- server.ServeTLS(listener, cfg.TLSCert, cfg.TLSKey)
			return
		}
		ended <- server.Serve(listener)
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.ShutdownTimeout)
	defer cancel()
	stop()
	select {
	case <-time.After(drainTime):
	case <-limit.Done():
	}
	return server.Shutdown(limit)
}

// newRouter puts everything that is served on one router.
func newRouter(stopping context.Context, cfg config.Config, db *store.DB, all *services.Services, log *slog.Logger) *api.API {
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	proxies := make([]string, len(cfg.TrustedProxies))
	for i, p := range cfg.TrustedProxies {
		proxies[i] = p.String()
	}
	router := api.New(api.Options{
		Version: version, Authenticate: all.Sessions.Authenticate, RedeemTicket: all.Sessions.RedeemTicket, Now: db.Now, Log: log,
		RateLimit: cfg.RateLimit, MinClientVersion: cfg.MinClientVersion, ClientDownload: cfg.ClientDownloadURL,
		CORSOrigins: cfg.CORSOrigins, TrustedProxies: proxies, Metrics: metrics, Tracing: cfg.OTLPEndpoint != "",
		Middleware: []gin.HandlerFunc{closeWhen(stopping)},
	})
	handlers.Register(router, all, db.Now)
	router.Raw(http.MethodGet, "/healthz", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"status": "ok"}) })
	router.Raw(http.MethodGet, "/readyz", readiness(stopping, db))
	return router
}

// closeWhen ends each connection with its answer once the server is stopping.
func closeWhen(stopping context.Context) gin.HandlerFunc {
	return func(c *gin.Context) {
		if stopping.Err() != nil {
			c.Header("Connection", "close")
		}
	}
}

// readiness says what is missing before the server can do its work. That the schema is in place is asked until it is.
func readiness(stopping context.Context, db *store.DB) gin.HandlerFunc {
	var migrated atomic.Bool
	return func(c *gin.Context) {
		var missing []string
		if stopping.Err() != nil {
			missing = append(missing, "the server is stopping")
		}
		ctx, cancel := context.WithTimeout(c.Request.Context(), 2*time.Second)
		defer cancel()
		if err := db.Ping(ctx); err != nil {
			missing = append(missing, "the database does not answer")
		} else if !migrated.Load() {
			done, err := db.Migrated(ctx)
			if migrated.Store(err == nil && done); !migrated.Load() {
				missing = append(missing, "the schema is not up to date")
			}
		}
		if len(missing) > 0 {
			c.JSON(http.StatusServiceUnavailable, gin.H{"status": "unready", "missing": missing})
			return
		}
		c.JSON(http.StatusOK, gin.H{"status": "ready"})
	}
}

// startWorkers starts what works beside the requests; they end with ctx.
func startWorkers(ctx context.Context, db *store.DB, log *slog.Logger) *sync.WaitGroup {
	owner := uuid.NewString()[:13]
	worker := push.NewWorker(db, push.LogSender{Log: log}, owner, log)
	var running sync.WaitGroup
	running.Go(func() { worker.Run(ctx) })
	running.Go(func() { jobs.Run(ctx, db, owner, log, jobs.All(db)) })
	return &running
}

func tracing(ctx context.Context, cfg config.Config) (shutdown func(context.Context) error, err error) {
	if cfg.OTLPEndpoint == "" {
		return func(context.Context) error { return nil }, nil
	}
	return middleware.Tracing(ctx, cfg.OTLPEndpoint, version)
}

// greet tells where to look and, in a demonstration, who can log in. Passwords that were made up are printed this once.
func greet(cfg config.Config, accounts []demo.Account, fresh bool) {
	fmt.Printf("Lianqi %s is serving; its documentation is at %s/docs\n", version, cfg.URL())
	if len(accounts) == 0 {
		return
	}
	fmt.Println("Demonstration accounts:")
	for _, a := range accounts {
		password := a.Password
		switch {
		case cfg.Loopback():
			password = demo.Password
		case !fresh:
			password = "(printed at the first start)"
		}
		fmt.Printf("  %s  %-28s %-10s %s\n", a.Phone, password, a.Role, a.Note)
	}
}

// writeSpec writes the contract as the code states it.
func writeSpec(_ context.Context, _ config.Config, args []string) error {
	if len(args) > 0 {
		return errUsage
	}
	never := func(context.Context, string) (models.Actor, error) { return models.Actor{}, models.ErrUnauthenticated }
	router := api.New(api.Options{
		Version: "1.0.0", Authenticate: never, RedeemTicket: never, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	handlers.Register(router, &services.Services{}, time.Now)
	current, downgraded, err := router.Spec()
	if err != nil {
		return err
	}
	if err := os.WriteFile("docs/openapi.yaml", current, 0o644); err != nil { //nolint:gosec // it is published
		return err
	}
	return os.WriteFile("docs/openapi-3.0.yaml", downgraded, 0o644) //nolint:gosec // it is published
}
