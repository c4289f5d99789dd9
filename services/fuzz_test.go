package services_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"lianqi/models"
	"lianqi/services"
	"lianqi/store"
)

// FuzzAccessToken holds that nobody is taken for somebody by what the server has not signed.
func FuzzAccessToken(f *testing.F) {
	ctx, now := context.Background(), time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)
	db, err := store.Open(ctx, store.Options{Driver: "sqlite", Dir: f.TempDir(), Now: func() time.Time { return now }})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(ctx); err != nil {
		f.Fatal(err)
	}
	if err := services.CreateFirstAdministrator(ctx, db, "13800000001", "管理员", "a first password"); err != nil {
		f.Fatal(err)
	}
	s, err := services.New(ctx, db, slog.New(slog.DiscardHandler))
	if err != nil {
		f.Fatal(err)
	}
	tokens, err := s.Sessions.Login(ctx, "13800000001", "a first password", nil, "127.0.0.1")
	if err != nil {
		f.Fatal(err)
	}
	owner, err := s.Sessions.Authenticate(ctx, tokens.Access)
	if err != nil {
		f.Fatal(err)
	}
	parts := strings.Split(tokens.Access, ".")
	const unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIiwia2lkIjoiMSJ9" // {"alg":"none","typ":"JWT","kid":"1"}
	for _, seed := range []string{
		"", ".", "..", "...", tokens.Access, tokens.Access + ".", tokens.Refresh, parts[0] + "." + parts[1] + ".", unsigned + "." + parts[1] + ".",
		unsigned + "." + parts[1] + "." + parts[2], parts[1] + "." + parts[0] + "." + parts[2], "Bearer " + tokens.Access,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		who, err := s.Sessions.Authenticate(ctx, token)
		if err == nil {
			// The last character of a signature has bits that do not count; what is signed is to be ours.
			if who.UserID != owner.UserID || !strings.HasPrefix(token, parts[0]+"."+parts[1]+".") {
				t.Fatalf("%q was taken for a token of %v", token, who.UserID)
			}
			return
		}
		if !errors.Is(err, models.ErrUnauthenticated) && !errors.Is(err, models.ErrTokenExpired) && !errors.Is(err, models.ErrSessionEnded) {
			t.Fatalf("%q: %v", token, err)
		}
	})
}
