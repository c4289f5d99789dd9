package push_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"lianqi/internal/testkit"
	"lianqi/internal/testkit/world"
	"lianqi/models"
	"lianqi/push"
	"lianqi/store"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// provider plays the other end: it keeps what it gets and answers as it is told.
type provider struct {
	mu     sync.Mutex
	got    []push.Message
	answer func(push.Message) error
}

func (p *provider) Send(_ context.Context, m push.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, m)
	if p.answer == nil {
		return nil
	}
	return p.answer(m)
}

func (p *provider) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.got)
}

func worker(w *world.World, p push.Sender, owner string) *push.Worker {
	return push.NewWorker(w.DB, p, owner, slog.New(slog.DiscardHandler))
}

// ring gives the user a phone and a notification, whose subject is its own session of nothing.
func ring(w *world.World, user models.User) (device models.ID) {
	device = uuid.Must(uuid.NewV7())
	w.Write(func(tx *store.Tx) error {
		err := tx.PutDevice(models.Device{
			ID: device, UserID: user.ID, Platform: "android", Provider: "log", PushToken: device.String(), Name: "手机", UpdatedAt: tx.Now(),
		})
		if err != nil {
			return err
		}
		return tx.Notify(models.SessionReused(user.ID, tx.NewID()))
	})
	return device
}

func runOnce(t *testing.T, w *push.Worker, want int) {
	t.Helper()
	got, err := w.RunOnce(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Fatalf("the worker claimed %d deliveries, want %d", got, want)
	}
}

func TestSentOnceInTheOwnersLanguage(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		p := &provider{}
		a := worker(w, p, "a")
		runOnce(t, a, 0)
		device := ring(w, w.Cadre)
		runOnce(t, a, 1)
		runOnce(t, a, 0)
		title, _ := models.Notification{Kind: models.NoticeSessionReused}.Text("zh-CN")
		if p.count() != 1 || p.got[0].Device.ID != device || p.got[0].Title != title {
			t.Errorf("the provider got %+v", p.got)
		}
	})
}

func TestManyWorkersSendEachOnce(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		const phones = 8
		for range phones {
			ring(w, w.Cadre)
		}
		// Each notification goes to all phones that were there: 1 + 2 + … + 8.
		const want = phones * (phones + 1) / 2
		p := &provider{}
		var all sync.WaitGroup
		for _, owner := range []string{"a", "b", "c", "d"} {
			all.Go(func() {
				one := worker(w, p, owner)
				for {
					n, err := one.RunOnce(t.Context())
					if err != nil {
						t.Error(err)
					}
					if n == 0 {
						return
					}
				}
			})
		}
		all.Wait()
		seen := map[models.ID]bool{}
		for _, m := range p.got {
			if seen[m.DeliveryID] {
				t.Errorf("delivery %s was sent twice", m.DeliveryID)
			}
			seen[m.DeliveryID] = true
		}
		if len(seen) != want {
			t.Errorf("%d deliveries were sent, want %d", len(seen), want)
		}
	})
}

func TestTriedAgainAfterAPause(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		p := &provider{answer: func(push.Message) error { return errors.New("down") }}
		a := worker(w, p, "a")
		ring(w, w.Cadre)
		runOnce(t, a, 1)
		w.Clock.Advance(10*time.Second - time.Microsecond)
		runOnce(t, a, 0)
		w.Clock.Advance(time.Microsecond)
		p.answer = func(push.Message) error { return &push.RetryError{After: time.Hour, Reason: "too many"} }
		runOnce(t, a, 1)
		w.Clock.Advance(time.Hour - time.Microsecond)
		runOnce(t, a, 0)
		w.Clock.Advance(time.Microsecond)
		p.answer = nil
		runOnce(t, a, 1)
		w.Clock.Advance(24 * time.Hour)
		runOnce(t, a, 0)
		if p.count() != 3 {
			t.Errorf("the provider was asked %d times, want 3", p.count())
		}
	})
}

func TestGivesUp(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		p := &provider{answer: func(push.Message) error { return errors.New("down") }}
		a := worker(w, p, "a")
		ring(w, w.Cadre)
		for range 20 {
			if _, err := a.RunOnce(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.Clock.Advance(24 * time.Hour)
		}
		if p.count() != 8 {
			t.Errorf("the provider was asked %d times, want 8", p.count())
		}
	})
}

func TestUnknownTokenForgetsThePhone(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		p := &provider{answer: func(push.Message) error { return push.ErrDeadToken }}
		a := worker(w, p, "a")
		ring(w, w.Cadre)
		runOnce(t, a, 1)
		w.Write(func(tx *store.Tx) error { return tx.Notify(models.SessionReused(w.Cadre.ID, tx.NewID())) })
		runOnce(t, a, 0)
	})
}

func TestForgottenPhoneIsNotRung(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		p := &provider{}
		device := ring(w, w.Cadre)
		w.Write(func(tx *store.Tx) error { return tx.DeleteDevice(w.Cadre.ID, device) })
		runOnce(t, worker(w, p, "a"), 1)
		if p.count() != 0 {
			t.Errorf("the provider got %+v", p.got)
		}
	})
}

func TestWorkOfADeadWorkerIsTakenOver(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		ring(w, w.Cadre)
		var claimed []store.Delivery
		w.Write(func(tx *store.Tx) (err error) {
			claimed, err = tx.ClaimDeliveries("dead", time.Minute, 10)
			return err
		})
		if len(claimed) != 1 {
			t.Fatalf("claimed %d deliveries, want 1", len(claimed))
		}
		p := &provider{}
		b := worker(w, p, "b")
		runOnce(t, b, 0)
		w.Clock.Advance(time.Minute)
		runOnce(t, b, 1)
		err := w.DB.Write(t.Context(), func(tx *store.Tx) error { return tx.Delivered("dead", claimed[0].ID) })
		if !errors.Is(err, models.ErrNotFound) {
			t.Errorf("the dead worker came back and got %v", err)
		}
	})
}

// TestWakesUp lets a running worker notice a write without waiting for its next look.
func TestWakesUp(t *testing.T) {
	w := world.New(t)
	sent := make(chan struct{}, 1)
	p := &provider{answer: func(push.Message) error {
		sent <- struct{}{}
		return nil
	}}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	a := worker(w, p, "a")
	running.Go(func() { a.Run(ctx) })
	ring(w, w.Cadre)
	select {
	case <-sent:
	case <-time.After(10 * time.Second):
		t.Error("nothing was sent")
	}
	stop()
	running.Wait()
}
