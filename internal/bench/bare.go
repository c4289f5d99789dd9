//go:build linux

package main

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/gin-gonic/gin"
	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/google/uuid"
	_ "modernc.org/sqlite" // the driver the product uses

	"lianqi/internal/product"
)

// The bare server is what the product is measured against: Gin and database/sql, the statements of the product written
// out by hand and prepared once a connection, one transaction a request. It validates nothing, knows its callers by
// heart and checks no more than that they know a secret.

const (
	sqlite = "sqlite"
	mysql  = "mysql"
)

// bareOptions come as flags of the process.
type bareOptions struct{ driver, dsn, address, secret string }

func serveBare(o bareOptions) error {
	b, err := openBare(o)
	if err != nil {
		return err
	}
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.PUT("/api/v1/visits/:id", b.admit, b.record)
	router.GET("/api/v1/visits", b.admit, b.list)
	listener, err := net.Listen("tcp", o.address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: router} //nolint:gosec // only the measurement calls it
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	context.AfterFunc(stop, func() { _ = server.Close() })
	fmt.Fprintln(os.Stdout, "the bare server", product.Greeting)
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// bare is the server's state: connections to read and to write with, and its callers.
type bare struct {
	driver  string
	secret  string
	callers map[uuid.UUID]caller
	readers chan *worker
	writers chan *worker
}

// caller is a cadre or the main leader.
type caller struct {
	id, department uuid.UUID
	name           string
	leader         bool
	enterprises    []uuid.UUID
}

// The product's numbers of connections.
const (
	sqliteReaders    = 4
	mysqlConnections = 64
)

func openBare(o bareOptions) (*bare, error) {
	b := &bare{driver: o.driver, secret: o.secret, callers: map[uuid.UUID]caller{}}
	dsn, readers := o.dsn, sqliteReaders
	if o.driver == mysql {
		readers = mysqlConnections
	} else {
		dsn = "file:" + o.dsn + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=temp_store(MEMORY)"
	}
	db, err := sql.Open(o.driver, dsn)
	if err != nil {
		return nil, err
	}
	if b.readers, err = workers(db, o.driver, readers); err != nil {
		return nil, err
	}
	b.writers = b.readers
	if o.driver == sqlite {
		if b.writers, err = workers(db, o.driver, 1); err != nil {
			return nil, err
		}
	}
	if err := b.learn(db); err != nil {
		return nil, err
	}
	return b, nil
}

// learn reads who may call.
func (b *bare) learn(db *sql.DB) error {
	rows, err := db.Query(`SELECT u.id, u.name, u.department_id, r.role, a.enterprise_id FROM users u JOIN user_roles r ON r.user_id = u.id
		LEFT JOIN assignments a ON a.cadre_id = u.id WHERE r.role = 'cadre' OR u.main_leader = 1 ORDER BY u.id, a.enterprise_id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id uuid.UUID
		var name, role string
		var department, enterprise uuid.NullUUID
		if err := rows.Scan(&id, &name, &department, &role, &enterprise); err != nil {
			return err
		}
		c := b.callers[id]
		c.id, c.name, c.department, c.leader = id, name, department.UUID, role != "cadre"
		if enterprise.Valid {
			c.enterprises = append(c.enterprises, enterprise.UUID)
		}
		b.callers[id] = c
	}
	return rows.Err()
}

const callerKey = "caller"

// bareToken is what a caller of the bare server sends: the secret and who they are.
func bareToken(secret, user string) string { return secret + "." + user }

// admit lets in who knows the secret.
func (b *bare) admit(c *gin.Context) {
	secret, user, _ := strings.Cut(strings.TrimPrefix(c.GetHeader("Authorization"), "Bearer "), ".")
	id, _ := uuid.Parse(user)
	who, known := b.callers[id]
	if subtle.ConstantTimeCompare([]byte(secret), []byte(b.secret)) != 1 || !known {
		c.AbortWithStatus(http.StatusUnauthorized)
		return
	}
	c.Set(callerKey, who)
}

// worker is one connection with its prepared statements.
type worker struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
	begin string
}

func workers(db *sql.DB, driver string, n int) (chan *worker, error) {
	pool := make(chan *worker, n)
	for range n {
		conn, err := db.Conn(context.Background())
		if err != nil {
			return nil, err
		}
		w := &worker{conn: conn, stmts: map[string]*sql.Stmt{}, begin: "BEGIN IMMEDIATE"}
		if driver == mysql {
			w.begin = "START TRANSACTION"
			if _, err := conn.ExecContext(context.Background(), "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"); err != nil {
				return nil, err
			}
		}
		pool <- w
	}
	return pool, nil
}

func (w *worker) prepare(query string) (*sql.Stmt, error) {
	if stmt, ok := w.stmts[query]; ok {
		return stmt, nil
	}
	stmt, err := w.conn.PrepareContext(context.Background(), query)
	if err == nil {
		w.stmts[query] = stmt
	}
	return stmt, err
}

// inBytes gives ids as the database keeps them.
func inBytes(args []any) []any {
	for i, arg := range args {
		switch id := arg.(type) {
		case uuid.UUID:
			args[i] = id[:]
		case *uuid.UUID:
			args[i] = nil
			if id != nil {
				args[i] = id[:]
			}
		}
	}
	return args
}

// exec runs a prepared statement and tells how many rows it changed.
func (w *worker) exec(query string, args ...any) (int64, error) {
	stmt, err := w.prepare(query) //nolint:sqlclosecheck // it is kept as long as the connection
	if err != nil {
		return 0, err
	}
	result, err := stmt.Exec(inBytes(args)...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// query runs a prepared query and reads each of its rows with scan.
func (w *worker) query(scan func(*sql.Rows) error, query string, args ...any) error {
	stmt, err := w.prepare(query) //nolint:sqlclosecheck // it is kept as long as the connection
	if err != nil {
		return err
	}
	rows, err := stmt.Query(inBytes(args)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// attempts bounds how often a transaction runs that met others on MariaDB; the product's bound is the same.
const attempts = 12

// write runs fn in a transaction.
func (b *bare) write(fn func(w *worker) error) error {
	w := <-b.writers
	defer func() { b.writers <- w }()
	for attempt := 1; ; attempt++ {
		err := w.transact(fn)
		var e *mysqldriver.MySQLError
		if !errors.As(err, &e) || e.Number != 1213 && e.Number != 1205 && e.Number != 1020 || attempt == attempts {
			return err
		}
	}
}

func (w *worker) transact(fn func(w *worker) error) error {
	if _, err := w.exec(w.begin); err != nil {
		return err
	}
	err := fn(w)
	if err == nil {
		_, err = w.exec("COMMIT")
	}
	if err != nil {
		_, _ = w.exec("ROLLBACK")
	}
	return err
}
