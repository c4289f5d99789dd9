// Package store keeps the zone's records in SQLite or a MySQL-compatible database. It is the only package that talks
// to GORM. Reads go through Read, writes through Write; both give the same queries, and every query that returns
// records of the zone takes the Scope of whoever asks.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"lianqi/models"
)

// Options say which database to open and where time and ids come from.
type Options struct {
	// Driver is "sqlite" or "mysql".
	Driver string
	// DSN is the address of a MySQL-compatible server in the form of go-sql-driver, without options.
	DSN string
	// Dir is the folder of the SQLite database; it is created.
	Dir string
	// Now is the clock; NewID makes ids of new records.
	Now   func() time.Time
	NewID func() models.ID
	Log   *slog.Logger
	// ClosureLimit is how long one closure of Write may take before it is cut off; 0 means DefaultClosureLimit.
	ClosureLimit time.Duration
	// ReadOnly opens a database that another process may be serving, for commands that only look.
	ReadOnly bool
}

const (
	// FileName is the SQLite database in its folder.
	FileName = "lianqi.db"
	// DefaultClosureLimit bounds the closures of Write.
	DefaultClosureLimit = 5 * time.Second

	driverSQLite = "sqlite"
	driverMySQL  = "mysql"
)

// ErrLocked tells that another server holds the SQLite database.
var ErrLocked = errors.New("another process holds the database: stop it first")

// DB is an open database.
type DB struct {
	driver string
	opts   Options
	gorm   *gorm.DB
	reads  *sql.DB
	// SQLite only: the one writer and the lock that keeps a second server away.
	writes *sql.DB
	group  *group
	lock   *flock.Flock

	committed hooks
}

// Open opens the database without migrating it. Errors: ErrLocked when another process holds the SQLite file.
func Open(ctx context.Context, opts Options) (*DB, error) {
	if opts.ClosureLimit == 0 {
		opts.ClosureLimit = DefaultClosureLimit
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.NewID == nil {
		opts.NewID = func() models.ID { return uuid.Must(uuid.NewV7()) }
	}
	switch opts.Driver {
	case driverSQLite:
		return openSQLite(ctx, opts)
	case driverMySQL:
		return openMySQL(ctx, opts)
	}
	return nil, fmt.Errorf("unknown database driver %q", opts.Driver)
}

// Close ends the writer after what it has accepted and closes every connection.
func (db *DB) Close() error {
	var errs []error
	if db.group != nil {
		errs = append(errs, db.group.close())
	}
	errs = append(errs, db.reads.Close())
	if db.writes != nil {
		errs = append(errs, db.writes.Close())
	}
	if db.lock != nil {
		errs = append(errs, db.lock.Unlock())
	}
	return errors.Join(errs...)
}

// Path is the SQLite file, empty for a MySQL-compatible server.
func (db *DB) Path() string {
	if db.driver != driverSQLite {
		return ""
	}
	return filepath.Join(db.opts.Dir, FileName)
}

// Ping tells whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.reads.PingContext(ctx) }

// Now is the clock of the store.
func (db *DB) Now() time.Time { return db.opts.Now().UTC().Truncate(time.Microsecond) }

// Queries reads records. It is got from Read, or from a Tx, whose reads see what it has written.
type Queries struct {
	gate   gate
	ctx    context.Context
	now    time.Time
	driver string
}

// Now is the one instant of the read or the transaction.
func (q *Queries) Now() time.Time { return q.now }

// Read gives queries on the last committed state.
func (db *DB) Read(ctx context.Context) *Queries {
	return &Queries{gate: open{db.gorm.ConnPool}, ctx: ctx, now: db.Now(), driver: db.driver}
}

// newGORM puts GORM on a pool. GORM's own logger would print statements with their values, so it is silent: errors
// reach the one place that logs them.
func newGORM(dialector gorm.Dialector, prepare bool) (*gorm.DB, error) {
	return gorm.Open(dialector, &gorm.Config{
		SkipDefaultTransaction: true,
		PrepareStmt:            prepare,
		PrepareStmtMaxSize:     256,
		Logger:                 logger.Discard,
		DisableAutomaticPing:   true,
		AllowGlobalUpdate:      false,
	})
}
