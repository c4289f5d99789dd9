package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lianqi/models"
)

// soak is how long the long tests run: a moment, or a minute when asked for.
func soak() time.Duration {
	if os.Getenv("SOAK") == "1" {
		return time.Minute
	}
	return 1500 * time.Millisecond
}

// TestNoChangeIsMissed lets 16 writers change records on shared streams while readers follow them as phones do: they
// ask for the heads, read up to these, and never look back.
func TestNoChangeIsMissed(t *testing.T) {
	eachDB(t, func(t *testing.T, db opened) {
		streams := []models.Stream{models.UserStream(number(1))}
		for i := range 6 {
			streams = append(streams, models.EnterpriseStream(number(i)), models.DepartmentStream(number(i)))
		}
		streams = append(streams, models.ZoneStreams()[:3]...)
		var writing atomic.Bool
		writing.Store(true)
		stop := time.AfterFunc(soak(), func() { writing.Store(false) })
		defer stop.Stop()

		var mu sync.Mutex
		written := map[models.Stream]map[models.ID]bool{}
		for _, s := range streams {
			written[s] = map[models.ID]bool{}
		}
		var next atomic.Int64
		var writers, readers sync.WaitGroup
		for w := range 16 {
			random := rand.New(rand.NewPCG(uint64(w), 1))
			writers.Go(func() {
				for writing.Load() {
					writeSome(t, db, random, streams, &next, func(s models.Stream, id models.ID) {
						mu.Lock()
						written[s][id] = true
						mu.Unlock()
					})
				}
			})
		}
		seen := make([]map[models.Stream]map[models.ID]int64, 4)
		for r := range seen {
			readers.Go(func() {
				seen[r] = map[models.Stream]map[models.ID]int64{}
				after := map[models.Stream]int64{}
				for last := false; ; {
					follow(t, db, streams, after, seen[r])
					if last {
						return
					}
					last = !writing.Load()
					if last {
						writers.Wait() // one more round sees what came last
					}
					runtime.Gosched()
				}
			})
		}
		writers.Wait()
		readers.Wait()
		total := 0
		for _, s := range streams {
			total += len(written[s])
			for r := range seen {
				if missed := len(written[s]) - len(seen[r][s]); missed != 0 {
					t.Errorf("reader %d missed %d of %d changes of %s", r, missed, len(written[s]), s)
				}
			}
		}
		t.Logf("%d changes", total)
		if total < 100 {
			t.Fatal("too few changes to prove anything")
		}
	})
}

// writeSome makes one transaction with a few changes on a few streams; one in eight fails and must leave nothing.
func writeSome(t *testing.T, db opened, random *rand.Rand, streams []models.Stream, next *atomic.Int64, note func(models.Stream, models.ID)) {
	type change struct {
		id      models.ID
		streams []models.Stream
	}
	var changes []change
	for range 1 + random.IntN(3) {
		on := slices.Clone(streams)
		random.Shuffle(len(on), func(i, j int) { on[i], on[j] = on[j], on[i] })
		changes = append(changes, change{number(int(next.Add(1))), on[:1+random.IntN(4)]})
	}
	fails := random.IntN(8) == 0
	err := db.Write(context.Background(), func(tx *Tx) error {
		for _, c := range changes {
			tx.Changed(models.KindVisit, c.id, c.streams...)
		}
		if fails {
			if err := tx.flush(); err != nil {
				return err
			}
			return errOwn
		}
		return nil
	})
	if fails {
		return
	}
	if err != nil {
		t.Error(err)
		return
	}
	for _, c := range changes {
		for _, s := range c.streams {
			note(s, c.id)
		}
	}
}

// follow reads what has come since the last time.
func follow(t *testing.T, db opened, streams []models.Stream, after map[models.Stream]int64, seen map[models.Stream]map[models.ID]int64) {
	q := db.read()
	heads, err := q.Heads(streams)
	if err != nil {
		t.Error(err)
		return
	}
	for s, head := range heads {
		if seen[s] == nil {
			seen[s] = map[models.ID]int64{}
		}
		for after[s] < head {
			list, err := q.ChangesAfter(s, after[s], head, 50)
			if err != nil {
				t.Error(err)
				return
			}
			for _, c := range list {
				if before, twice := seen[s][c.RecordID]; twice || c.Seq <= after[s] {
					t.Errorf("%s: %v came as %d after %d (before: %d)", s, c.RecordID, c.Seq, after[s], before)
				}
				seen[s][c.RecordID] = c.Seq
				after[s] = c.Seq
			}
			if len(list) < 50 {
				after[s] = head
			}
		}
	}
}

func TestOnCommitTellsOfDurableChangesOnly(t *testing.T) {
	eachDB(t, func(t *testing.T, db opened) {
		var told []string
		db.OnCommit(func(streams []models.Stream) { told = append(told, fmt.Sprint(streams)) })
		db.write(t, func(tx *Tx) error {
			tx.Changed(models.KindUser, number(1), models.UserStream(number(1)))
			return nil
		})
		_ = db.Write(context.Background(), func(tx *Tx) error {
			tx.Changed(models.KindUser, number(2), models.UserStream(number(2)))
			return errOwn
		})
		db.write(t, func(*Tx) error { return nil })
		if want := fmt.Sprint([]string{fmt.Sprint([]models.Stream{models.UserStream(number(1))})}); fmt.Sprint(told) != want {
			t.Fatal(told)
		}
	})
}
