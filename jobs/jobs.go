// Package jobs does what no request asks for. Each job is an idempotent function of the time; a lease in the database
// keeps other servers from doing it at the same moment, and a job that dies halfway is done by whoever comes next.
package jobs

import (
	"context"
	"log/slog"
	"time"

	"lianqi/services"
	"lianqi/store"
)

// Job is work that comes round.
type Job struct {
	Name  string
	Every time.Duration
	// RunOnce does the work that is due at now; doing it twice changes nothing.
	RunOnce func(ctx context.Context, now time.Time) error
}

const (
	// keyAge is how long a signing key signs.
	keyAge = 30 * 24 * time.Hour
	// attemptAge is how long counters of failed logins are kept.
	attemptAge = 24 * time.Hour
	// sessionAge is how long sessions are kept after their end, for questions about who was logged in.
	sessionAge = 180 * 24 * time.Hour
)

// All are the jobs of the server.
func All(db *store.DB) []Job {
	return []Job{
		{"sweep", 10 * time.Minute, func(ctx context.Context, now time.Time) error {
			return db.Write(ctx, func(tx *store.Tx) error { return tx.Sweep(now.Add(-attemptAge), now.Add(-sessionAge)) })
		}},
		{"rotate-keys", 6 * time.Hour, func(ctx context.Context, now time.Time) error {
			return services.RotateAgedKeys(ctx, db, now, keyAge)
		}},
	}
}

// Run does each job when it comes round, until ctx ends.
func Run(ctx context.Context, db *store.DB, owner string, log *slog.Logger, jobs []Job) {
	for {
		for _, j := range jobs {
			if _, err := RunIfDue(ctx, db, owner, j); err != nil && ctx.Err() == nil {
				log.ErrorContext(ctx, "job", "job", j.Name, "error", err)
			}
		}
		timer := time.NewTimer(time.Minute)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// RunIfDue does the job unless some server has its turn; it tells whether it did. The lease is the slot: it is held
// until the job comes round again, and given back when the job fails.
func RunIfDue(ctx context.Context, db *store.DB, owner string, j Job) (ran bool, err error) {
	// Each turn has an owner of its own, so that the same server does not take it twice.
	turn := owner + "/" + db.Now().Format(time.RFC3339Nano)
	err = db.Write(ctx, func(tx *store.Tx) error {
		ran, err = tx.TakeLease("job/"+j.Name, turn, tx.Now().Add(j.Every))
		return err
	})
	if err != nil || !ran {
		return false, err
	}
	if err := j.RunOnce(ctx, db.Now()); err != nil {
		_ = db.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error {
			_, err := tx.TakeLease("job/"+j.Name, turn, tx.Now())
			return err
		})
		return true, err
	}
	return true, nil
}
