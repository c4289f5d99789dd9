package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"lianqi/models"
)

// Errors of Write itself; each is a fault in the calling code or a passing trouble, never the user's.
var (
	// ErrNested refuses a Write inside the closure of another.
	ErrNested = errors.New("store: Write called inside the closure of a Write")
	// ErrCutOff answers a closure that took longer than its limit; it was rolled back.
	ErrCutOff = errors.New("store: closure took too long and was cut off")
	// ErrTransactionEnded answers a closure whose statement made the database end the transaction.
	ErrTransactionEnded = errors.New("store: the database ended the transaction")
	// ErrClosed answers a Write after Close.
	ErrClosed = errors.New("store: database is closed")
)

// Tx is one transaction: the queries, the changes, and the mechanisms that every change goes through. It ends with
// the closure it was given to.
type Tx struct {
	*Queries
	cause models.Cause
	newID func() models.ID
	// gathered while the closure runs and written at its end, so that the counters of the streams are locked last
	// and for the shortest time
	changes []pendingChange
	notices []models.Notice
	audits  []auditRow
	// run once the transaction is durable
	afterCommit []models.Stream
}

// Context is the shielded context of the transaction: it carries the caller's values and is never cancelled.
func (tx *Tx) Context() context.Context { return tx.ctx }

// NewID makes the id of a new record.
func (tx *Tx) NewID() models.ID { return tx.newID() }

type insideWrite struct{}

// Write runs the closure in a transaction and returns once it is durable: all of the closure or nothing.
//
// The closure does no I/O but through tx and may run more than once. A Write inside it is refused when it is called
// with tx.Context(); with the context from outside it would wait for its own caller, until that is cut off. Its context is shielded: a caller who gives up
// before it starts gets the context's error and nothing happens; afterwards it runs to its end. On SQLite closures that
// wait at the same time share one commit; on a MySQL-compatible server a deadlock runs the closure again.
//
// Errors: the closure's own; ErrNested, ErrTransactionEnded; models.ErrUnavailable when the commit failed, the server was
// too busy, or the closure was cut off (then ErrCutOff is its cause), after which the caller may try again.
func (db *DB) Write(ctx context.Context, fn func(tx *Tx) error) error {
	if ctx.Value(insideWrite{}) != nil {
		return ErrNested
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var touched []models.Stream
	run := func(tx *Tx) error {
		touched = nil
		if err := fn(tx); err != nil {
			return err
		}
		if err := tx.flush(); err != nil {
			return err
		}
		touched = tx.afterCommit
		return nil
	}
	var err error
	if db.driver == driverSQLite {
		err = db.group.write(ctx, run)
	} else {
		err = db.writeMySQL(ctx, run)
	}
	if err == nil && len(touched) > 0 {
		db.committed.call(touched)
	}
	if errors.Is(err, ErrCutOff) {
		// Mostly it waited for others too long, and nothing has happened: it may be sent again.
		return models.ErrUnavailable.Because(err)
	}
	return err
}

// newTx begins the bookkeeping of one run of a closure.
func (db *DB) newTx(ctx context.Context, through gate) *Tx {
	shielded := context.WithValue(context.WithoutCancel(ctx), insideWrite{}, true)
	return &Tx{
		Queries: &Queries{gate: through, ctx: shielded, now: db.Now(), driver: db.driver},
		cause:   models.CauseOf(ctx), newID: db.opts.NewID,
	}
}

const (
	mysqlAttempts = 12
	mysqlBackoff  = 5 * time.Millisecond
)

// writeMySQL runs the closure in a transaction of its own, again after a deadlock, a lock wait that was too long or a
// certification conflict of a cluster, which also shows as a deadlock and may come as late as the commit.
func (db *DB) writeMySQL(ctx context.Context, run func(*Tx) error) error {
	for attempt := 0; ; attempt++ {
		err := db.tryMySQL(ctx, run)
		if !conflicted(err) && !errors.Is(err, errConnectionLost) {
			return err
		}
		if attempt+1 == mysqlAttempts {
			return models.ErrUnavailable.Because(err)
		}
		// Half of the pause is random, so that two who met once do not meet again.
		pause := min(mysqlBackoff<<attempt, 200*time.Millisecond)
		pause = pause/2 + rand.N(pause/2) //nolint:gosec // jitter needs no secret randomness
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (db *DB) tryMySQL(ctx context.Context, run func(*Tx) error) error {
	shielded := context.WithoutCancel(ctx)
	conn, err := db.reads.Conn(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return models.ErrUnavailable.Because(err)
	}
	defer func() { _ = conn.Close() }()
	sqlTx, err := conn.BeginTx(shielded, nil)
	if err != nil {
		return models.ErrUnavailable.Because(err)
	}
	through := &passage{tx: sqlTx}
	timer := time.AfterFunc(db.opts.ClosureLimit, through.cut)
	defer timer.Stop()
	// Also after a panic, which goes on to the caller; after the commit it does nothing.
	defer func() { _ = sqlTx.Rollback() }()
	err = run(db.newTx(ctx, through))
	if spoiled := through.spoiled(); spoiled != nil {
		return spoiled
	}
	if err != nil {
		return err
	}
	if err := sqlTx.Commit(); err != nil {
		if conflicted(err) {
			return err
		}
		return models.ErrUnavailable.Because(err)
	}
	return nil
}

// hooks are told of the streams that a durable write has moved.
type hooks struct {
	mu sync.RWMutex
	fn []func([]models.Stream)
}

func (h *hooks) call(streams []models.Stream) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, fn := range h.fn {
		fn(streams)
	}
}

// OnCommit calls fn after every durable write of this process that moved streams. It must return at once.
func (db *DB) OnCommit(fn func(streams []models.Stream)) {
	db.committed.mu.Lock()
	defer db.committed.mu.Unlock()
	db.committed.fn = append(db.committed.fn, fn)
}
