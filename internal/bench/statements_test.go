//go:build linux

package main

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lianqi/internal/product"
	"lianqi/internal/testkit"
)

// TestMain lets the program of the tests be the bare server too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "-bare=") {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestBareRunsTheProductsStatements lets both servers record a visit and read pages on MariaDB, which tells what it was
// asked to do, and compares the two lists. On SQLite the two send the same texts, but for what is said about conflicts.
func TestBareRunsTheProductsStatements(t *testing.T) {
	ctx := context.Background()
	// The path of a socket must be short, which that of a test's own folder is not.
	dir, err := os.MkdirTemp("", "lianqi-bench-")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	d, err := prepareMariaDB(ctx, dir, 200, true)
	if errors.Is(err, testkit.ErrNoMariaDB) && os.Getenv("CI") != "true" {
		t.Skipf("NOT TESTED on MariaDB: %v", err)
	}
	must(t, err)
	t.Cleanup(d.stop)
	program, err := product.Build(ctx, dir)
	must(t, err)
	process, err := product.Serve(program, d.dir, d.url)
	must(t, err)
	t.Cleanup(process.Kill)
	lianqi := &server{Process: process}
	if err := lianqi.login(&d.zone); err != nil {
		t.Fatalf("%v\n%s", err, process.Log())
	}
	bare, err := new(bench).startBare(d)
	must(t, err)
	t.Cleanup(bare.Kill)

	log, err := sql.Open(mysql, d.bare)
	must(t, err)
	t.Cleanup(func() { log.Close() })
	for _, w := range works {
		t.Run(w.name, func(t *testing.T) {
			// The second request finds the caller known and the statements prepared.
			for _, s := range []*server{lianqi, bare} {
				one(t, s, &d.zone, w)
			}
			want, got := logged(t, log, func() { one(t, lianqi, &d.zone, w) }), logged(t, log, func() { one(t, bare, &d.zone, w) })
			t.Logf("both run\n  %s", strings.Join(want, "\n  "))
			if !slices.Equal(want, got) {
				t.Errorf("the product runs\n  %s\nand the bare server\n  %s", strings.Join(want, "\n  "), strings.Join(got, "\n  "))
			}
		})
	}
}

func one(t *testing.T, s *server, z *product.Zone, w work) {
	t.Helper()
	c, err := dial(s.Address)
	must(t, err)
	defer c.close()
	status, body, err := c.do(w.requests(s, z, 0)())
	must(t, err)
	if status != w.status {
		t.Fatalf("status %d: %s", status, body)
	}
}

// logged are the statements of the transaction or the page that happens meanwhile.
func logged(t *testing.T, db *sql.DB, meanwhile func()) []string {
	t.Helper()
	ctx := context.Background()
	for _, s := range []string{"SET GLOBAL log_output = 'TABLE'", "TRUNCATE TABLE mysql.general_log", "SET GLOBAL general_log = 1"} {
		_, err := db.ExecContext(ctx, s)
		must(t, err)
	}
	meanwhile()
	_, err := db.ExecContext(ctx, "SET GLOBAL general_log = 0")
	must(t, err)
	rows, err := db.QueryContext(ctx, `SELECT thread_id, CONVERT(argument USING utf8mb4) FROM mysql.general_log
		WHERE command_type IN ('Query', 'Execute') ORDER BY event_time`)
	must(t, err)
	defer rows.Close()
	threads := map[int][]string{}
	for rows.Next() {
		var thread int
		var text string
		must(t, rows.Scan(&thread, &text))
		threads[thread] = append(threads[thread], shapeOf(text))
	}
	must(t, rows.Err())
	for _, statements := range threads {
		if list := ofRequest(statements); len(list) > 0 {
			return list
		}
	}
	t.Fatalf("no statement of the request was logged: %v", threads)
	return nil
}

// ofRequest takes the transaction that records a visit, or the queries of a page, out of what a connection was asked to
// do: the product also knows its caller and delivers notifications.
func ofRequest(statements []string) (list []string) {
	recording := slices.IndexFunc(statements, func(s string) bool { return strings.HasPrefix(s, "INSERT INTO operations ") })
	if recording > 0 {
		end := recording + slices.Index(statements[recording:], "COMMIT")
		return statements[recording-1 : end+1]
	}
	for _, s := range statements {
		if strings.Contains(s, " FROM visits ") || strings.Contains(s, " FROM problems ") {
			list = append(list, s)
		}
	}
	return list
}

var (
	values = regexp.MustCompile(`(?:_binary\s*)?'(?:[^'\\]|\\.|'')*'|\bX'[0-9A-F]*'|\b[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?\b|\bNULL\b|\btrue\b|\bfalse\b`)
	spaces = regexp.MustCompile(`\s+`)
	commas = regexp.MustCompile(`\s*,\s*`)
)

// shapeOf is a statement without its values and without the spelling of its spaces.
func shapeOf(statement string) string {
	return strings.TrimSpace(commas.ReplaceAllString(spaces.ReplaceAllString(values.ReplaceAllString(statement, "?"), " "), ", "))
}

func TestShapeOf(t *testing.T) {
	for statement, want := range map[string]string{
		"SELECT a,b\n FROM t WHERE x IN ('1','it''s \\'') AND y = -1.5": "SELECT a, b FROM t WHERE x IN (?, ?) AND y = -?",
		"INSERT INTO t VALUES (_binary'ab\\\\', NULL,true)":             "INSERT INTO t VALUES (?, ?, ?)",
	} {
		if got := shapeOf(statement); got != want {
			t.Errorf("%s\n got %s\nwant %s", statement, got, want)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
