package middleware

import (
	"net/http"
	"time"

	"github.com/gin-contrib/cors"
	"github.com/gin-gonic/gin"
)

// SecurityHeaders sets what keeps browsers from doing more with an answer than reading it. A page that needs more
// replaces Content-Security-Policy.
func SecurityHeaders() gin.HandlerFunc {
	// The slices are shared by all answers: Set replaces them and never writes into them.
	fixed := map[string][]string{
		"X-Content-Type-Options":       {"nosniff"},
		"X-Frame-Options":              {"DENY"},
		"Referrer-Policy":              {"no-referrer"},
		"Content-Security-Policy":      {"default-src 'none'; frame-ancestors 'none'"},
		"Cross-Origin-Opener-Policy":   {"same-origin"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"Cache-Control":                {"no-store"},
	}
	return func(c *gin.Context) {
		header := c.Writer.Header()
		for name, value := range fixed {
			header[name] = value
		}
		c.Next()
	}
}

// CORS lets pages from the given origins call the API with a token, never with cookies.
func CORS(origins []string) gin.HandlerFunc {
	allow := cors.New(cors.Config{
		AllowOrigins: origins,
		AllowMethods: []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"},
		AllowHeaders: []string{
			"Accept-Language", "Authorization", "Client-Time", "Client-Version", "Content-Type", "If-Match", "If-None-Match",
			"Last-Event-ID", "Upload-Offset", RequestIDHeader,
		},
		ExposeHeaders: []string{"Content-Language", "ETag", "Retry-After", "Upload-Offset", RequestIDHeader},
		MaxAge:        12 * time.Hour,
	})
	return func(c *gin.Context) {
		c.Writer.Header()["Cross-Origin-Resource-Policy"] = []string{"cross-origin"}
		allow(c)
	}
}

// LimitBody cuts every request body off after the number of bytes that limit names for its route; reading on gives an
// *http.MaxBytesError, however the body is read.
func LimitBody(limit func(c *gin.Context) int64) gin.HandlerFunc {
	return func(c *gin.Context) {
		if c.Request.Body != nil && c.Request.Body != http.NoBody {
			c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, limit(c))
		}
		c.Next()
	}
}
