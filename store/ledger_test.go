package store

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"lianqi/models"
)

func fingerprint(b byte) []byte {
	f := make([]byte, 32)
	f[31] = b
	return f
}

func TestOnce(t *testing.T) {
	eachDB(t, func(t *testing.T, db opened) {
		mine := models.Cause{ActorID: number(1), Operation: "record-visit"}
		op := Operation{ID: number(7), Name: "record-visit", Fingerprint: fingerprint(1), Record: number(8)}
		once := func(cause models.Cause, op Operation) (first bool, earlier Operation, err error) {
			err = db.Write(models.WithCause(context.Background(), cause), func(tx *Tx) error {
				first, earlier, err = tx.Once(op)
				return err
			})
			return first, earlier, err
		}
		if first, _, err := once(mine, op); err != nil || !first {
			t.Fatal(first, err)
		}
		again := op
		again.Record = number(9)
		if first, earlier, err := once(mine, again); err != nil || first || earlier.Record != number(8) {
			t.Fatal(first, earlier, err)
		}
		for name, other := range map[string]func() (models.Cause, Operation){
			"fingerprint": func() (models.Cause, Operation) { o := op; o.Fingerprint = fingerprint(2); return mine, o },
			"actor":       func() (models.Cause, Operation) { c := mine; c.ActorID = number(2); return c, op },
			"operation":   func() (models.Cause, Operation) { o := op; o.Name = "record-problem"; return mine, o },
		} {
			if first, _, err := once(other()); !errors.Is(err, models.ErrIDConflict) || first {
				t.Errorf("another %s: %v, %v", name, first, err)
			}
		}
	})
}

func TestAnswerIsKept(t *testing.T) {
	eachDB(t, func(t *testing.T, db opened) {
		op := Operation{ID: number(7), Name: "accept", Fingerprint: fingerprint(1), Record: number(8)}
		db.write(t, func(tx *Tx) error {
			if _, _, err := tx.Once(op); err != nil {
				return err
			}
			return tx.Answered(op.ID, map[string]int{"version": 2})
		})
		db.write(t, func(tx *Tx) error {
			var answer map[string]int
			if err := tx.Answer(op.ID, &answer); err != nil || answer["version"] != 2 {
				t.Error(answer, err)
			}
			if err := tx.Answer(number(9), &answer); !errors.Is(err, models.ErrNotFound) {
				t.Error(err)
			}
			return nil
		})
	})
}

func TestOneOfManyIsFirst(t *testing.T) {
	eachDB(t, func(t *testing.T, db opened) {
		op := Operation{ID: number(7), Name: "record-visit", Fingerprint: fingerprint(1), Record: number(8)}
		var firsts atomic.Int64
		var wait sync.WaitGroup
		for range 200 {
			wait.Go(func() {
				var first bool
				err := db.Write(context.Background(), func(tx *Tx) (err error) {
					first, _, err = tx.Once(op)
					return err
				})
				if err != nil {
					t.Error(err)
				}
				if first {
					firsts.Add(1)
				}
			})
		}
		wait.Wait()
		if firsts.Load() != 1 {
			t.Fatal(firsts.Load(), "were first")
		}
	})
}

func TestLeaseHasOneHolder(t *testing.T) {
	eachDB(t, func(t *testing.T, db opened) {
		take := func(owner string) (held bool) {
			db.write(t, func(tx *Tx) (err error) {
				held, err = tx.TakeLease("sweep", owner, tx.Now().Add(minute))
				return err
			})
			return held
		}
		if !take("a") || take("b") || !take("a") {
			t.Fatal("the lease changed hands while it lasted")
		}
		db.clock.forward(2 * minute)
		if !take("b") || take("a") {
			t.Fatal("the lease did not change hands after its end")
		}
	})
}
