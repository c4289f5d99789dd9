package testkit

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("TESTKIT_CHILD"); dir != "" {
		child(dir)
	}
	Main(m)
}

func open(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func query[T any](t *testing.T, db *sql.DB, statement string) T {
	t.Helper()
	var v T
	if err := db.QueryRowContext(context.Background(), statement).Scan(&v); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return v
}

func execute(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(context.Background(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func TestMariaDBGivesEachTestItsOwn(t *testing.T) {
	var dsn string
	t.Run("first", func(t *testing.T) {
		dsn = MariaDB(t)
		db := open(t, dsn)
		execute(t, db, "CREATE TABLE word (id INT PRIMARY KEY, text VARCHAR(20) UNIQUE)")
		execute(t, db, "INSERT INTO word VALUES (1, '联企😀'), (2, 'a'), (3, 'A'), (4, 'á')")
		if n := query[int](t, db, "SELECT COUNT(*) FROM word WHERE text = 'a'"); n != 1 {
			t.Errorf("%d texts equal a, want 1", n)
		}
		if other := MariaDB(t); other == dsn {
			t.Errorf("two calls gave %s", dsn)
		}
	})
	if dsn == "" {
		t.Skip("there is no server")
	}
	server, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	if n := query[int](t, server.admin, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name LIKE 'lianqi%'"); n != 0 {
		t.Errorf("%d databases are left", n)
	}
}

func start(t *testing.T, dir string, options ...string) *Server {
	t.Helper()
	server, err := StartMariaDB(dir, options...)
	if errors.Is(err, ErrNoMariaDB) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Kill)
	return server
}

func TestServerKeepsCommitsThroughACrash(t *testing.T) {
	dir := t.TempDir()
	server := start(t, dir)
	dsn, _, err := server.CreateDatabase()
	if err != nil {
		t.Fatal(err)
	}
	db := open(t, dsn)
	if n := query[int](t, db, "SELECT @@innodb_flush_log_at_trx_commit"); n != 1 {
		t.Errorf("commits are flushed by rule %d, want 1", n)
	}
	execute(t, db, "CREATE TABLE n (id INT PRIMARY KEY)")
	execute(t, db, "INSERT INTO n VALUES (7)")
	server.Kill()

	server = start(t, dir, "--innodb-flush-log-at-trx-commit=2")
	db = open(t, dsn)
	if n := query[int](t, db, "SELECT id FROM n"); n != 7 {
		t.Errorf("got %d, want 7", n)
	}
	if n := query[int](t, db, "SELECT @@innodb_flush_log_at_trx_commit"); n != 2 {
		t.Errorf("commits are flushed by rule %d, want the given 2", n)
	}
	if err := server.Stop(); err != nil {
		t.Error(err)
	}
	if err := server.Stop(); err != nil {
		t.Errorf("the second time: %v", err)
	}
}

func TestServerThatCannotStartSaysWhy(t *testing.T) {
	start(t, t.TempDir()).Kill()
	_, err := StartMariaDB(t.TempDir(), "--no-such-option")
	if err == nil || !strings.Contains(err.Error(), "no-such-option") {
		t.Errorf("got %v", err)
	}
	_, err = StartMariaDB(filepath.Join(t.TempDir(), strings.Repeat("long", 30)))
	if err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("got %v", err)
	}
}

// child is the process that the next test kills: it tells its server's process id and waits for its end.
func child(dir string) {
	server, err := StartMariaDB(dir)
	if err != nil {
		println("failed:", err.Error())
		os.Exit(1)
	}
	println(server.command.Process.Pid)
	_, _ = os.Stdin.Read(make([]byte, 1))
	os.Exit(0)
}

func TestServerEndsWithAKilledProcess(t *testing.T) {
	dir := t.TempDir()
	start(t, dir).Kill()
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), "TESTKIT_CHILD="+dir)
	if _, err := parent.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	output, err := parent.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil || strings.HasPrefix(line, "failed") {
		t.Fatalf("%q %v", line, err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	// The data folder is locked by a living server; this one waits for the lock and starts only once it is free.
	start(t, dir)
}

func TestScratchRemovesWhatTheDeadLeft(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dead, removeDead, err := scratch()
	if err != nil {
		t.Fatal(err)
	}
	living, removeLiving, err := scratch()
	if err != nil {
		t.Fatal(err)
	}
	defer removeLiving()
	if _, err := os.Stat(dead); err != nil {
		t.Fatalf("a folder in use was removed: %v", err)
	}
	removeDead()
	if err := os.MkdirAll(filepath.Join(dead, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, remove, err := scratch()
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
	if _, err := os.Stat(dead); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder of the dead is still there: %v", err)
	}
	if _, err := os.Stat(living); err != nil {
		t.Errorf("the folder of the living is gone: %v", err)
	}
}

func TestWithoutAServer(t *testing.T) {
	if _, err := program("mariadbd-of-nobody"); !errors.Is(err, ErrNoMariaDB) {
		t.Errorf("got %v", err)
	}
}
