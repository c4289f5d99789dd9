//go:build linux

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"lianqi/internal/product"
	"lianqi/internal/testkit"
	"lianqi/models"
	"lianqi/store"
)

// database is one database twice, with the same records: one for the product, one for the bare server.
type database struct {
	driver string
	title  string
	zone   product.Zone
	// dir and url are the product's settings; bare is where the bare server finds its own.
	dir, url, bare string
	stop           func()
}

// shape is the zone that the load works in.
func shape(phones bool) product.Shape {
	return product.Shape{Cadres: 50, Departments: 5, Enterprises: 100, Serves: 4, Phones: phones}
}

// prepare makes the database with so many visits and its copy.
func prepare(ctx context.Context, driver, dir string, visits int, phones bool) (*database, error) {
	if driver == mysql {
		return prepareMariaDB(ctx, dir, visits, phones)
	}
	d := &database{
		driver: sqlite, title: "SQLite", dir: filepath.Join(dir, "product"), bare: filepath.Join(dir, "bare", store.FileName), stop: func() {},
	}
	err := d.seed(ctx, store.Options{Driver: sqlite, Dir: d.dir}, visits, phones)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(d.dir, store.FileName)
	if err := run(ctx, sqlite, file, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return nil, err
	}
	return d, copyFile(file, d.bare)
}

func prepareMariaDB(ctx context.Context, dir string, visits int, phones bool) (*database, error) {
	server, err := testkit.StartMariaDB(filepath.Join(dir, "mariadb"), "--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=512M")
	if err != nil {
		return nil, err
	}
	d := &database{driver: mysql, title: "MariaDB", dir: dir, stop: server.Kill}
	dsn, _, err := server.CreateDatabase()
	if err == nil {
		d.bare, _, err = server.CreateDatabase()
	}
	d.url = "mysql://" + dsn
	if err == nil {
		err = d.seed(ctx, store.Options{Driver: mysql, DSN: dsn}, visits, phones)
	}
	if err == nil {
		err = copyTables(ctx, server, dsn, d.bare)
	}
	if err != nil {
		server.Kill()
		return nil, err
	}
	return d, nil
}

// statistics is what makes MariaDB look at its records before it plans.
const statistics = "ANALYZE" //nolint:misspell // the word of SQL

// open makes the schema.
func open(ctx context.Context, options store.Options) (*store.DB, error) {
	options.Now, options.ClosureLimit = time.Now, time.Minute
	db, err := store.Open(ctx, options)
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// seed fills the database: the zone, and visits of all its cadres over the last hours.
func (d *database) seed(ctx context.Context, options store.Options, visits int, phones bool) error {
	db, err := open(ctx, options)
	if err != nil {
		return err
	}
	defer db.Close()
	if d.zone, err = product.Fill(ctx, db, shape(phones)); err != nil {
		return err
	}
	const batch = 500
	first := time.Now().Add(-20 * time.Hour)
	for at := 0; at < visits; at += batch {
		err := db.Write(ctx, func(tx *store.Tx) error {
			for i := at; i < min(at+batch, visits); i++ {
				received := first.Add(time.Duration(i) * 20 * time.Hour / time.Duration(visits))
				if err := d.visit(tx, i, received); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// visit stores one visit with one problem. The first of each cadre is told, so that everybody's stream exists.
func (d *database) visit(tx *store.Tx, i int, received time.Time) error {
	cadres := d.zone.Cadres
	c := cadres[i%len(cadres)]
	who := models.Actor{UserID: c.ID, Name: c.Name, Roles: []models.Role{models.RoleCadre}, DepartmentID: &c.Department.ID}
	v := models.Visit{
		ID: uuid.Must(uuid.NewV7()), EnterpriseID: c.Enterprises[i/len(cadres)%len(c.Enterprises)], CampaignID: &d.zone.Campaign,
		StartedAt: received.Add(-time.Hour), Purpose: models.PurposeRoutine, Remark: "生产正常，反映用电问题一个。", Participants: []string{"总经理", "生产部部长"},
		Position: &models.Position{Latitude: 26.4225, Longitude: 112.8595, AccuracyM: 12, CRS: "gcj02"},
		Problems: []models.Problem{{
			ID: uuid.Must(uuid.NewV7()), Category: models.CategoryPower, Urgency: models.UrgencyNormal, Title: "夜间电压不稳", Description: description,
		}},
	}
	if err := v.Receive(who, nil, received); err != nil {
		return err
	}
	v.Problems[0].DepartmentID = &d.zone.Power.ID
	if err := tx.InsertVisit(v); err != nil {
		return err
	}
	if i >= len(cadres) {
		return nil
	}
	return tx.Notify(models.VisitRecorded(v, who, "示例企业"))
}

func run(ctx context.Context, driver, dsn string, statements ...string) error {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%.60s: %w", s, err)
		}
	}
	return nil
}

// copyTables gives the second database the schema and the records of the first.
func copyTables(ctx context.Context, server *testkit.Server, from, to string) error {
	db, err := open(ctx, store.Options{Driver: mysql, DSN: to})
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	source := from[strings.LastIndexByte(from, '/')+1:]
	tables, err := tablesOf(ctx, server.DSN(source))
	if err != nil {
		return err
	}
	statements := []string{"SET foreign_key_checks = 0"}
	for _, t := range tables {
		statements = append(statements, "DELETE FROM "+t, "INSERT INTO "+t+" SELECT * FROM "+source+"."+t, statistics+" TABLE "+t, statistics+" TABLE "+source+"."+t)
	}
	return run(ctx, mysql, to, statements...)
}

func tablesOf(ctx context.Context, dsn string) (tables []string, err error) {
	db, err := sql.Open(mysql, dsn)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name NOT LIKE 'goose%'")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var t string
		if err := rows.Scan(&t); err != nil {
			return nil, err
		}
		tables = append(tables, t)
	}
	return tables, rows.Err()
}

func copyFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	_, err = io.Copy(out, in)
	return err
}
