package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// TestBackupIsAPrefix copies the database while writers write: each writer's marks are there up to some place.
func TestBackupIsAPrefix(t *testing.T) {
	db := newSQLite(t, nil)
	const writers = 8
	var writing atomic.Bool
	writing.Store(true)
	var acknowledged [writers]atomic.Int64
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			for i := int64(0); writing.Load(); i++ {
				if err := db.Write(context.Background(), func(tx *Tx) error { return mark(tx, fmt.Sprintf("%d/%d", w, i)) }); err != nil {
					t.Error(err)
					return
				}
				acknowledged[w].Store(i + 1)
			}
		})
	}
	for acknowledged[0].Load() < 10 {
		must(t, db.Ping(context.Background()))
	}
	var before [writers]int64
	for w := range writers {
		before[w] = acknowledged[w].Load()
	}
	path := filepath.Join(t.TempDir(), "copy.db")
	must(t, db.Backup(context.Background(), path))
	writing.Store(false)
	wait.Wait()
	if err := db.Backup(context.Background(), path); err == nil {
		t.Fatal("a backup was overwritten")
	}

	other := newSQLite(t, nil)
	opts := other.opts
	must(t, other.Close())
	must(t, Restore(context.Background(), opts, path))
	restored := openTest(t, opts, func(o *Options) { o.Now = other.clock.now })
	there := marks(t, restored)
	total := 0
	for w := range writers {
		n := 0
		for there[fmt.Sprintf("%d/%d", w, n)] {
			n++
		}
		total += n
		if int64(n) < before[w] {
			t.Errorf("writer %d: %d marks, %d were acknowledged before the backup", w, n, before[w])
		}
	}
	if total != len(there) {
		t.Fatalf("%d marks, of which %d are without a gap", len(there), total)
	}
}

func TestRestoreBeginsANewEpoch(t *testing.T) {
	db := newSQLite(t, nil)
	withDeliveries(t, db)
	db.claim(t, "worker", 1)
	epoch, err := db.read().Epoch()
	must(t, err)
	path := filepath.Join(t.TempDir(), "copy.db")
	must(t, db.Backup(context.Background(), path))
	db.write(t, func(tx *Tx) error { return mark(tx, "after the backup") })
	if err := Restore(context.Background(), db.opts, path); !errors.Is(err, ErrLocked) {
		t.Fatal("restored under a running server:", err)
	}
	must(t, db.Close())
	must(t, Restore(context.Background(), db.opts, path))

	restored := openTest(t, db.opts, sameClock(db))
	if now, err := restored.read().Epoch(); err != nil || now == epoch || now == "" {
		t.Fatal(now, err)
	}
	if len(marks(t, restored)) != 0 {
		t.Fatal("what came after the backup is there")
	}
	if claimed := restored.claim(t, "another", 10); len(claimed) != 3 {
		t.Fatal("leases outlived the restore:", len(claimed))
	}
	must(t, restored.Close())
	// The old database is kept whole.
	kept := Options{Driver: driverSQLite, Dir: t.TempDir()}
	must(t, os.Rename(db.Path()+".before-restore", filepath.Join(kept.Dir, FileName)))
	if old := openTest(t, kept, nil); !marks(t, old)["after the backup"] {
		t.Fatal("the old database has lost something")
	}
}

// sameClock keeps the clock of the database that is opened again.
func sameClock(db opened) func(*Options) { return func(o *Options) { o.Now = db.clock.now } }

func TestRestoreOfGarbageChangesNothing(t *testing.T) {
	db := newSQLite(t, nil)
	db.write(t, func(tx *Tx) error { return mark(tx, "kept") })
	good := filepath.Join(t.TempDir(), "good.db")
	must(t, db.Backup(context.Background(), good))
	content, err := os.ReadFile(good)
	must(t, err)
	db.write(t, func(tx *Tx) error {
		return tx.exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)")
	})
	newer := filepath.Join(t.TempDir(), "newer.db")
	must(t, db.Backup(context.Background(), newer))
	db.write(t, func(tx *Tx) error { return tx.exec("DELETE FROM goose_db_version WHERE version_id = 99999") })
	must(t, db.Close())

	folder := t.TempDir()
	spoil := func(name string, content []byte) string {
		path := filepath.Join(folder, name)
		must(t, os.WriteFile(path, content, 0o600))
		return path
	}
	half := make([]byte, len(content))
	copy(half, content)
	for i := len(half) / 2; i < len(half); i++ {
		half[i] = 0xa5
	}
	for name, path := range map[string]string{
		"no file": filepath.Join(folder, "absent"), "empty": spoil("empty", nil), "text": spoil("text", []byte("not a database at all")),
		"cut": spoil("cut", content[:len(content)/3]), "spoiled": spoil("spoiled", half), "newer": newer, "folder": folder,
	} {
		if err := Restore(context.Background(), db.opts, path); err == nil {
			t.Errorf("%s was restored", name)
		}
	}
	again := openTest(t, db.opts, sameClock(db))
	if !marks(t, again)["kept"] {
		t.Fatal("a refused restore has changed the database")
	}
	left, err := filepath.Glob(filepath.Join(db.opts.Dir, ".lianqi-*"))
	if err != nil || len(left) > 0 {
		t.Fatal(left, err)
	}
}

func TestBackupIsForTheEmbeddedDatabase(t *testing.T) {
	db := newMariaDB(t, nil)
	if err := db.Backup(context.Background(), filepath.Join(t.TempDir(), "x")); !errors.Is(err, ErrNotEmbedded) {
		t.Fatal(err)
	}
	if err := Restore(context.Background(), db.opts, "x"); !errors.Is(err, ErrNotEmbedded) {
		t.Fatal(err)
	}
}
