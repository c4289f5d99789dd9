package store

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"lianqi/internal/testkit"
)

func TestMigrateTwiceChangesNothing(t *testing.T) {
	eachDB(t, func(t *testing.T, db opened) {
		before, err := db.read().Epoch()
		must(t, err)
		must(t, db.Migrate(context.Background()))
		after, err := db.read().Epoch()
		must(t, err)
		if before != after || before == "" {
			t.Fatalf("the epoch was %q and is %q", before, after)
		}
		steps, err := db.Migrations(context.Background())
		must(t, err)
		if len(steps) == 0 {
			t.Fatal("no steps")
		}
		for _, s := range steps {
			if !s.Applied || !strings.HasSuffix(s.Name, ".sql") {
				t.Error(s)
			}
		}
		if done, err := db.Migrated(context.Background()); err != nil || !done {
			t.Fatal(done, err)
		}
	})
}

func TestStatusBeforeTheFirstMigration(t *testing.T) {
	look := func(t *testing.T, opts Options) {
		t.Helper()
		opts.Now = newFrozen().now
		db, err := Open(context.Background(), opts)
		must(t, err)
		defer db.Close()
		if done, err := db.Migrated(context.Background()); err != nil || done {
			t.Fatal(done, err)
		}
		steps, err := db.Migrations(context.Background())
		must(t, err)
		if len(steps) == 0 || steps[0].Applied {
			t.Fatal(steps)
		}
	}
	t.Run("SQLite", func(t *testing.T) { look(t, Options{Driver: driverSQLite, Dir: t.TempDir()}) })
	t.Run("MariaDB", func(t *testing.T) { look(t, Options{Driver: driverMySQL, DSN: testkit.MariaDB(t)}) })
}

func TestReadOnlyLooksAtADatabaseInUse(t *testing.T) {
	db := newSQLite(t, nil)
	if _, err := Open(context.Background(), Options{Driver: driverSQLite, Dir: db.opts.Dir, Now: db.clock.now}); err != ErrLocked { //nolint:errorlint // exactly this
		t.Fatal(err)
	}
	second, err := Open(context.Background(), Options{Driver: driverSQLite, Dir: db.opts.Dir, Now: db.clock.now, ReadOnly: true})
	must(t, err)
	defer second.Close()
	steps, err := second.Migrations(context.Background())
	must(t, err)
	if len(steps) == 0 || !steps[0].Applied {
		t.Fatal(steps)
	}
}

func TestServersThatStartTogetherMakeOneSchema(t *testing.T) {
	dsn := testkit.MariaDB(t)
	const servers = 16
	epochs := make([]string, servers)
	errs := make([]error, servers)
	var wait sync.WaitGroup
	for i := range servers {
		wait.Go(func() {
			db, err := Open(context.Background(), Options{Driver: driverMySQL, DSN: dsn, Now: newFrozen().now})
			if err != nil {
				errs[i] = err
				return
			}
			defer db.Close()
			if errs[i] = db.Migrate(context.Background()); errs[i] == nil {
				epochs[i], errs[i] = db.Read(context.Background()).Epoch()
			}
		})
	}
	wait.Wait()
	for i := range servers {
		must(t, errs[i])
		if epochs[i] != epochs[0] || epochs[i] == "" {
			t.Fatal(epochs)
		}
	}
}

// schema is what a database has, in words that both dialects share.
type schema struct {
	columns map[string]string   // table.column → class and nullability
	keys    map[string]string   // table.index → "unique "? and its columns
	foreign map[string]struct{} // table.column → table.column
}

func TestDialectsAgree(t *testing.T) {
	sqlite, maria := sqliteSchema(t, newSQLite(t, nil)), mariaSchema(t, newMariaDB(t, nil))
	same(t, "column", sqlite.columns, maria.columns)
	same(t, "key", sqlite.keys, maria.keys)
	same(t, "foreign key", sqlite.foreign, maria.foreign)
	if len(sqlite.columns) < 100 || len(sqlite.keys) < 20 || len(sqlite.foreign) < 20 {
		t.Fatal("the schema was not read", len(sqlite.columns), len(sqlite.keys), len(sqlite.foreign))
	}
}

func same[V comparable](t *testing.T, what string, sqlite, maria map[string]V) {
	t.Helper()
	for name, is := range sqlite {
		if other, ok := maria[name]; !ok || other != is {
			t.Errorf("%s %s is %v in SQLite and %v in MariaDB", what, name, is, other)
		}
	}
	for name, is := range maria {
		if _, ok := sqlite[name]; !ok {
			t.Errorf("%s %s (%v) is in MariaDB only", what, name, is)
		}
	}
}

func ours(table string) bool { return !strings.Contains(table, "goose") }

func sqliteSchema(t *testing.T, db opened) schema {
	t.Helper()
	s := schema{map[string]string{}, map[string]string{}, map[string]struct{}{}}
	var columns []struct {
		Tbl, Name, Type string
		Needed, Pk      bool
	}
	must(t, db.read().all(&columns, `SELECT m.name AS tbl, c.name AS name, c.type AS type, c."notnull" AS needed, c.pk > 0 AS pk
		FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'`))
	class := map[string]string{"TEXT": "text", "INTEGER": "integer", "REAL": "real", "BLOB": "bytes"}
	for _, c := range columns {
		if ours(c.Tbl) {
			s.columns[c.Tbl+"."+c.Name] = classOf(class[c.Type], c.Needed)
		}
	}
	var keys []struct {
		Tbl, Name, Origin, Col string
		Uniq                   bool
	}
	must(t, db.read().all(&keys, `SELECT m.name AS tbl, l.name AS name, l.origin AS origin, l."unique" AS uniq, i.name AS col
		FROM sqlite_master m JOIN pragma_index_list(m.name) l JOIN pragma_index_info(l.name) i
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' ORDER BY m.name, l.name, i.seqno`))
	lists := map[string][]string{}
	for _, k := range keys {
		name := k.Tbl + "." + k.Name
		switch k.Origin {
		case "pk":
			name = k.Tbl + ".PRIMARY"
		case "u":
			name = k.Tbl + ".unique"
		}
		if ours(k.Tbl) {
			lists[name] = append(lists[name], k.Col)
		}
	}
	for name, list := range lists {
		s.keys[name] = strings.Join(list, ",")
	}
	// A key of one integer is the table itself and has no index.
	s.keys["signing_keys.PRIMARY"] = "id"
	var foreign []struct{ Tbl, Col, Target, Key string }
	must(t, db.read().all(&foreign, `SELECT m.name AS tbl, f."from" AS col, f."table" AS target, f."to" AS "key"
		FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'`))
	for _, f := range foreign {
		s.foreign[f.Tbl+"."+f.Col+" to "+f.Target+"."+f.Key] = struct{}{}
	}
	return s
}

func classOf(class string, needed bool) string {
	if needed {
		return class + " not null"
	}
	return class
}

func mariaSchema(t *testing.T, db opened) schema {
	t.Helper()
	s := schema{map[string]string{}, map[string]string{}, map[string]struct{}{}}
	class := map[string]string{
		"varchar": "text", "char": "text", "text": "text", "mediumtext": "text", "bigint": "integer", "int": "integer", "tinyint": "integer",
		"double": "real", "binary": "bytes", "varbinary": "bytes",
	}
	var columns []struct{ Tbl, Name, Type, Nullable string }
	must(t, db.read().all(&columns, `SELECT table_name AS tbl, column_name AS name, data_type AS type, is_nullable AS nullable
		FROM information_schema.columns WHERE table_schema = DATABASE()`))
	for _, c := range columns {
		if ours(c.Tbl) {
			s.columns[c.Tbl+"."+c.Name] = classOf(class[c.Type], c.Nullable == "NO")
		}
	}
	var foreign []struct{ Tbl, Name, Col, Target, Key string }
	must(t, db.read().all(&foreign, "SELECT table_name AS tbl, constraint_name AS name, column_name AS col, referenced_table_name AS target,"+
		" referenced_column_name AS `key` FROM information_schema.key_column_usage WHERE table_schema = DATABASE() AND referenced_table_name IS NOT NULL"))
	own := []string{}
	for _, f := range foreign {
		s.foreign[f.Tbl+"."+f.Col+" to "+f.Target+"."+f.Key] = struct{}{}
		own = append(own, f.Tbl+"."+f.Name)
	}
	var keys []struct {
		Tbl, Name, Col string
		Plain          bool
	}
	must(t, db.read().all(&keys, `SELECT table_name AS tbl, index_name AS name, column_name AS col, non_unique AS plain
		FROM information_schema.statistics WHERE table_schema = DATABASE() ORDER BY table_name, index_name, seq_in_index`))
	lists := map[string][]string{}
	for _, k := range keys {
		name := k.Tbl + "." + k.Name
		if slices.Contains(own, name) || !ours(k.Tbl) {
			continue // InnoDB makes an index of its own for a foreign key without one
		}
		if !k.Plain && k.Name != "PRIMARY" {
			name = k.Tbl + ".unique"
		}
		lists[name] = append(lists[name], k.Col)
	}
	for name, list := range lists {
		s.keys[name] = strings.Join(list, ",")
	}
	return s
}

func TestEveryRowIsInTheSchema(t *testing.T) {
	columns := sqliteSchema(t, newSQLite(t, nil)).columns
	for table, row := range map[string]any{
		"visits": visitRow{}, "problems": problemRow{}, "enterprises": enterpriseRow{}, "campaigns": campaignRow{}, "users": userRow{},
		"departments": departmentRow{}, "sessions": sessionRow{},
	} {
		for column, place := range fieldsOf(reflect.TypeOf(row)) {
			is, ok := columns[table+"."+column]
			if !ok {
				t.Errorf("%s has no column %s", table, column)
			}
			field := reflect.TypeOf(row).FieldByIndex(place)
			if null := field.Type.Kind() == reflect.Pointer || field.Type == reflect.TypeFor[[]byte](); !null && !strings.HasSuffix(is, "not null") {
				t.Errorf("%s.%s can be null, its field %s cannot", table, column, field.Name)
			}
		}
	}
}

func TestDatabaseOfANewerProgramIsRefused(t *testing.T) {
	eachDB(t, func(t *testing.T, db opened) {
		db.write(t, func(tx *Tx) error {
			return tx.exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)")
		})
		if err := db.Migrate(context.Background()); err == nil || !strings.Contains(err.Error(), "newer") {
			t.Fatal(err)
		}
	})
}
