package store

import (
	"context"
	"database/sql/driver"
)

// serverConn is what a connection of the driver for MySQL-compatible servers can do.
type serverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.NamedValueChecker
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// preparedConn prepares the statements that come again, so that the server does not read the same text each time. One
// that comes once is not worth the round trip, and one that the server will not prepare is sent as text.
type preparedConn struct {
	serverConn
	// stmts are the texts seen on this connection; nil for one that was seen once.
	stmts map[string]driver.Stmt
	// prepared is how many of them are prepared.
	prepared int
}

const (
	// maxPrepared bounds the prepared statements of one connection: the server has a limit for all connections together.
	maxPrepared = 64
	// maxSeen bounds the texts that are remembered: lists of values come in many lengths.
	maxSeen = 512
)

func newPreparedConn(conn driver.Conn) *preparedConn {
	return &preparedConn{serverConn: conn.(serverConn), stmts: map[string]driver.Stmt{}} //nolint:errcheck // our driver's own
}

// statement gives the prepared statement of a text, nil when it is better sent as it is.
func (c *preparedConn) statement(ctx context.Context, query string, args []driver.NamedValue) driver.Stmt {
	if len(args) == 0 {
		return nil
	}
	stmt, seen := c.stmts[query]
	switch {
	case stmt != nil:
		return stmt
	case c.prepared >= maxPrepared, len(c.stmts) >= maxSeen:
		c.forget()
		fallthrough
	case !seen:
		c.stmts[query] = nil
		return nil
	}
	stmt, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil
	}
	c.stmts[query] = stmt
	c.prepared++
	return stmt
}

func (c *preparedConn) forget() {
	for _, stmt := range c.stmts {
		if stmt != nil {
			_ = stmt.Close()
		}
	}
	clear(c.stmts)
	c.prepared = 0
}

// ExecContext runs a statement that returns no rows.
func (c *preparedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if stmt, ok := c.statement(ctx, query, args).(driver.StmtExecContext); ok {
		return stmt.ExecContext(ctx, args)
	}
	return c.serverConn.ExecContext(ctx, query, args)
}

// QueryContext runs a query.
func (c *preparedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if stmt, ok := c.statement(ctx, query, args).(driver.StmtQueryContext); ok {
		return stmt.QueryContext(ctx, args)
	}
	return c.serverConn.QueryContext(ctx, query, args)
}
