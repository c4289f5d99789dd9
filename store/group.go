package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"lianqi/models"
)

// maxGroup bounds how many closures share a commit, and so how long the first of them waits.
const maxGroup = 64

// group commits the closures that wait at the same time in one transaction, each in a savepoint of its own, so that
// they share one flush to the disk. One goroutine owns the connection; each closure runs in its caller's goroutine
// when it is given the turn, so that a panic goes where it belongs.
type group struct {
	db      *DB
	conn    *cachedConn
	queue   chan *entry
	closing chan struct{}
	closed  chan struct{}
	once    sync.Once
}

// entry is one call of Write.
type entry struct {
	ctx    context.Context
	state  atomic.Int32
	turns  chan *Tx
	over   chan verdict
	result chan error
}

const (
	entryWaiting int32 = iota
	entryStarted
	entryLeft
)

// verdict is how one run of a closure ended.
type verdict struct {
	err  error
	gone bool // it panicked or its goroutine exited: nobody waits for an answer
	cut  bool // it took too long; it may still be running
}

func newGroup(ctx context.Context, db *DB) (*group, error) {
	raw, err := db.writes.Conn(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := newCachedConn(raw)
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	g := &group{
		db: db, conn: conn,
		queue: make(chan *entry, maxGroup), closing: make(chan struct{}), closed: make(chan struct{}),
	}
	go g.loop()
	return g, nil
}

// close ends the writer once the closures that wait have been answered.
func (g *group) close() error {
	g.once.Do(func() { close(g.closing) })
	<-g.closed
	return g.conn.close()
}

func (g *group) write(ctx context.Context, fn func(*Tx) error) error {
	e := &entry{ctx: ctx, turns: make(chan *Tx, 1), over: make(chan verdict, 1), result: make(chan error, 1)}
	select {
	case g.queue <- e:
	case <-ctx.Done():
		return ctx.Err()
	case <-g.closed:
		return ErrClosed
	}
	leave, closed := ctx.Done(), g.closed
	for {
		select {
		case tx := <-e.turns:
			leave, closed = nil, nil
			e.run(tx, fn)
		case err := <-e.result:
			return err
		case <-leave:
			if e.state.CompareAndSwap(entryWaiting, entryLeft) {
				return ctx.Err()
			}
			leave = nil
		case <-closed:
			// The writer ended between our queueing and its last look.
			if e.state.CompareAndSwap(entryWaiting, entryLeft) {
				return ErrClosed
			}
			closed = nil
		}
	}
}

// run gives its verdict also when fn panics or ends the goroutine.
func (e *entry) run(tx *Tx, fn func(*Tx) error) {
	v := verdict{gone: true}
	defer func() { e.over <- v }()
	err := fn(tx)
	v = verdict{err: err}
}

func (g *group) loop() {
	defer close(g.closed)
	for {
		select {
		case e := <-g.queue:
			g.serve(e)
		case <-g.closing:
			for {
				select {
				case e := <-g.queue:
					g.serve(e)
					continue
				default:
				}
				return
			}
		}
	}
}

// outcome is what an entry is told after the commit.
type outcome struct {
	e   *entry
	err error
}

// serve runs first and whatever else waits in one transaction and answers all of them after its commit. When the
// database ends the transaction under one of them, the others run again without it.
func (g *group) serve(first *entry) {
	again := []*entry{first}
	for {
		if err := g.begin(); err != nil {
			for _, e := range again {
				e.answer(models.ErrUnavailable.Because(err))
			}
			return
		}
		done, ended := g.runAll(again)
		if !ended {
			g.commit(done)
			return
		}
		_ = g.conn.exec("ROLLBACK")
		again = again[:0]
		for _, o := range done {
			again = append(again, o.e)
		}
		if len(again) == 0 {
			return
		}
	}
}

// runAll runs the entries, then what waits in the queue, until the group is full, nothing waits, or the transaction
// has ended; then the culprit is answered and left out of what is returned.
func (g *group) runAll(entries []*entry) (done []outcome, ended bool) {
	for n := 0; n < maxGroup || n < len(entries); n++ {
		var e *entry
		if n < len(entries) {
			e = entries[n]
		} else {
			select {
			case e = <-g.queue:
			default:
				return done, false
			}
		}
		if !e.start() {
			continue
		}
		v, stands := g.runOne(e)
		if v.cut {
			// Whatever becomes of the group, it does not run again: it has not even ended.
			e.answer(ErrCutOff)
		}
		if !stands {
			if !v.cut {
				e.answer(v.endedTransaction())
			}
			// Those that have not run yet keep their place behind those that have.
			for _, later := range entries[min(n+1, len(entries)):] {
				done = append(done, outcome{e: later})
			}
			return done, true
		}
		if !v.gone && !v.cut {
			done = append(done, outcome{e, v.err})
		}
	}
	return done, false
}

// endedTransaction is the answer to a closure under which the transaction ended.
func (v verdict) endedTransaction() error {
	if v.err == nil || errors.Is(v.err, ErrTransactionEnded) {
		return ErrTransactionEnded
	}
	return fmt.Errorf("%w: %w", ErrTransactionEnded, v.err)
}

// start claims the entry, unless its caller has left or its context is over. An entry that runs again has started.
func (e *entry) start() bool {
	if e.state.Load() == entryStarted {
		return true
	}
	if err := e.ctx.Err(); err != nil {
		if e.state.CompareAndSwap(entryWaiting, entryLeft) {
			e.answer(err)
		}
		return false
	}
	return e.state.CompareAndSwap(entryWaiting, entryStarted)
}

func (e *entry) answer(err error) { e.result <- err }

// runOne gives the entry its turn inside a savepoint. stands is false when the transaction is gone.
func (g *group) runOne(e *entry) (v verdict, stands bool) {
	if err := g.conn.exec("SAVEPOINT closure"); err != nil {
		return verdict{err: models.ErrUnavailable.Because(err)}, false
	}
	t := &turn{c: g.conn}
	e.turns <- g.db.newTx(e.ctx, t)

	limit := time.NewTimer(g.db.opts.ClosureLimit)
	select {
	case v = <-e.over:
	case <-limit.C:
		v = verdict{err: ErrCutOff, cut: true}
	}
	limit.Stop()
	t.end()

	if g.conn.ended.Load() {
		return v, false
	}
	if v.err != nil || v.gone {
		if err := g.conn.exec("ROLLBACK TO closure"); err != nil {
			return v, false
		}
	}
	if err := g.conn.exec("RELEASE closure"); err != nil {
		return v, false
	}
	return v, true
}

func (g *group) begin() error {
	g.conn.trim()
	g.conn.ended.Store(false)
	err := g.conn.exec("BEGIN IMMEDIATE")
	if err != nil {
		// Whatever was left open by a failed commit must not hold up everybody else for ever.
		_ = g.conn.exec("ROLLBACK")
		g.conn.ended.Store(false)
		err = g.conn.exec("BEGIN IMMEDIATE")
	}
	return err
}

func (g *group) commit(done []outcome) {
	g.conn.committing.Store(true)
	err := g.conn.exec("COMMIT")
	g.conn.committing.Store(false)
	if err != nil {
		_ = g.conn.exec("ROLLBACK")
		err = models.ErrUnavailable.Because(err)
	}
	for _, o := range done {
		if err != nil {
			o.err = err
		}
		o.e.answer(o.err)
	}
}
