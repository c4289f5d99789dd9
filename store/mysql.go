package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"
	"gorm.io/driver/mysql"
)

func openMySQL(ctx context.Context, opts Options) (*DB, error) {
	cfg, err := mysqldriver.ParseDSN(opts.DSN)
	if err != nil {
		return nil, errors.New("the address of the database server cannot be read")
	}
	cfg.InterpolateParams = true
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
// transaction must see the row that was there first, which a repeatable read's older snapshot would hide.
type readCommitted struct{ driver.Connector }

func (c readCommitted) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	_, err = conn.(driver.ExecerContext).ExecContext(ctx, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", nil)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// Server errors after which the whole transaction may run again.
const (
	mysqlLockWaitTimeout = 1205
	mysqlDeadlock        = 1213
	mysqlDuplicate       = 1062
	mysqlForeignKey      = 1452
	mysqlRecordChanged   = 1020 // MariaDB: the row has changed since it was read
)

func mysqlCode(err error) uint16 {
	var e *mysqldriver.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

func retriable(err error) bool {
	switch mysqlCode(err) {
	case mysqlLockWaitTimeout, mysqlDeadlock, mysqlRecordChanged:
		return true
	}
	return false
}
