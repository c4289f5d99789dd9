package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"

	"gorm.io/gorm"
	sqlitedriver "modernc.org/sqlite"
)

// cachedConn is the one connection that writes to SQLite, with its prepared statements.
type cachedConn struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
	// committing is set while the writer itself commits: nobody else may.
	committing atomic.Bool
	// ended is set by the driver's hooks: the transaction is gone, whatever the closure thinks.
	ended atomic.Bool
}

func newCachedConn(conn *sql.Conn) (*cachedConn, error) {
	c := &cachedConn{conn: conn, stmts: map[string]*sql.Stmt{}}
	err := conn.Raw(func(connection any) error {
		hooks, ok := connection.(sqlitedriver.HookRegisterer)
		if !ok {
			return errors.New("store: the SQLite driver has no hooks")
		}
		hooks.RegisterRollbackHook(func() { c.ended.Store(true) })
		hooks.RegisterCommitHook(c.mayCommit)
		return nil
	})
	return c, err
}

// mayCommit is asked before each commit. A commit that the writer has not begun is one of a closure or of a statement
// outside a transaction: it becomes a rollback.
func (c *cachedConn) mayCommit() int32 {
	if c.committing.Load() {
		return 0
	}
	c.ended.Store(true)
	return 1
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
	if len(c.stmts) > maxStatements {
		c.forget()
	}
}

func (c *cachedConn) forget() {
	for query, stmt := range c.stmts {
		_ = stmt.Close()
		delete(c.stmts, query)
	}
}

// close gives the connection back. Nobody else closes its statements, and SQLite keeps a connection with statements
// open, the log beside the database with it.
func (c *cachedConn) close() error {
	c.forget()
	return c.conn.Close()
}

func (c *cachedConn) exec(query string) error {
	ctx := context.Background()
	stmt, err := c.prepare(ctx, query) //nolint:sqlclosecheck // it stays in the cache
	if err != nil {
		return err
	}
	_, err = stmt.ExecContext(ctx)
	return err
}

func (c *cachedConn) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return c.conn.PrepareContext(ctx, query)
}

func (c *cachedConn) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := c.prepare(ctx, query) //nolint:sqlclosecheck // it stays in the cache
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

func (c *cachedConn) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := c.prepare(ctx, query) //nolint:sqlclosecheck // it stays in the cache
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

func (c *cachedConn) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return c.conn.QueryRowContext(ctx, query, args...)
}

// turn is one closure's use of the connection. It refuses every statement once the transaction has ended or the turn
// is over: such a statement would land in somebody else's savepoint or commit by itself.
type turn struct {
	c *cachedConn
	// mu is held by each statement until its rows are read, so that the turn does not end in the middle of one.
	mu   sync.Mutex
	over bool
}

func (t *turn) enter() (gorm.ConnPool, error) {
	t.mu.Lock()
	err := ErrCutOff
	switch {
	case t.over:
	case t.c.ended.Load():
		err = ErrTransactionEnded
	default:
		return t.c, nil
	}
	t.mu.Unlock()
	return nil, err
}

func (t *turn) leave(error) { t.mu.Unlock() }

// end waits for the statement that is being executed and refuses those that come later.
func (t *turn) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
}
