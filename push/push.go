// Package push drains the outbox: a worker claims deliveries with a lease and hands them to a Sender.
package push

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"lianqi/models"
	"lianqi/store"
)

// Message is one notification for one phone, written in its owner's language.
type Message struct {
	DeliveryID     models.ID
	NotificationID models.ID
	Device         models.Device
	Title, Body    string
	Subject        models.Subject
}

// Sender hands messages to a provider of pushes. Its errors are ErrDeadToken, which makes the phone forgotten, a
// *RetryError, which says when to try again, or any other, which is tried again after a growing pause.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// ErrDeadToken tells that the provider does not know the phone any more.
var ErrDeadToken = errors.New("push: the provider does not know the token")

// RetryError is a provider's wish to be asked again later.
type RetryError struct {
	After  time.Duration
	Reason string
}

func (e *RetryError) Error() string { return "push: try again later: " + e.Reason }

// LogSender writes that a message would be sent, without a word of it: until a provider is set up.
type LogSender struct{ Log *slog.Logger }

// Send never fails.
func (s LogSender) Send(ctx context.Context, m Message) error {
	s.Log.DebugContext(ctx, "push", "delivery_id", m.DeliveryID, "notification_id", m.NotificationID, "device_id", m.Device.ID)
	return nil
}

const (
	claim    = 100
	lease    = time.Minute
	poll     = time.Second
	attempts = 8
)

// pauses before the next attempt, by how many have failed.
var pauses = []time.Duration{10 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour}

// Worker moves deliveries from the outbox to the sender. Several may run, in one process or in many.
type Worker struct {
	db     *store.DB
	sender Sender
	owner  string
	log    *slog.Logger
	woken  chan struct{}
}

// NewWorker makes a worker; the owner's name must be its own.
func NewWorker(db *store.DB, sender Sender, owner string, log *slog.Logger) *Worker {
	w := &Worker{db: db, sender: sender, owner: owner, log: log, woken: make(chan struct{}, 1)}
	db.OnCommit(w.wake)
	return w
}

func (w *Worker) wake(streams []models.Stream) {
	for _, s := range streams {
		if s[0] == 'u' {
			select {
			case w.woken <- struct{}{}:
			default:
			}
			return
		}
	}
}

// Run works until ctx ends.
func (w *Worker) Run(ctx context.Context) {
	for ctx.Err() == nil {
		sent, err := w.RunOnce(ctx)
		if err != nil && ctx.Err() == nil {
			w.log.ErrorContext(ctx, "outbox", "error", err)
		}
		if sent == claim {
			continue
		}
		timer := time.NewTimer(poll)
		select {
		case <-w.woken:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// result is what became of one delivery.
type result struct {
	store.Delivery
	err error
}

// RunOnce claims what is due, sends it, and stores what became of it. It tells how many deliveries it claimed.
func (w *Worker) RunOnce(ctx context.Context) (int, error) {
	if due, err := w.db.Read(ctx).DeliveriesDue(); err != nil || !due {
		return 0, err
	}
	var deliveries []store.Delivery
	err := w.db.Write(ctx, func(tx *store.Tx) (err error) {
		deliveries, err = tx.ClaimDeliveries(w.owner, lease, claim)
		return err
	})
	if err != nil || len(deliveries) == 0 {
		return 0, err
	}
	results := make([]result, len(deliveries))
	for i, d := range deliveries {
		results[i] = result{d, w.send(ctx, d)}
	}
	// What was sent must be stored even when the worker is told to stop.
	return len(deliveries), w.db.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		for _, r := range results {
			if err := w.settle(tx, r); err != nil && !errors.Is(err, models.ErrNotFound) {
				return err
			}
		}
		return nil
	})
}

func (w *Worker) send(ctx context.Context, d store.Delivery) error {
	if d.Device.ID == (models.ID{}) {
		return ErrDeadToken
	}
	title, body := d.Notification.Text(d.Language)
	return w.sender.Send(ctx, Message{
		DeliveryID: d.ID, NotificationID: d.Notification.ID, Device: d.Device, Title: title, Body: body, Subject: d.Notification.Subject,
	})
}

func (w *Worker) settle(tx *store.Tx, r result) error {
	var retry *RetryError
	switch {
	case r.err == nil:
		return tx.Delivered(w.owner, r.ID)
	case errors.Is(r.err, ErrDeadToken):
		if r.Device.ID != (models.ID{}) {
			if err := tx.DeleteDevice(r.Device.UserID, r.Device.ID); err != nil && !errors.Is(err, models.ErrNotFound) {
				return err
			}
		}
		return tx.DeliverLater(w.owner, r.ID, nil, "unknown token")
	case r.Attempts >= attempts:
		return tx.DeliverLater(w.owner, r.ID, nil, "gave up")
	}
	pause := pauses[min(r.Attempts, len(pauses))-1]
	if errors.As(r.err, &retry) {
		pause = max(pause, retry.After)
	}
	next := tx.Now().Add(pause)
	return tx.DeliverLater(w.owner, r.ID, &next, "provider failed")
}
