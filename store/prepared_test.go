package store

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"lianqi/models"
)

// prepared counts the statements that the server keeps prepared.
func prepared(t *testing.T, db opened) int {
	t.Helper()
	var row struct {
		Name  string
		Value int
	}
	must(t, db.reads.QueryRow("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'").Scan(&row.Name, &row.Value))
	return row.Value
}

func TestStatementsAreNotPreparedWithoutEnd(t *testing.T) {
	db := newMariaDB(t, nil)
	db.reads.SetMaxOpenConns(1)
	ctx := context.Background()
	ids := []models.ID{}
	for i := range 3 * maxSeen {
		ids = append(ids, db.opts.NewID())
		for range 3 {
			if _, err := db.Read(ctx).VisitsByID(models.EverythingFor(ids[0]), ids[:1+i%len(ids)]); err != nil {
				t.Fatal(i, err)
			}
		}
	}
	if n := prepared(t, db); n == 0 || n > maxPrepared {
		t.Errorf("the server keeps %d prepared statements of one connection", n)
	}
}

func TestPreparedStatementsOutliveAChangeOfTheSchema(t *testing.T) {
	db := newMariaDB(t, nil)
	db.reads.SetMaxOpenConns(1)
	z := db.zone(t, 1, 1)
	read := func() error {
		_, err := db.Read(context.Background()).Campaign(z.campaign.ID)
		return err
	}
	for i := range 6 {
		must(t, read())
		if _, err := db.reads.Exec(fmt.Sprintf("ALTER TABLE campaigns ADD COLUMN added_%d INT", i)); err != nil {
			t.Fatal(err)
		}
	}
	must(t, read())
	if n := prepared(t, db); n == 0 {
		t.Error("nothing was prepared")
	}
}

func TestServerThatPreparesNothingMoreIsAskedInText(t *testing.T) {
	db := newMariaDB(t, nil)
	if _, err := db.reads.Exec("SET GLOBAL max_prepared_stmt_count = 0"); err != nil {
		if strings.Contains(err.Error(), "denied") {
			t.Skip("the account of the tests may not limit the server")
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = db.reads.Exec("SET GLOBAL max_prepared_stmt_count = DEFAULT") })
	z := db.zone(t, 2, 2)
	for i := range 5 {
		db.write(t, func(tx *Tx) error { return tx.InsertVisit(db.visit(i+1, z.cadres[0], z.enterprises[0].ID, 1)) })
	}
	list, _, err := db.read().Visits(models.EverythingFor(z.admin.ID), models.VisitFilter{}, models.Page{Limit: 10})
	if err != nil || len(list) != 5 {
		t.Fatal(len(list), err)
	}
}
