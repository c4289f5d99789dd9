// Package middleware holds what every HTTP request passes on its way in, whatever its route: identification, logging,
// metrics, recovery, headers and limits. It knows Gin and nothing of the contract.
package middleware

import (
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
)

// RequestIDHeader carries the id of a request, in and out.
const RequestIDHeader = "X-Request-Id"

const factsKey = "lianqi.facts"

// Facts are what is known of a request while it passes; the access log writes them at its end.
type Facts struct {
	RequestID string
	// UserID is set as soon as the caller is known.
	UserID string
}

// FactsOf returns the facts of the request, which may be changed in place. Outside a request that passed Identify it
// returns facts that nobody reads.
func FactsOf(c *gin.Context) *Facts {
	if v, ok := c.Get(factsKey); ok {
		return v.(*Facts)
	}
	return &Facts{}
}

// Identify gives each request an id: the caller's X-Request-Id when it is harmless, else a new UUID. The answer
// carries it too.
func Identify() gin.HandlerFunc {
	return func(c *gin.Context) {
		id := c.GetHeader(RequestIDHeader)
		if !harmless(id) {
			id = uuid.Must(uuid.NewV7()).String()
		}
		c.Set(factsKey, &Facts{RequestID: id})
		c.Writer.Header()[RequestIDHeader] = []string{id}
		c.Next()
	}
}

// harmless tells whether an id from outside matches ^[A-Za-z0-9._-]{1,64}$.
func harmless(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		b := id[i]
		switch {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9', b == '.', b == '_', b == '-':
		default:
			return false
		}
	}
	return true
}

// AccessLog writes one line for each request when it ends. It names the route, never the path or the query, so that
// neither ids nor tokens nor phone numbers get into the log.
func AccessLog(log *slog.Logger, now func() time.Time) gin.HandlerFunc {
	return func(c *gin.Context) {
		start := now()
		// Deferred, so that an aborted connection is logged too.
		defer func() {
			ctx := c.Request.Context()
			if !log.Enabled(ctx, slog.LevelInfo) {
				return
			}
			facts := FactsOf(c)
			log.LogAttrs(ctx, slog.LevelInfo, "request",
				slog.String("method", method(c)),
				slog.String("route", route(c)),
				slog.Int("status", c.Writer.Status()),
				slog.Duration("duration", now().Sub(start)),
				slog.Int("bytes", max(c.Writer.Size(), 0)),
				slog.String("request_id", facts.RequestID),
				slog.String("user_id", facts.UserID),
			)
		}()
		c.Next()
	}
}

// route is the pattern that matched, of which there are only as many as there are routes.
func route(c *gin.Context) string {
	if path := c.FullPath(); path != "" {
		return path
	}
	return "unmatched"
}

// method is one of the nine methods of HTTP, or "other": a client may send any word.
func method(c *gin.Context) string {
	switch m := c.Request.Method; m {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE":
		return m
	default:
		return "other"
	}
}
