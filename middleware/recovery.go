package middleware

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/gin-gonic/gin"
)

// Recover turns a panic into the answer that fail writes, and logs it once with its stack. When a part of another
// answer is already on its way, it breaks the connection instead, so that no client takes the part for the whole.
func Recover(log *slog.Logger, fail gin.HandlerFunc) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			reason := recover()
			if reason == nil {
				return
			}
			if reason == http.ErrAbortHandler { //nolint:errorlint // the very value, as net/http compares it
				panic(reason)
			}
			log.LogAttrs(c.Request.Context(), slog.LevelError, "panic",
				slog.String("reason", fmt.Sprint(reason)),
				slog.String("route", route(c)),
				slog.String("request_id", FactsOf(c).RequestID),
				slog.String("stack", string(debug.Stack())),
			)
			c.Abort()
			if c.Writer.Written() {
				panic(http.ErrAbortHandler)
			}
			fail(c)
		}()
		c.Next()
	}
}
