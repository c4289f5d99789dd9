package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lianqi/models"
)

var errOwn = errors.New("the closure's own error")

// mark leaves a trace of a closure: two rows in two tables, so that half of it would show.
func mark(tx *Tx, name string) error {
	if err := tx.exec("INSERT INTO meta (name, value) VALUES (?, ?)", "mark/"+name, name); err != nil {
		return err
	}
	return tx.exec("INSERT INTO leases (name, owner, expires_at) VALUES (?, 'mark', 0)", name)
}

// marks are the traces there are; it fails when one is half there.
func marks(t interface{ Fatalf(string, ...any) }, db opened) map[string]bool {
	var left, right []string
	if err := db.read().all(&left, "SELECT value FROM meta WHERE name LIKE 'mark/%' ORDER BY value"); err != nil {
		t.Fatalf("%v", err)
	}
	if err := db.read().all(&right, "SELECT name FROM leases WHERE owner = 'mark' ORDER BY name"); err != nil {
		t.Fatalf("%v", err)
	}
	if fmt.Sprint(left) != fmt.Sprint(right) {
		t.Fatalf("half-written: %v and %v", left, right)
	}
	there := map[string]bool{}
	for _, name := range left {
		there[name] = true
	}
	return there
}

// What a closure of the property test does.
const (
	succeeds = iota
	failsAfterStatements
	swallowsStatementError
	panics
	exits
	cancelledBefore
	cancelledInside
	tooSlow
	nests
	endsTransaction
	commitsByItself
	kinds
)

var kindNames = []string{
	"succeeds", "failsAfterStatements", "swallowsStatementError", "panics", "exits", "cancelledBefore",
	"cancelledInside", "tooSlow", "nests", "endsTransaction", "commitsByItself",
}

// outcomeOf runs one Write of the kind and tells whether it was acknowledged.
func outcomeOf(db opened, kind int, name string) (acknowledged bool, wrong error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if kind == cancelledBefore {
		cancel()
	}
	var err error
	answered := false
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = recover() }()
		err = db.Write(ctx, func(tx *Tx) error { return behave(db, tx, kind, name, cancel) })
		answered = true
	}()
	<-done
	want := map[int]error{
		failsAfterStatements: errOwn, cancelledBefore: context.Canceled, tooSlow: ErrCutOff, endsTransaction: ErrTransactionEnded,
		commitsByItself: ErrTransactionEnded,
	}[kind]
	switch {
	case kind == panics || kind == exits:
		if answered {
			wrong = errors.New("returned")
		}
	case !answered:
		wrong = errors.New("did not return")
	case !errors.Is(err, want) || (want == nil) != (err == nil):
		wrong = fmt.Errorf("answered %w, not %w", err, want)
	}
	return answered && err == nil, wrong
}

func behave(db opened, tx *Tx, kind int, name string, cancel func()) error {
	if err := mark(tx, name); err != nil {
		return err
	}
	switch kind {
	case failsAfterStatements:
		return errOwn
	case swallowsStatementError:
		_ = mark(tx, name) // violates the key
	case panics:
		panic("on purpose")
	case exits:
		runtime.Goexit()
	case cancelledInside:
		cancel()
		return tx.exec("UPDATE leases SET expires_at = 1 WHERE name = ?", name)
	case tooSlow:
		for tx.exec("UPDATE leases SET expires_at = expires_at + 1 WHERE name = ?", name) == nil { //nolint:revive // it is cut off
		}
	case nests:
		if err := db.Write(tx.Context(), func(*Tx) error { return nil }); !errors.Is(err, ErrNested) {
			return fmt.Errorf("nested: %w", err)
		}
	case endsTransaction:
		_ = tx.exec("ROLLBACK")
		if err := mark(tx, name+"/later"); err == nil {
			return errors.New("a statement after the end of the transaction was accepted")
		}
	case commitsByItself:
		_ = tx.exec("COMMIT")
		if err := mark(tx, name+"/later"); err == nil {
			return errors.New("a statement after a commit was accepted")
		}
	}
	return nil
}

// TestWriteKeepsExactlyWhatItAcknowledged runs mixed closures side by side and compares with the model: a set.
func TestWriteKeepsExactlyWhatItAcknowledged(t *testing.T) {
	check := func(db opened, allowed []int) func(*rapid.T) {
		round := 0
		return func(r *rapid.T) {
			round++
			batch := rapid.SliceOfN(rapid.SampledFrom(allowed), 1, 40).Draw(r, "kinds")
			var wait sync.WaitGroup
			acknowledged := make([]bool, len(batch))
			wrong := make([]error, len(batch))
			for i, kind := range batch {
				wait.Go(func() { acknowledged[i], wrong[i] = outcomeOf(db, kind, fmt.Sprintf("%d/%d", round, i)) })
			}
			wait.Wait()
			there := marks(r, db)
			for i, kind := range batch {
				name := fmt.Sprintf("%d/%d", round, i)
				if wrong[i] != nil {
					r.Errorf("%s: %v", kindNames[kind], wrong[i])
				}
				if there[name] != acknowledged[i] {
					r.Errorf("%s: acknowledged %v, stored %v", kindNames[kind], acknowledged[i], there[name])
				}
				if there[name+"/later"] {
					r.Errorf("%s: wrote outside of its transaction", kindNames[kind])
				}
			}
		}
	}
	quick := func(o *Options) { o.ClosureLimit = 100 * time.Millisecond }
	t.Run("SQLite", func(t *testing.T) {
		all := make([]int, kinds)
		for i := range all {
			all[i] = i
		}
		// Those that are common in life are common here.
		all = append(all, succeeds, succeeds, succeeds, succeeds, failsAfterStatements, panics, endsTransaction)
		rapid.Check(t, check(newSQLite(t, quick), all))
	})
	t.Run("MariaDB", func(t *testing.T) {
		rapid.Check(t, check(newMariaDB(t, quick), []int{
			succeeds, succeeds, succeeds, failsAfterStatements, swallowsStatementError, panics, exits, cancelledBefore, cancelledInside, tooSlow, nests,
		}))
	})
}

// together runs the closures in one transaction of the group: the first one waits until all others are queued.
func together(t *testing.T, db opened, closures ...func(tx *Tx) error) []error {
	t.Helper()
	running, queued := make(chan struct{}), make(chan struct{})
	errs := make([]error, len(closures)+1)
	var wait sync.WaitGroup
	first := true
	wait.Go(func() {
		errs[0] = db.Write(context.Background(), func(*Tx) error {
			if first {
				first = false
				close(running)
				<-queued
			}
			return nil
		})
	})
	<-running
	for i, fn := range closures {
		before := len(db.group.queue)
		wait.Go(func() { errs[i+1] = db.Write(context.Background(), fn) })
		for len(db.group.queue) == before {
			runtime.Gosched()
		}
	}
	close(queued)
	wait.Wait()
	return errs
}

func TestEndedTransactionRunsTheOthersAgain(t *testing.T) {
	db := newSQLite(t, nil)
	db.write(t, func(tx *Tx) error {
		return tx.exec("CREATE TRIGGER bomb BEFORE INSERT ON leases WHEN NEW.name = 'bomb' BEGIN SELECT RAISE(ROLLBACK, 'boom'); END")
	})
	runs := make([]int, 4)
	errs := together(t, db,
		func(tx *Tx) error { runs[0]++; return mark(tx, "one") },
		func(tx *Tx) error { runs[1]++; return errors.Join(mark(tx, "two"), errOwn) },
		func(tx *Tx) error { runs[2]++; return mark(tx, "bomb") },
		func(tx *Tx) error { runs[3]++; return mark(tx, "four") },
	)
	if errs[0] != nil || errs[1] != nil || !errors.Is(errs[2], errOwn) || !errors.Is(errs[3], ErrTransactionEnded) || errs[4] != nil {
		t.Fatal(errs)
	}
	if there := marks(t, db); fmt.Sprint(there) != "map[four:true one:true]" {
		t.Fatal(there)
	}
	if fmt.Sprint(runs) != "[2 2 1 1]" {
		t.Fatal("runs", runs)
	}
}

func TestFailingCommitFailsTheWholeGroup(t *testing.T) {
	db := newSQLite(t, nil)
	errs := together(t, db,
		func(tx *Tx) error { return mark(tx, "one") },
		func(tx *Tx) error {
			if err := tx.exec("PRAGMA defer_foreign_keys = 1"); err != nil {
				return err
			}
			return tx.exec("INSERT INTO category_routes (category, department_id) VALUES ('x', zeroblob(16))")
		},
		func(tx *Tx) error { return errOwn },
	)
	for _, err := range errs {
		if !errors.Is(err, models.ErrUnavailable) {
			t.Fatal(errs)
		}
	}
	if there := marks(t, db); len(there) > 0 {
		t.Fatal(there)
	}
	db.write(t, func(tx *Tx) error { return mark(tx, "after") })
	if there := marks(t, db); !there["after"] {
		t.Fatal("the writer does not go on")
	}
}

func TestCutOffClosureLeavesTheOthersAlone(t *testing.T) {
	db := newSQLite(t, func(o *Options) { o.ClosureLimit = 50 * time.Millisecond })
	var late error
	othersDone := make(chan struct{})
	var wait sync.WaitGroup
	started := make(chan struct{})
	wait.Go(func() {
		err := db.Write(context.Background(), func(tx *Tx) error {
			close(started)
			if err := mark(tx, "slow"); err != nil {
				return err
			}
			<-othersDone
			late = mark(tx, "late")
			return nil
		})
		if !errors.Is(err, ErrCutOff) || !errors.Is(err, models.ErrUnavailable) {
			t.Error(err)
		}
	})
	<-started
	db.write(t, func(tx *Tx) error { return mark(tx, "other") })
	close(othersDone)
	wait.Wait()
	if !errors.Is(late, ErrCutOff) {
		t.Fatal("a statement after the cut:", late)
	}
	if there := marks(t, db); fmt.Sprint(there) != "map[other:true]" {
		t.Fatal(there)
	}
}

func TestTransactionIsRefusedAfterItsClosure(t *testing.T) {
	db := newSQLite(t, nil)
	var kept *Tx
	db.write(t, func(tx *Tx) error { kept = tx; return nil })
	if err := mark(kept, "late"); !errors.Is(err, ErrCutOff) {
		t.Fatal(err)
	}
	maria := newMariaDB(t, nil)
	maria.write(t, func(tx *Tx) error { kept = tx; return nil })
	if err := mark(kept, "late"); err == nil {
		t.Fatal("accepted")
	}
}

func TestCloseAnswersWhoWaits(t *testing.T) {
	db := newSQLite(t, nil)
	running, release := make(chan struct{}), make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		err := db.Write(context.Background(), func(tx *Tx) error {
			close(running)
			<-release
			return mark(tx, "first")
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-running
	answers := make(chan error, 200)
	for range cap(answers) {
		wait.Go(func() { answers <- db.Write(context.Background(), func(*Tx) error { return nil }) })
	}
	closed := make(chan error)
	go func() { closed <- db.Close() }()
	close(release)
	must(t, <-closed)
	wait.Wait()
	for range cap(answers) {
		if err := <-answers; err != nil && !errors.Is(err, ErrClosed) {
			t.Fatal(err)
		}
	}
	if err := db.Write(context.Background(), func(*Tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
}
