package api_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
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

// BenchmarkBody measures what a body of the size of a visit pays beyond that: scan, validation, inspection.
func BenchmarkBody(b *testing.B) {
	k := newHostileKit()
	one := `{"id":"01890000-0000-7000-8000-00000000000b","at":"2026-03-02T08:00:00Z","note":"` + strings.Repeat("停电两小时。", 20) + `"}`
	body := one[:len(one)-1] + `,"inner":[` + one + "," + one + `],"ids":["01890000-0000-7000-8000-00000000000c"]}`
	b.ReportAllocs()
	for b.Loop() {
		if got := k.send(b, http.MethodPut, aNest, body); got.status != http.StatusNoContent {
			b.Fatal(got.status, got.body)
		}
	}
}

func BenchmarkManyUnknownFields(b *testing.B) {
	k := newHostileKit()
	body := unknownFields(19_000)
	for b.Loop() {
		if got := k.send(b, http.MethodPut, aNest, body); got.status != http.StatusUnprocessableEntity {
			b.Fatal(got.status)
		}
	}
}

func BenchmarkManyItemsOfAUniqueList(b *testing.B) {
	k := newHostileKit()
	var items strings.Builder
	for i := range 990 {
		fmt.Fprintf(&items, `{"x":%d},`, i)
	}
	body := `{"ids":[` + items.String() + `0]}`
	for b.Loop() {
		if got := k.send(b, http.MethodPut, aNest, body); got.status != http.StatusUnprocessableEntity {
			b.Fatal(got.status)
		}
	}
}
