package services

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"lianqi/models"
	"lianqi/store"
)

// TestBusyServerCountsNoFailure: a login that was turned away unchecked is no wrong password.
func TestBusyServerCountsNoFailure(t *testing.T) {
	ctx := t.Context()
	db, err := store.Open(ctx, store.Options{Driver: "sqlite", Dir: t.TempDir(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := db.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	const phone, password = "13800000001", "a password of somebody"
	if err := CreateFirstAdministrator(ctx, db, phone, "管理员", password); err != nil {
		t.Fatal(err)
	}
	all, err := New(ctx, db, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	all.Sessions.hashing.waiting.Add(hashesWaiting)
	for range 2 * failuresPerAccount {
		if _, err := all.Sessions.Login(ctx, phone, password, nil, "192.0.2.1"); !errors.Is(err, models.ErrUnavailable) {
			t.Fatalf("a busy server answers %v", err)
		}
	}
	all.Sessions.hashing.waiting.Add(-hashesWaiting)
	if _, err := all.Sessions.Login(ctx, phone, password, nil, "192.0.2.1"); err != nil {
		t.Errorf("afterwards the right password gets %v", err)
	}
}
