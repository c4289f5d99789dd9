package api_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"lianqi/api"
)

// BenchmarkPing measures what every request pays: all middleware, admission, validation of nothing, one small body.
func BenchmarkPing(b *testing.B) {
	k := newKit(func(o *api.Options) {
		o.RateLimit = 1 << 30
		o.Now = time.Now
		o.Log = slog.New(slog.NewJSONHandler(io.Discard, nil))
	})
	for name, path := range map[string]string{"public": "/api/v1/ping", "authenticated": "/api/v1/things?limit=5"} {
		b.Run(name, func(b *testing.B) {
			request := httptest.NewRequest(http.MethodGet, path, http.NoBody)
			request.Header.Set("Authorization", "Bearer cadre")
			b.ReportAllocs()
			for b.Loop() {
				recorder := httptest.NewRecorder()
				k.ServeHTTP(recorder, request)
				if recorder.Code != http.StatusOK {
					b.Fatal(recorder.Code)
				}
			}
		})
	}
}
