package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// ErrNotEmbedded tells that backup and restore are for the embedded database.
var ErrNotEmbedded = errors.New("only the embedded database is copied this way; docs/guides/administrator.md says how a MySQL-compatible one is")

// Backup writes a copy of the embedded database to path, as it was at one moment, while it is being served. It appears
// under its name once it is complete and on the disk. Errors: ErrNotEmbedded; the file must not exist.
func (db *DB) Backup(ctx context.Context, path string) (err error) {
	if db.driver != driverSQLite {
		return ErrNotEmbedded
	}
	if _, err := os.Stat(path); err == nil {
		return fmt.Errorf("%s is there already", path)
	}
	folder, err := os.MkdirTemp(filepath.Dir(path), ".lianqi-backup-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	partial := filepath.Join(folder, FileName)
	if err := copyDatabase(ctx, db.Path(), partial); err != nil {
		return fmt.Errorf("copying the database: %w", err)
	}
	if err := os.Chmod(partial, 0o600); err != nil {
		return err
	}
	if err := syncFile(partial); err != nil {
		return err
	}
	// A link fails when somebody else has made the file meanwhile; a rename would overwrite it.
	if err := os.Link(partial, path); err != nil {
		return err
	}
	return syncFile(filepath.Dir(path))
}

// copyDatabase writes what a reader of this moment sees into a new database.
func copyDatabase(ctx context.Context, from, to string) (err error) {
	source, err := sql.Open("sqlite", sqliteDSN(from, 4))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	_, err = source.ExecContext(ctx, "VACUUM INTO ?", to)
	return err
}

// syncFile makes a file, or the names in a folder, survive a power cut.
func syncFile(path string) error {
	f, err := os.Open(path) //nolint:gosec // the administrator names it
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Restore replaces the embedded database by a copy that Backup has made, and keeps the old one beside it with the
// ending ".before-restore". Phones start their sync afresh. Errors: ErrLocked while a server runs; ErrNotEmbedded; for
// a file that is no sound copy nothing is changed.
func Restore(ctx context.Context, opts Options, from string) (err error) {
	if opts.Driver != driverSQLite {
		return ErrNotEmbedded
	}
	// A candidate in a folder of its own is checked, migrated and given its epoch before anything is replaced.
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return err
	}
	folder, err := os.MkdirTemp(opts.Dir, ".lianqi-restore-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	candidate := opts
	candidate.Dir, candidate.ReadOnly = folder, false
	if err := copyFile(from, filepath.Join(folder, FileName)); err != nil {
		return err
	}
	if err := prepare(ctx, candidate); err != nil {
		return fmt.Errorf("%s cannot be restored: %w", from, err)
	}
	return replace(ctx, opts, folder)
}

// prepare makes a copy ready to be served: sound, of this program's schema, with a history of its own.
func prepare(ctx context.Context, opts Options) (err error) {
	db, err := Open(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var verdict string
	if err := db.writes.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return errors.New("it is damaged: " + verdict)
	}
	var ours int
	if err := db.writes.QueryRowContext(ctx, "SELECT COUNT(*) FROM sqlite_master WHERE name IN ('meta', 'operations', 'streams')").Scan(&ours); err != nil {
		return err
	}
	if ours != 3 {
		return errors.New("it is not a database of Lianqi")
	}
	if err := db.Migrate(ctx); err != nil {
		return err
	}
	return db.Write(ctx, func(tx *Tx) error {
		if err := tx.RenewEpoch(); err != nil {
			return err
		}
		// What was being sent when the copy was made is tried again at once.
		return tx.exec("UPDATE deliveries SET lease_owner = NULL, due_at = ? WHERE state = ? AND lease_owner IS NOT NULL", micros(tx.now), deliveryWaiting)
	})
}

// replace puts the candidate in the place of the database, which nobody else may have open.
func replace(ctx context.Context, opts Options, folder string) (err error) {
	old, err := Open(ctx, opts)
	if err != nil {
		return err
	}
	// The log of the old database is emptied into it, so that one file is the whole of it. The lock stays until the end.
	_, err = old.writes.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	if err = errors.Join(err, old.reads.Close(), old.writes.Close()); err != nil {
		return errors.Join(err, old.lock.Unlock())
	}
	defer func() { err = errors.Join(err, old.lock.Unlock()) }()
	path := old.Path()
	kept := path + ".before-restore"
	if err := os.Remove(kept); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	// A second name for the old file, not a move: at no moment is there no database under its name.
	if err := os.Link(path, kept); err != nil {
		return err
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := os.Rename(filepath.Join(folder, FileName), path); err != nil {
		return err
	}
	return syncFile(opts.Dir)
}

func copyFile(from, to string) (err error) {
	source, err := os.Open(from) //nolint:gosec // the administrator names it
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // in a folder of our own
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	if _, err := io.Copy(target, source); err != nil {
		return err
	}
	return target.Sync()
}
