package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"github.com/gofrs/flock"
	"gorm.io/driver/sqlite"
	_ "modernc.org/sqlite" // the pure Go driver "sqlite"
)

// readers is how many SQLite connections read at once: reading is bound by the processor, not by waiting.
const readers = 4

func openSQLite(ctx context.Context, opts Options) (db *DB, err error) {
	path := filepath.Join(opts.Dir, FileName)
	if opts.ReadOnly {
		// SQLite would make an empty one, and a backup of it would look like a backup.
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("there is no database in the folder %s (LIANQI_DATA_DIR names it): %w", opts.Dir, err)
		}
	} else if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, err
	}
	opened := &DB{driver: driverSQLite, opts: opts}
	db = opened
	defer func() {
		if err != nil {
			opened.abandon()
		}
	}()
	if !opts.ReadOnly {
		db.lock = flock.New(path + ".lock")
		if held, err := db.lock.TryLock(); err != nil {
			return nil, err
		} else if !held {
			db.lock = nil
			return nil, ErrLocked
		}
		if err := ownerOnly(path); err != nil {
			return nil, err
		}
		if db.writes, err = sql.Open("sqlite", sqliteDSN(path, 4)); err != nil {
			return nil, err
		}
		db.writes.SetMaxOpenConns(1)
		if err := db.writes.PingContext(ctx); err != nil {
			return nil, fmt.Errorf("opening %s: %w", path, err)
		}
	}
	if db.reads, err = sql.Open("sqlite", sqliteDSN(path, 2)+"&_pragma=query_only(1)"); err != nil {
		return nil, err
	}
	db.reads.SetMaxOpenConns(readers)
	db.reads.SetMaxIdleConns(readers)
	if db.gorm, err = newGORM(sqlite.New(sqlite.Config{Conn: db.reads}), true); err != nil {
		return nil, err
	}
	return db, nil
}

// ownerOnly makes the file before SQLite does, which would let everybody read it; its log takes over the mode.
func ownerOnly(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the administrator names it
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// startWriter begins to accept writes; the schema must be in place, for the writer keeps the only write connection.
func (db *DB) startWriter(ctx context.Context) error {
	g, err := newGroup(ctx, db)
	if err != nil {
		return err
	}
	db.group = g
	return nil
}

// abandon closes what a failed Open has opened.
func (db *DB) abandon() {
	if db.reads != nil {
		_ = db.reads.Close()
	}
	if db.writes != nil {
		_ = db.writes.Close()
	}
	if db.lock != nil {
		_ = db.lock.Unlock()
	}
}

// sqliteDSN holds the settings that durability and speed rest on: FULL makes a commit survive a power cut, and
// temp_store=MEMORY keeps the journal of savepoints out of files, without which they halve the throughput. A page that
// is written often goes from the log to the database once in a checkpoint, so these are far apart.
func sqliteDSN(path string, cacheMiB int) string {
	q := url.Values{}
	for _, p := range []string{
		"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "temp_store(MEMORY)",
		"cache_size(-" + strconv.Itoa(cacheMiB<<10) + ")", "wal_autocheckpoint(4000)", "journal_size_limit(67108864)",
	} {
		q.Add("_pragma", p)
	}
	q.Set("_txlock", "immediate")
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}
