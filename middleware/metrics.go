package middleware

import (
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts and times requests by method, route and status. The routes are patterns, so the number of series is
// bounded whatever clients ask for.
func Metrics(registry prometheus.Registerer, now func() time.Time) gin.HandlerFunc {
	total := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lianqi_http_requests_total",
		Help: "Requests answered, by method, route and status.",
	}, []string{"method", "route", "status"})
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "lianqi_http_request_duration_seconds",
		Help:    "Time from the first byte read to the last byte written, by method and route.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
	}, []string{"method", "route"})
	running := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "lianqi_http_requests_running",
		Help: "Requests being answered now, streams included.",
	})
	registry.MustRegister(total, duration, running)
	return func(c *gin.Context) {
		start := now()
		running.Inc()
		defer func() {
			running.Dec()
			m, r := method(c), route(c)
			total.WithLabelValues(m, r, strconv.Itoa(c.Writer.Status())).Inc()
			duration.WithLabelValues(m, r).Observe(now().Sub(start).Seconds())
		}()
		c.Next()
	}
}

// MetricsPage serves the registry to callers on this machine and answers everybody else with notFound.
func MetricsPage(registry prometheus.Gatherer, notFound gin.HandlerFunc) gin.HandlerFunc {
	page := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return func(c *gin.Context) {
		if !direct(c) {
			notFound(c)
			return
		}
		page.ServeHTTP(c.Writer, c.Request)
	}
}

// direct tells whether the request comes from this machine itself. A proxy on the same machine is a loopback peer as
// well, so any trace of forwarding counts as coming from elsewhere.
func direct(c *gin.Context) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via"} {
		if _, ok := c.Request.Header[name]; ok {
			return false
		}
	}
	host, _, err := net.SplitHostPort(c.Request.RemoteAddr)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
