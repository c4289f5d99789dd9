//go:build linux

package crash

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // to look into the databases
	_ "modernc.org/sqlite"

	"lianqi/internal/product"
	"lianqi/internal/testkit"
	"lianqi/store"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	os.Exit(code)
}

// built is the folder of the program, once a test has needed it.
var built string

var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "lianqi-crash-")
	if err != nil {
		return "", err
	}
	built = dir
	return product.Build(context.Background(), dir)
})

// rounds is how often each database is treated: a few times, or a hundred in a soak.
func rounds() int {
	if os.Getenv("SOAK") == "1" {
		return 100
	}
	return 3
}

// seed makes the moments of a run the same again; they are still not the same instants.
const seed = 20201208

func random(round int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(round))) }

// site is a database with a zone, and the server that works on it.
type site struct {
	zone   product.Zone
	driver string
	dir    string
	url    string // the server's setting, empty for SQLite
	dsn    string // for looking into the database
	server *product.Process
	// maria is the database server, if there is one.
	maria *testkit.Server
}

// eachDatabase runs the test on a new zone in both databases.
func eachDatabase(t *testing.T, test func(t *testing.T, s *site)) {
	t.Run("SQLite", func(t *testing.T) {
		dir := t.TempDir()
		s := &site{driver: "sqlite", dir: dir, dsn: "file:" + filepath.Join(dir, store.FileName) + "?_pragma=busy_timeout(5000)"}
		s.fill(t, store.Options{Driver: "sqlite", Dir: dir})
		test(t, s)
	})
	t.Run("MariaDB", func(t *testing.T) {
		// The path of a socket must be short, which that of a test's own folder is not.
		dir, err := os.MkdirTemp("", "lianqi-crash-maria-")
		must(t, err)
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		s := &site{driver: "mysql", dir: dir}
		if s.maria, err = testkit.StartMariaDB(dir); errors.Is(err, testkit.ErrNoMariaDB) && os.Getenv("CI") != "true" {
			t.Skipf("NOT TESTED on MariaDB: %v", err)
		}
		must(t, err)
		t.Cleanup(func() { s.maria.Kill() })
		s.dsn, _, err = s.maria.CreateDatabase()
		must(t, err)
		s.url = "mysql://" + s.dsn
		s.fill(t, store.Options{Driver: "mysql", DSN: s.dsn})
		test(t, s)
	})
}

func (s *site) fill(t *testing.T, options store.Options) {
	t.Helper()
	ctx := context.Background()
	options.Now = time.Now
	db, err := store.Open(ctx, options)
	must(t, err)
	defer func() { must(t, db.Close()) }()
	must(t, db.Migrate(ctx))
	s.zone, err = product.Fill(ctx, db, product.Shape{Cadres: 4, Departments: 2, Enterprises: 6, Serves: 2, Phones: true})
	must(t, err)
}

// start starts the server; it is killed when the test ends.
func (s *site) start(t *testing.T) {
	t.Helper()
	path, err := program()
	must(t, err)
	s.server, err = product.Serve(path, s.dir, s.url)
	must(t, err)
	t.Cleanup(s.server.Kill)
}

// restartMariaDB starts the database server again on what it left.
func (s *site) restartMariaDB(t *testing.T) {
	t.Helper()
	var err error
	s.maria, err = testkit.StartMariaDB(s.dir)
	must(t, err)
}

func (s *site) look(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open(s.driver, s.dsn)
	must(t, err)
	return db
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
