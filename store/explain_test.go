package store

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"lianqi/models"
)

// overheard is a gate that keeps what passes it.
type overheard struct {
	gate
	gorm.ConnPool
	statements *[]statement
}

type statement struct {
	sql  string
	args []any
}

func (o overheard) enter() (gorm.ConnPool, error) {
	pool, err := o.gate.enter()
	o.ConnPool = pool
	return o, err
}

func (o overheard) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	*o.statements = append(*o.statements, statement{query, args})
	return o.ConnPool.QueryContext(ctx, query, args...)
}

func (o overheard) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	*o.statements = append(*o.statements, statement{query, args})
	return o.ConnPool.ExecContext(ctx, query, args...)
}

func (q *Queries) overhear(statements *[]statement) {
	q.gate = overheard{gate: q.gate, statements: statements}
}

// Sizes of the tables that must not be read as a whole.
const (
	manyVisits   = 6000
	manySessions = 4000
	manyNotices  = 4000
	// enough is how many rows one statement may touch.
	enough = 1500
)

// crowd fills the database so far that reading a whole table shows.
func crowd(t *testing.T, db opened) zone {
	t.Helper()
	z := db.zone(t, 100, 60)
	for i, c := range z.cadres {
		for k := range 3 {
			until := (*time.Time)(nil)
			if k == 2 {
				until = ptr(db.Now().Add(-24 * time.Hour))
			}
			db.assign(t, z, 5000+10*i+k, c.ID, z.enterprises[(3*i+k)%len(z.enterprises)].ID, until)
		}
	}
	fillVisits(t, db, z, 100_000, manyVisits)
	db.write(t, func(tx *Tx) error {
		sessions := newInsert("INSERT INTO sessions ("+sessionColumns+") VALUES ", 11)
		for i := range manySessions {
			sessions.row(number(300_000+i), z.cadres[i%len(z.cadres)].ID, nil, 1, []byte("hash"), nil, int64(i), int64(i), micros(db.Now().Add(time.Hour)), nil, nil)
		}
		notices := newInsert("INSERT INTO notifications (id, user_id, kind, subject_type, subject_id, params, created_at, read_at) VALUES ", 8)
		deliveries := newInsert("INSERT INTO deliveries (id, notification_id, device_id, state, attempts, due_at, created_at) VALUES ", 7)
		for i := range manyNotices {
			read, state := any(int64(i)), deliverySent
			if i%50 == 0 {
				read, state = nil, deliveryWaiting
			}
			notices.row(number(400_000+i), z.cadres[i%len(z.cadres)].ID, "visit_recorded", "visit", number(100_000+i), "{}", int64(i), read)
			deliveries.row(number(500_000+i), number(400_000+i), number(600_000+i%50), state, 0, int64(i), int64(i))
		}
		for _, insert := range []*multiInsert{sessions, notices, deliveries} {
			if err := insert.run(tx); err != nil {
				return err
			}
		}
		return nil
	})
	db.write(t, func(tx *Tx) error {
		for i := range 50 {
			d := models.Device{
				ID: number(600_000 + i), UserID: z.cadres[i].ID, Platform: "android", Provider: "fcm", PushToken: fmt.Sprint(i), UpdatedAt: db.Now(),
			}
			if err := tx.PutDevice(d); err != nil {
				return err
			}
		}
		return nil
	})
	db.analyse(t)
	return z
}

func (db opened) analyse(t *testing.T) {
	t.Helper()
	if db.driver == driverSQLite {
		db.write(t, func(tx *Tx) error { return tx.exec("ANALYZE") }) //nolint:misspell // the spelling of SQL
		return
	}
	var tables []string
	must(t, db.read().all(&tables, "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"))
	for _, table := range tables {
		_, err := db.reads.Exec("ANALYZE TABLE " + table) //nolint:misspell // the spelling of SQL
		must(t, err)
	}
}

// scopesOf are the shapes of scope there are.
func scopesOf(z zone, now time.Time) map[string]models.Scope {
	tenures := func(serves, served int) (list []models.Tenure) {
		for i := range serves {
			list = append(list, models.Tenure{EnterpriseID: z.enterprises[i].ID, From: now.Add(-time.Hour)})
		}
		for i := range served {
			list = append(list, models.Tenure{EnterpriseID: z.enterprises[serves+i].ID, From: now.Add(-48 * time.Hour), Until: ptr(now.Add(-24 * time.Hour))})
		}
		return list
	}
	cadre := models.Scope{UserID: z.cadres[0].ID, Cadre: true, Tenures: tenures(4, 2)}
	busy := models.Scope{UserID: z.cadres[0].ID, Cadre: true, Tenures: tenures(40, 3)}
	head := models.Scope{UserID: z.heads[0].ID, Departments: []models.ID{z.departments[0].ID}, RoutedTo: &z.departments[0].ID}
	both := cadre
	both.Departments = []models.ID{z.departments[0].ID, z.departments[1].ID}
	return map[string]models.Scope{
		"everything": models.EverythingFor(z.admin.ID), "cadre": cadre, "busy cadre": busy, "head": head, "cadre and head": both,
		"dispatcher": {UserID: z.dispatcher.ID, EveryEnterprise: true, EveryProblem: true},
		"window":     {UserID: z.reviewer.ID, EveryEnterprise: true},
		"reviewer":   {UserID: z.reviewer.ID, RoutedTo: &z.departments[1].ID},
		"enterprise": {UserID: z.reviewer.ID, EnterpriseID: &z.enterprises[0].ID},
	}
}

func TestNoQueryReadsAWholeTable(t *testing.T) {
	if testing.Short() {
		t.Skip("it is about the database's plans, which races do not change")
	}
	eachDB(t, func(t *testing.T, db opened) {
		z := crowd(t, db)
		page := models.Page{Limit: 20}
		later := models.Page{Limit: 20, After: &models.Mark{At: micros(db.Now().Add(time.Second)), ID: number(1)}}
		check := func(name string, run func(tx *Tx) error) {
			var statements []statement
			err := db.Write(context.Background(), func(tx *Tx) error {
				statements = nil
				tx.overhear(&statements)
				if err := run(tx); err != nil {
					return err
				}
				return errOwn // nothing of it stays
			})
			if err != errOwn { //nolint:errorlint // exactly this
				t.Errorf("%s: %v", name, err)
				return
			}
			for _, s := range statements {
				db.frugal(t, name, s)
			}
		}
		for name, scope := range scopesOf(z, db.Now()) {
			for _, p := range []models.Page{page, later} {
				check("visits: "+name, func(tx *Tx) error { _, _, err := tx.Visits(scope, models.VisitFilter{}, p); return err })
				check("problems: "+name, func(tx *Tx) error { _, _, err := tx.Problems(scope, models.ProblemFilter{}, p); return err })
				check("enterprises: "+name, func(tx *Tx) error {
					_, _, err := tx.Enterprises(scope, models.EnterpriseFilter{}, p)
					return err
				})
				check("assignments: "+name, func(tx *Tx) error { _, _, err := tx.Assignments(scope, z.campaign.ID, p); return err })
				check("inbox: "+name, func(tx *Tx) error { _, _, err := tx.Notifications(scope, false, p); return err })
				check("unread inbox: "+name, func(tx *Tx) error { _, _, err := tx.Notifications(scope, true, p); return err })
			}
			ids := []models.ID{number(100_001), number(100_002)}
			check("visits by id: "+name, func(tx *Tx) error { _, err := tx.VisitsByID(scope, ids); return err })
			check("problems by id: "+name, func(tx *Tx) error { _, err := tx.ProblemsByID(scope, ids); return err })
			check("enterprises by id: "+name, func(tx *Tx) error { _, err := tx.EnterprisesByID(scope, ids); return err })
			check("assignments by id: "+name, func(tx *Tx) error { _, err := tx.AssignmentsByID(scope, ids); return err })
			check("unread: "+name, func(tx *Tx) error { _, err := tx.Unread(scope); return err })
			check("read all: "+name, func(tx *Tx) error { _, err := tx.ReadNotifications(scope); return err })
		}
		all := models.EverythingFor(z.admin.ID)
		for name, filter := range map[string]models.VisitFilter{
			"enterprise": {EnterpriseID: &z.enterprises[1].ID}, "author": {AuthorID: &z.cadres[1].ID}, "campaign": {CampaignID: &z.campaign.ID},
		} {
			check("visits of one "+name, func(tx *Tx) error { _, _, err := tx.Visits(all, filter, page); return err })
		}
		for name, filter := range map[string]models.ProblemFilter{
			"enterprise": {EnterpriseID: &z.enterprises[1].ID}, "visit": {VisitID: ptr(number(100_001))}, "department": {DepartmentID: &z.departments[1].ID},
		} {
			check("problems of one "+name, func(tx *Tx) error { _, _, err := tx.Problems(all, filter, page); return err })
		}
		cadre := z.cadres[0]
		check("claim", func(tx *Tx) error { _, err := tx.ClaimDeliveries("worker", time.Minute, 50); return err })
		check("changes", func(tx *Tx) error { _, err := tx.ChangesAfter(models.ZoneStreams()[0], 5, 0, 100); return err })
		check("heads", func(tx *Tx) error { _, err := tx.Heads(models.ZoneStreams()); return err })
		check("sessions", func(tx *Tx) error { _, err := tx.Sessions(cadre.ID); return err })
		check("actor", func(tx *Tx) error { _, err := tx.Actor(number(300_000)); return err })
		check("end sessions", func(tx *Tx) error { return tx.EndSessions(cadre.ID, models.ID{}, "x") })
		check("services", func(tx *Tx) error { _, err := tx.Services(cadre.ID, z.enterprises[0].ID); return err })
		check("officers", func(tx *Tx) error { _, err := tx.Officers(z.enterprises[0].ID); return err })
		check("user by phone", func(tx *Tx) error { _, err := tx.UserByPhone(cadre.Phone); return err })
		check("around", func(tx *Tx) error { _, err := tx.departmentsAround(z.enterprises[0].ID); return err })
		check("history", func(tx *Tx) error { _, err := tx.VisitHistory(number(100_001)); return err })
		check("audit", func(tx *Tx) error { _, err := tx.AuditOf(number(100_001)); return err })
		check("record", func(tx *Tx) error {
			who := models.Actor{UserID: cadre.ID, Name: cadre.Name, Roles: cadre.Roles, DepartmentID: cadre.DepartmentID}
			if err := record(tx, who, db.visit(900_000, cadre, z.enterprises[0].ID, 2)); err != nil {
				return err
			}
			return tx.flush()
		})
	})
}

// frugal fails the test when the statement reads or sorts a whole table.
func (db opened) frugal(t *testing.T, name string, s statement) {
	t.Helper()
	if db.driver == driverMySQL {
		if touched := db.touches(t, s); touched > enough {
			t.Errorf("%s touches %d rows:\n%s\n%v", name, touched, s.sql, s.args)
		}
		return
	}
	var plan []struct {
		ID, Parent, Notused int
		Detail              string
	}
	must(t, db.read().all(&plan, "EXPLAIN QUERY PLAN "+s.sql, s.args...))
	var lines []string
	bad := false
	for _, p := range plan {
		lines = append(lines, p.Detail)
		bad = bad || wholeTable.MatchString(p.Detail)
		bad = bad || strings.Contains(p.Detail, "TEMP B-TREE FOR ORDER BY") && !sortsFew.MatchString(s.sql)
	}
	if bad {
		t.Errorf("%s:\n%s\n%s", name, s.sql, strings.Join(lines, "\n"))
	}
}

var (
	// A table that grows, read from one end to the other; in the order of an index with a limit it stops early.
	wholeTable = regexp.MustCompile(`^SCAN (visits|problems|notifications|deliveries|sessions|changes|operations|audit|devices)\b($| USING COVERING)`)
	// What is sorted is few: the newest of each alternative, or what one record or one cadre has.
	sortsFew = regexp.MustCompile(`UNION|visit_id = \?|id IN \(|FROM assignments|FROM enterprises|FROM category_routes|FROM users`)
)

// touches runs the statement in a transaction of its own and tells how many rows the storage engine has read.
func (db opened) touches(t *testing.T, s statement) int {
	t.Helper()
	tx, err := db.reads.Begin()
	must(t, err)
	defer func() { _ = tx.Rollback() }()
	_, err = tx.Exec("FLUSH STATUS")
	must(t, err)
	if strings.HasPrefix(s.sql, "SELECT") {
		drain(t, tx, s)
	} else if _, err := tx.Exec(s.sql, s.args...); err != nil {
		return 0 // a second run of an insert meets the first one's absence or presence; its reads are by key
	}
	rows, err := tx.Query("SHOW SESSION STATUS LIKE 'Handler_read%'")
	must(t, err)
	defer rows.Close()
	touched := 0
	for rows.Next() {
		var name string
		var n int
		must(t, rows.Scan(&name, &n))
		if name != "Handler_read_rnd_deleted" {
			touched += n
		}
	}
	must(t, rows.Err())
	return touched
}

func drain(t *testing.T, tx *sql.Tx, s statement) {
	t.Helper()
	rows, err := tx.Query(s.sql, s.args...)
	must(t, err)
	defer rows.Close()
	for rows.Next() { //nolint:revive // to the end
	}
	must(t, rows.Err())
}
