package store

import (
	"context"
	"database/sql"
	"sync/atomic"

	"gorm.io/gorm"
)

// newSession is a fresh GORM session: nothing of an earlier statement is carried over.
var newSession = &gorm.Session{NewDB: true}

// cachedConn is the one connection that writes to SQLite, with its prepared statements.
type cachedConn struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
	// ended is set by the driver's rollback hook: the transaction is gone, whatever the closure thinks.
	ended atomic.Bool
}

func newCachedConn(conn *sql.Conn) *cachedConn {
	return &cachedConn{conn: conn, stmts: map[string]*sql.Stmt{}}
}

// maxStatements bounds the cache; statements with lists of values come in many lengths.
const maxStatements = 256

func (c *cachedConn) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt, ok := c.stmts[query]; ok {
		return stmt, nil
	}
	stmt, err := c.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	c.stmts[query] = stmt
	return stmt, nil
}

// trim empties a cache that has grown too large; it is called between transactions.
func (c *cachedConn) trim() {
	if len(c.stmts) <= maxStatements {
		return
	}
	for query, stmt := range c.stmts {
		_ = stmt.Close()
		delete(c.stmts, query)
	}
}

func (c *cachedConn) exec(query string) error {
	ctx := context.Background()
	stmt, err := c.prepare(ctx, query)
	if err != nil {
		return err
	}
	_, err = stmt.ExecContext(ctx)
	return err
}

// turn is one closure's use of the connection. It refuses every statement once the transaction has ended or the
// closure was cut off: such a statement would commit by itself.
type turn struct {
	c    *cachedConn
	over atomic.Bool
}

func (t *turn) check() error {
	if t.over.Load() {
		return ErrCutOff
	}
	if t.c.ended.Load() {
		return ErrTransactionEnded
	}
	return nil
}

func (t *turn) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	return t.c.prepare(ctx, query)
}

func (t *turn) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := t.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

func (t *turn) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := t.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

func (t *turn) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	stmt, err := t.PrepareContext(ctx, query)
	if err != nil {
		// database/sql makes a Row that carries an error only from a statement of its own.
		return t.c.conn.QueryRowContext(refused(err), query, args...)
	}
	return stmt.QueryRowContext(ctx, args...)
}

// refused is a context that is over before it begins, for the reason given.
func refused(reason error) context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(reason)
	return ctx
}

// cutOff is the same guard for a transaction on a MySQL-compatible server.
type cutOff struct {
	tx   *sql.Tx
	over atomic.Bool
}

func (c *cutOff) cut()        { c.over.Store(true) }
func (c *cutOff) isCut() bool { return c.over.Load() }

// blame answers ErrCutOff for whatever error a cut-off closure came back with.
func (c *cutOff) blame(err error) error {
	if err != nil && c.isCut() {
		return ErrCutOff
	}
	return err
}

func (c *cutOff) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	if c.isCut() {
		return nil, ErrCutOff
	}
	return c.tx.PrepareContext(ctx, query)
}

func (c *cutOff) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if c.isCut() {
		return nil, ErrCutOff
	}
	return c.tx.ExecContext(ctx, query, args...)
}

func (c *cutOff) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if c.isCut() {
		return nil, ErrCutOff
	}
	return c.tx.QueryContext(ctx, query, args...)
}

func (c *cutOff) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if c.isCut() {
		ctx = refused(ErrCutOff)
	}
	return c.tx.QueryRowContext(ctx, query, args...)
}
