package store

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	sqlitedriver "modernc.org/sqlite"
)

// countCommits counts what the database commits from now on.
func (db opened) countCommits(tb testing.TB) *atomic.Int64 {
	tb.Helper()
	var commits atomic.Int64
	c := db.group.conn
	must(tb, c.conn.Raw(func(connection any) error {
		connection.(sqlitedriver.HookRegisterer).RegisterCommitHook(func() int32 {
			commits.Add(1)
			return c.mayCommit()
		})
		return nil
	}))
	return &commits
}

func TestWritersShareCommits(t *testing.T) {
	db := newSQLite(t, nil)
	commits := db.countCommits(t)
	closures := make([]func(*Tx) error, maxGroup-1)
	for i := range closures {
		closures[i] = func(tx *Tx) error { return mark(tx, fmt.Sprint(i)) }
	}
	for _, err := range together(t, db, closures...) {
		must(t, err)
	}
	if n := commits.Load(); n != 1 {
		t.Fatalf("%d commits for %d closures that waited together", n, maxGroup)
	}
	const writers, each = 64, 20
	commits.Store(0)
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			for i := range each {
				if err := db.Write(context.Background(), func(tx *Tx) error { return mark(tx, fmt.Sprintf("%d/%d", w, i)) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	t.Logf("%d writes in %d commits", writers*each, commits.Load())
	if n := commits.Load(); n > writers*each/4 {
		t.Fatalf("%d commits for %d writes of %d writers", n, writers*each, writers)
	}
	if len(marks(t, db)) != writers*each+len(closures) {
		t.Fatal("writes are missing")
	}
}

// BenchmarkWrite compares grouped commits with one transaction for each write, on the same connection.
func BenchmarkWrite(b *testing.B) {
	const writers = 64
	const insert = "INSERT INTO login_attempts (id, failures, started_at, locked_until) VALUES (?, 0, 0, 0)"
	var next atomic.Int64
	run := func(b *testing.B, write func(id string) error) {
		b.SetParallelism(writers / 2)
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := write(fmt.Sprintf("%064d", next.Add(1))); err != nil {
					b.Error(err)
				}
			}
		})
	}
	var grouped float64
	b.Run("grouped", func(b *testing.B) {
		db := openTest(b, Options{Driver: driverSQLite, Dir: benchDir(b)}, nil)
		commits := db.countCommits(b)
		run(b, func(id string) error {
			return db.Write(context.Background(), func(tx *Tx) error { return tx.exec(insert, id) })
		})
		grouped = float64(b.Elapsed().Nanoseconds()) / float64(b.N)
		b.ReportMetric(float64(b.N)/float64(commits.Load()), "writes/commit")
	})
	b.Run("plain", func(b *testing.B) {
		db := openTest(b, Options{Driver: driverSQLite, Dir: benchDir(b)}, nil)
		var one sync.Mutex
		c := db.group.conn
		run(b, func(id string) error {
			one.Lock()
			defer one.Unlock()
			if err := c.exec("BEGIN IMMEDIATE"); err != nil {
				return err
			}
			if _, err := c.ExecContext(context.Background(), insert, id); err != nil {
				return err
			}
			c.committing.Store(true)
			defer c.committing.Store(false)
			return c.exec("COMMIT")
		})
		if grouped > 0 {
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/grouped, "times-slower")
		}
	})
}
