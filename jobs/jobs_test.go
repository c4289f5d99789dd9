package jobs_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lianqi/internal/testkit"
	"lianqi/internal/testkit/world"
	"lianqi/jobs"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func TestOneServerDoesAJobWhenItComesRound(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		var ran atomic.Int32
		job := jobs.Job{Name: "count", Every: time.Hour, RunOnce: func(context.Context, time.Time) error {
			ran.Add(1)
			return nil
		}}
		round := func(want int32) {
			t.Helper()
			var servers sync.WaitGroup
			for _, owner := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
				servers.Go(func() {
					if _, err := jobs.RunIfDue(t.Context(), w.DB, owner, job); err != nil {
						t.Error(err)
					}
				})
			}
			servers.Wait()
			if ran.Load() != want {
				t.Errorf("the job ran %d times, want %d", ran.Load(), want)
			}
		}
		round(1)
		w.Clock.Advance(time.Hour)
		round(1)
		w.Clock.Advance(time.Microsecond)
		round(2)
	})
}

func TestFailedJobIsDoneByTheNext(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		fail := errors.New("fails")
		job := jobs.Job{Name: "fail", Every: time.Hour, RunOnce: func(context.Context, time.Time) error { return fail }}
		if _, err := jobs.RunIfDue(t.Context(), w.DB, "a", job); !errors.Is(err, fail) {
			t.Fatalf("got %v", err)
		}
		w.Clock.Advance(time.Microsecond)
		job.RunOnce = func(context.Context, time.Time) error { return nil }
		if ran, err := jobs.RunIfDue(t.Context(), w.DB, "b", job); err != nil || !ran {
			t.Errorf("the next server ran %v, %v", ran, err)
		}
	})
}

// TestAll runs every job of the server, again and after a long time: sessions that live stay alive.
func TestAll(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		cadre := w.Login(w.Cadre)
		for _, later := range []time.Duration{0, 0, time.Minute} {
			w.Clock.Advance(later)
			for _, job := range jobs.All(w.DB) {
				if err := job.RunOnce(t.Context(), w.DB.Now()); err != nil {
					t.Errorf("%s: %v", job.Name, err)
				}
			}
			cadre.Want(200, "GET", "/me", nil)
		}
	})
}

// TestKeysRotate lets a key age: what was signed with it stays good, and tokens keep coming.
func TestKeysRotate(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		answer := w.Anonymous().Want(200, "POST", "/auth/login", map[string]any{"phone": w.Cadre.Phone, "password": world.Password})
		refresh := answer.Text("refresh_token")
		for range 5 {
			w.Clock.Advance(31 * 24 * time.Hour)
			for _, job := range jobs.All(w.DB) {
				if err := job.RunOnce(t.Context(), w.DB.Now()); err != nil {
					t.Fatal(err)
				}
			}
			keys, err := w.DB.Read(t.Context()).SigningKeys()
			if err != nil {
				t.Fatal(err)
			}
			if len(keys) > 4 {
				t.Errorf("%d keys are kept", len(keys))
			}
			w.Clock.Advance(time.Second)
			answer := w.Anonymous().Want(200, "POST", "/auth/refresh", map[string]any{"refresh_token": refresh})
			refresh = answer.Text("refresh_token")
			if kid := keyOf(t, answer.Text("access_token")); kid != strconv.FormatInt(keys[0].ID, 10) {
				t.Errorf("signed with key %s, the newest is %d", kid, keys[0].ID)
			}
		}
	})
}

// keyOf is the id of the key that an access token says it was signed with.
func keyOf(t *testing.T, token string) string {
	t.Helper()
	header, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil {
		t.Fatal(err)
	}
	var h struct {
		KeyID string `json:"kid"`
	}
	if err := json.Unmarshal(text, &h); err != nil {
		t.Fatal(err)
	}
	return h.KeyID
}
