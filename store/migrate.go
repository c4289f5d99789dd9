package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations
var migrations embed.FS

// Migration is one step of the schema and whether it has been taken.
type Migration struct {
	Version int64
	Name    string
	Applied bool
}

// Migrate brings the schema up to date and starts the writer. Several servers may start at once: on a MySQL-compatible
// server one of them migrates under a lock in the database while the others wait; SQLite has the lock of its file.
func (db *DB) Migrate(ctx context.Context) error {
	provider, err := db.provider()
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrating the database: %w", err)
	}
	// Only after Up: it makes the table of versions under the lock, and whoever looks without it may find the table half made.
	if current, known, err := provider.GetVersions(ctx); err == nil && current > known {
		return fmt.Errorf("the database is at version %d and this program knows %d: use the newer program", current, known)
	}
	if db.driver == driverSQLite && db.group == nil {
		if err := db.startWriter(ctx); err != nil {
			return err
		}
	}
	return db.ensureEpoch(ctx)
}

// Migrations tells which steps have been taken.
func (db *DB) Migrations(ctx context.Context) ([]Migration, error) {
	provider, err := db.provider()
	if err != nil {
		return nil, err
	}
	statuses, err := provider.Status(ctx)
	if err != nil {
		return nil, err
	}
	steps := make([]Migration, len(statuses))
	for i, s := range statuses {
		steps[i] = Migration{Version: s.Source.Version, Name: s.Source.Path, Applied: s.State == goose.StateApplied}
	}
	return steps, nil
}

// Migrated tells whether the schema is the one this program knows.
func (db *DB) Migrated(ctx context.Context) (bool, error) {
	provider, err := db.provider()
	if err != nil {
		return false, err
	}
	pending, err := provider.HasPending(ctx)
	return !pending, err
}

func (db *DB) provider() (*goose.Provider, error) {
	dialect, pool := goose.DialectSQLite3, db.writes
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithSlog(db.opts.Log)}
	if db.driver == driverMySQL {
		// Servers that start together look every fifth of a second whether it is their turn, for five minutes.
		locker, err := lock.NewMySQLTableLocker(lock.WithTableLockTimeout(200*time.Millisecond, 1500))
		if err != nil {
			return nil, err
		}
		dialect, pool = goose.DialectMySQL, db.reads
		options = append(options, goose.WithLocker(locker))
	}
	if pool == nil || db.group != nil {
		pool = db.reads
	}
	steps, err := fs.Sub(migrations, "migrations/"+db.driver)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(dialect, pool, steps, options...)
}

// ensureEpoch gives a new database its epoch: cursors of another epoch are from before a restore.
func (db *DB) ensureEpoch(ctx context.Context) error {
	return db.Write(ctx, func(tx *Tx) error {
		return tx.insertOnce("INSERT INTO meta (name, value) VALUES ('epoch', ?)", "name", tx.NewID().String())
	})
}

// Epoch identifies the history that change streams count in; a restore renews it.
func (q *Queries) Epoch() (string, error) {
	var epoch string
	err := q.first(&epoch, "SELECT value FROM meta WHERE name = 'epoch'")
	return epoch, err
}

// RenewEpoch makes every cursor given out so far invalid, so that phones start their sync afresh.
func (tx *Tx) RenewEpoch() error {
	return tx.exec("UPDATE meta SET value = ? WHERE name = 'epoch'", tx.NewID().String())
}
