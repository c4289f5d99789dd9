// Package testkit gives tests real parts to work with: a database server of their own, exchanges held to the contract.
package testkit

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // registers the driver that the administration of the server uses
	"github.com/gofrs/flock"
)

// ErrNoMariaDB means that this machine has no MariaDB server to start.
var ErrNoMariaDB = errors.New("no mariadbd and mariadb-install-db on this machine; on Debian: apt-get install mariadb-server-core mariadb-client-core")

// MariaDB makes an empty database for one test and returns its DSN, in the driver's form without options. The
// server behind it is private to the process and shared by its tests; the database is dropped when the test ends,
// and the test fails if somebody then still works in it. Texts compare by utf8mb4_bin: letter by letter as SQLite
// does, and, unlike the no-pad variants, known to every MySQL-compatible server. Without a server on the machine the
// test is skipped, or fails when CI=true.
func MariaDB(t testing.TB) (dsn string) {
	t.Helper()
	server, err := shared()
	if errors.Is(err, ErrNoMariaDB) && os.Getenv("CI") != "true" {
		t.Skipf("NOT TESTED on MariaDB: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	dsn, drop, err := server.CreateDatabase()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := drop(); err != nil {
			t.Error(err)
		}
	})
	return dsn
}

// Main runs the tests of a package and then removes what they shared. Packages whose tests call MariaDB have
// func TestMain(m *testing.M) { testkit.Main(m) }. A process that ends otherwise takes its server along (on Linux),
// and the next one removes the folder.
func Main(m *testing.M) {
	code := m.Run()
	if endShared != nil {
		endShared()
	}
	os.Exit(code)
}

var endShared func()

// shared starts the server of this process. It is as quick as can be and keeps nothing if the machine stops.
var shared = sync.OnceValues(func() (*Server, error) {
	dir, remove, err := scratch()
	if err != nil {
		return nil, err
	}
	server, err := StartMariaDB(dir, "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--innodb-flush-method=nosync")
	if err != nil {
		remove()
		return nil, err
	}
	endShared = func() {
		server.Kill()
		remove()
	}
	return server, nil
})

// scratch makes a folder for the process and removes those of processes that could not do it themselves. A folder
// belongs to a living process as long as the lock in it is held.
func scratch() (dir string, remove func(), err error) {
	const pattern = "lianqi-mariadb-*"
	all := flock.New(filepath.Join(os.TempDir(), "lianqi-mariadb.lock"))
	if err := all.Lock(); err != nil {
		return "", nil, fmt.Errorf("lock the folders of test servers: %w", err)
	}
	defer func() { _ = all.Unlock() }()

	old, _ := filepath.Glob(filepath.Join(os.TempDir(), pattern))
	for _, dir := range old {
		lock := flock.New(filepath.Join(dir, "lock"))
		if free, err := lock.TryLock(); err == nil && free {
			_ = os.RemoveAll(dir)
			_ = lock.Unlock()
		}
	}
	dir, err = os.MkdirTemp("", pattern)
	if err != nil {
		return "", nil, err
	}
	lock := flock.New(filepath.Join(dir, "lock"))
	if err := lock.Lock(); err != nil {
		return "", nil, err
	}
	return dir, func() {
		_ = os.RemoveAll(dir)
		_ = lock.Unlock()
	}, nil
}

// Server is a running private MariaDB server, reachable by its socket only.
type Server struct {
	socket    string
	command   *exec.Cmd
	admin     *sql.DB
	databases atomic.Int64

	ended   chan struct{} // closed when the process is gone
	exit    error         // how it went, once ended is closed
	lines   sync.Mutex
	lastLog []string
}

// StartMariaDB starts a server on the folder, which is filled when it holds no data yet, and returns when it accepts
// connections. Every commit is on the disk when it is answered, unless options of mariadbd say otherwise. The server
// ends with this process at the latest (on Linux). ErrNoMariaDB when none is installed.
func StartMariaDB(dir string, options ...string) (*Server, error) {
	daemon, err := program("mariadbd")
	if err != nil {
		return nil, err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s := &Server{socket: filepath.Join(dir, "sock"), ended: make(chan struct{})}
	if len(s.socket) > 100 {
		return nil, fmt.Errorf("%s is too long a path for a socket", s.socket)
	}
	data := filepath.Join(dir, "data")
	if _, err := os.Stat(data); errors.Is(err, os.ErrNotExist) {
		if err := fill(data, daemon); err != nil {
			return nil, err
		}
	}
	arguments := append(account("--no-defaults"),
		"--datadir="+data, "--socket="+s.socket, "--pid-file="+filepath.Join(dir, "pid"), "--tmpdir="+dir,
		"--skip-networking", "--skip-name-resolve", "--max-connections=500",
		"--character-set-server=utf8mb4", "--collation-server=utf8mb4_bin",
		"--innodb-buffer-pool-size=128M", "--innodb-log-file-size=64M", "--innodb-flush-log-at-trx-commit=1",
		"--innodb-buffer-pool-dump-at-shutdown=0", "--innodb-buffer-pool-load-at-startup=0",
	)
	s.command = exec.Command(daemon, append(arguments, options...)...) //nolint:gosec // the arguments are the tests' own
	dieWithParent(s.command)
	if err := s.start(); err != nil {
		return nil, err
	}
	s.admin, err = sql.Open("mysql", s.DSN("")+"?timeout=10s")
	if err != nil {
		s.Kill()
		return nil, err
	}
	s.admin.SetMaxIdleConns(1)
	return s, nil
}

// start runs the process and waits until it says that it is ready.
func (s *Server) start() error {
	output, err := s.command.StderrPipe()
	if err != nil {
		return err
	}
	ready, failed := make(chan struct{}), make(chan error, 1)
	go func() {
		// The death signal is sent when the thread that started the process ends, so this thread has to stay.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := s.command.Start(); err != nil {
			failed <- err
			return
		}
		s.follow(output, ready)
		s.exit = s.command.Wait()
		close(s.ended)
	}()
	patience := time.NewTimer(2 * time.Minute)
	defer patience.Stop()
	select {
	case <-ready:
		return nil
	case err := <-failed:
		return fmt.Errorf("start mariadbd: %w", err)
	case <-s.ended:
		return fmt.Errorf("mariadbd ended at its start: %w\n%s", s.exit, s.log())
	case <-patience.C:
		s.Kill()
		return fmt.Errorf("mariadbd is not ready after 2 minutes\n%s", s.log())
	}
}

// follow reads the log to its end, which is the end of the process; it keeps the last lines for error messages.
func (s *Server) follow(output io.Reader, ready chan<- struct{}) {
	waiting := true
	for scanner := bufio.NewScanner(output); scanner.Scan(); {
		s.lines.Lock()
		if len(s.lastLog) == 20 {
			s.lastLog = s.lastLog[1:]
		}
		s.lastLog = append(s.lastLog, scanner.Text())
		s.lines.Unlock()
		if waiting && strings.Contains(scanner.Text(), "ready for connections") {
			waiting = false
			close(ready)
		}
	}
	_, _ = io.Copy(io.Discard, output) // an endless line stops the scanner, and must not stop the server
}

func (s *Server) log() string {
	s.lines.Lock()
	defer s.lines.Unlock()
	return strings.Join(s.lastLog, "\n")
}

// DSN addresses a database of the server, in the driver's form without options.
func (s *Server) DSN(database string) string {
	return "root@unix(" + s.socket + ")/" + database
}

// CreateDatabase makes an empty database with a name of its own. drop removes it, and fails when somebody else's
// transaction still holds one of its tables 5 seconds later.
func (s *Server) CreateDatabase() (dsn string, drop func() error, err error) {
	name := fmt.Sprintf("lianqi_%d", s.databases.Add(1))
	if err := s.execute("CREATE DATABASE " + name); err != nil {
		return "", nil, err
	}
	return s.DSN(name), func() error {
		return s.execute("SET STATEMENT lock_wait_timeout = 5 FOR DROP DATABASE " + name)
	}, nil
}

func (s *Server) execute(statement string) error {
	if _, err := s.admin.ExecContext(context.Background(), statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// Stop ends the server in good order and waits for it; the folder can be started again.
func (s *Server) Stop() error { return s.end(syscall.SIGTERM) }

// Kill ends the server at once, as a crash would, and waits for it; the folder can be started again.
func (s *Server) Kill() { _ = s.end(syscall.SIGKILL) }

func (s *Server) end(signal syscall.Signal) error {
	if s.admin != nil {
		_ = s.admin.Close()
	}
	if err := s.command.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.ended
	return s.exit
}

// layout is part of the name of the template: raise it when fill makes another one.
const layout = "1"

var versionNumber = regexp.MustCompile(`Ver ([0-9A-Za-z.+~_-]+)`)

// fill makes a data folder by copying a template, which the first call on this machine and server version makes.
func fill(data, daemon string) error {
	output, err := exec.Command(daemon, "--version").Output()
	if err != nil {
		return fmt.Errorf("ask mariadbd for its version: %w", err)
	}
	version := versionNumber.FindSubmatch(output)
	if version == nil {
		return fmt.Errorf("mariadbd does not tell its version: %q", output)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	template := filepath.Join(cache, "lianqi-mariadb", string(version[1])+"-"+layout)
	if err := os.MkdirAll(filepath.Dir(template), 0o700); err != nil {
		return err
	}
	lock := flock.New(template + ".lock")
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("lock the template of data folders: %w", err)
	}
	defer func() { _ = lock.Unlock() }()
	if _, err := os.Stat(template); errors.Is(err, os.ErrNotExist) {
		if err := install(template); err != nil {
			return err
		}
	}
	if err := os.CopyFS(data, os.DirFS(template)); err != nil {
		_ = os.RemoveAll(data)
		return fmt.Errorf("copy %s: %w", template, err)
	}
	return nil
}

// install makes the template; half of one never bears its name.
func install(template string) error {
	installer, err := program("mariadb-install-db")
	if err != nil {
		return err
	}
	half := template + ".half"
	if err := os.RemoveAll(half); err != nil {
		return err
	}
	arguments := append(
		account("--no-defaults"), "--datadir="+half, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve", "--force",
		"--innodb-log-file-size=8M", "--innodb-autoextend-increment=1",
	)
	output, err := exec.Command(installer, arguments...).CombinedOutput() //nolint:gosec // the arguments are our own
	if err != nil {
		return fmt.Errorf("mariadb-install-db: %w\n%s", err, output)
	}
	return os.Rename(half, template)
}

// account adds who the server runs as: it refuses to run as root unless told so.
func account(arguments ...string) []string {
	if os.Geteuid() == 0 {
		return append(arguments, "--user=root")
	}
	return arguments
}

// program finds a program of the server: Debian keeps the daemon where only root looks.
func program(name string) (string, error) {
	for _, candidate := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name, "/usr/libexec/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path, nil
		}
	}
	return "", ErrNoMariaDB
}
