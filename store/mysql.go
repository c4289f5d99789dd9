package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"
	"gorm.io/driver/mysql"
	"gorm.io/gorm"
)

func openMySQL(ctx context.Context, opts Options) (*DB, error) {
	cfg, err := mysqldriver.ParseDSN(opts.DSN)
	if err != nil {
		return nil, errors.New("the address of the database server cannot be read")
	}
	cfg.InterpolateParams = true
	cfg.ParseTime = true // the lock of the migrations reads when it ends
	cfg.Collation = "utf8mb4_bin"
	cfg.Timeout = 10 * time.Second
	cfg.ReadTimeout, cfg.WriteTimeout = 30*time.Second, 30*time.Second
	cfg.Logger = &mysqldriver.NopLogger{}
	connector, err := mysqldriver.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	pool := sql.OpenDB(readCommitted{connector})
	pool.SetMaxOpenConns(64)
	pool.SetMaxIdleConns(64)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	pool.SetConnMaxLifetime(time.Hour)
	if err := pool.PingContext(ctx); err != nil {
		_ = pool.Close()
		return nil, fmt.Errorf("the database server does not answer: %w", err)
	}
	db := &DB{driver: driverMySQL, opts: opts, reads: pool}
	if db.gorm, err = newGORM(mysql.New(mysql.Config{Conn: pool, SkipInitializeWithVersion: true}), false); err != nil {
		_ = pool.Close()
		return nil, err
	}
	return db, nil
}

// readCommitted gives connections whose transactions read the last committed state: after a duplicate key a
// transaction must see the row that was there first, which a repeatable read's older snapshot would hide. They wait for
// a lock no longer than a closure may take, and then run again.
type readCommitted struct{ driver.Connector }

func (c readCommitted) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, statement := range []string{
		"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
		"SET SESSION innodb_lock_wait_timeout = 5",
	} {
		if _, err := conn.(driver.ExecerContext).ExecContext(ctx, statement, nil); err != nil {
			_ = conn.Close()
			return nil, err
		}
	}
	return newPreparedConn(conn), nil
}

// Server errors after which the whole transaction may run again.
const (
	mysqlLockWaitTimeout = 1205
	mysqlDeadlock        = 1213
	mysqlDuplicate       = 1062
	mysqlForeignKey      = 1452
	mysqlRecordChanged   = 1020 // MariaDB: the row has changed since it was read
	mysqlShutdown        = 1053
	mysqlNotReady        = 1047 // Galera: the node has lost its cluster
	mysqlKilled          = 1927 // MariaDB: the connection was killed
)

// errConnectionLost tells that the connection broke under a statement, before the commit: nothing has happened.
var errConnectionLost = errors.New("store: the connection to the database server was lost")

func mysqlCode(err error) uint16 {
	var e *mysqldriver.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

// conflicted tells that the transaction met another one and may run again.
func conflicted(err error) bool {
	switch mysqlCode(err) {
	case mysqlLockWaitTimeout, mysqlDeadlock, mysqlRecordChanged:
		return true
	}
	return false
}

// disconnected tells that the server has gone away, or has broken off with us.
func disconnected(err error) bool {
	switch mysqlCode(err) {
	case mysqlShutdown, mysqlNotReady, mysqlKilled:
		return true
	}
	return errors.Is(err, mysqldriver.ErrInvalidConn) || errors.Is(err, driver.ErrBadConn)
}

// passage is the gate of one transaction on a MySQL-compatible server. It closes when the closure has taken too long,
// and after an error by which the server has ended the transaction: a later statement would commit by itself.
type passage struct {
	tx     *sql.Tx
	reason atomic.Pointer[error]
}

func (p *passage) cut() { p.close(ErrCutOff) }

func (p *passage) close(reason error) { p.reason.CompareAndSwap(nil, &reason) }

// spoiled is why the transaction must not commit.
func (p *passage) spoiled() error {
	if reason := p.reason.Load(); reason != nil {
		return *reason
	}
	return nil
}

func (p *passage) enter() (gorm.ConnPool, error) {
	if err := p.spoiled(); err != nil {
		return nil, err
	}
	return p.tx, nil
}

func (p *passage) leave(err error) {
	switch {
	case conflicted(err):
		p.close(err)
	case disconnected(err):
		p.close(fmt.Errorf("%w: %w", errConnectionLost, err))
	}
}
