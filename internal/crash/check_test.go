//go:build linux

package crash

import (
	"database/sql"
	"testing"
)

// check holds the database against what the phones have sent: every visit that was acknowledged is there, every visit
// that is there is whole, and nothing else is there. It returns the visits that are there.
func check(t *testing.T, s *site, list []*phone) map[string]bool {
	t.Helper()
	db := s.look(t)
	defer db.Close()
	known := map[string]*sent{}
	for _, p := range list {
		for _, v := range p.sent {
			known[v.id] = v
		}
	}
	stored := map[string]bool{}
	want := newExpectation()
	for id := range counted(t, db, "SELECT id, 1 FROM visits") {
		stored[id] = true
		if known[id] == nil {
			t.Errorf("visit %s was never sent", id)
			continue
		}
		want.add(s, known[id])
	}
	for id, v := range known {
		if v.acknowledged && !stored[id] {
			t.Errorf("visit %s was acknowledged and is lost", id)
		}
	}
	want.compare(t, db)
	if s.driver == "sqlite" {
		for fault := range counted(t, db, "SELECT integrity_check, 0 FROM pragma_integrity_check WHERE integrity_check <> 'ok'") {
			t.Errorf("the file is damaged: %s", fault)
		}
		for table := range counted(t, db, "SELECT DISTINCT \"table\", 0 FROM pragma_foreign_key_check") {
			t.Errorf("references of %s lead nowhere", table)
		}
	}
	return stored
}

// tables are what a visit leaves beside itself: the keys of its rows, each of which must be there once.
var tables = map[string]string{
	"ledger":   "SELECT CONCAT(id, ' ', record_id), COUNT(*) FROM operations WHERE operation = 'record-visit' GROUP BY id, record_id",
	"problems": "SELECT CONCAT(visit_id, ' ', id), COUNT(*) FROM problems GROUP BY visit_id, id",
	"inbox":    "SELECT CONCAT(subject_id, ' ', user_id), COUNT(*) FROM notifications WHERE kind = 'visit_recorded' GROUP BY subject_id, user_id",
	"outbox": `SELECT CONCAT(n.subject_id, ' ', n.user_id), COUNT(*) FROM deliveries d JOIN notifications n ON n.id = d.notification_id
		GROUP BY n.subject_id, n.user_id`,
	"audit":   "SELECT CONCAT(kind, ' ', record_id), COUNT(*) FROM audit WHERE operation = 'record-visit' GROUP BY kind, record_id",
	"changes": "SELECT CONCAT(stream, ' ', kind, ' ', record_id), COUNT(*) FROM changes WHERE kind IN ('visit', 'problem') GROUP BY stream, kind, record_id",
	// Ids of notifications are the server's, so their changes are counted by stream.
	"alerts": "SELECT stream, COUNT(*) FROM changes WHERE kind = 'notification' GROUP BY stream",
	// A number that a change has and its stream has not given out yet would be given out again.
	"numbers": "SELECT c.stream, COUNT(*) FROM changes c JOIN streams s ON s.name = c.stream WHERE c.seq > s.seq GROUP BY c.stream",
}

// expectation is how often each key of each table is expected.
type expectation map[string]map[string]int

func newExpectation() expectation {
	e := expectation{}
	for table := range tables {
		e[table] = map[string]int{}
	}
	return e
}

// add expects what a visit leaves.
func (e expectation) add(s *site, v *sent) {
	e["ledger"][v.id+" "+v.id]++
	recipients := []string{v.cadre.Department.Head.ID.String()}
	if len(v.problems) > 0 {
		recipients = append(recipients, s.zone.Dispatcher.ID.String())
	}
	if v.urgent {
		recipients = append(recipients, s.zone.Leader.ID.String())
	}
	for _, user := range recipients {
		e["inbox"][v.id+" "+user]++
		e["outbox"][v.id+" "+user]++
		e["alerts"]["u/"+user]++
	}
	streams := []string{"e/" + v.enterprise, "u/" + v.cadre.ID.String(), "z/" + v.enterprise[len(v.enterprise)-1:], "d/" + v.cadre.Department.ID.String()}
	e["audit"]["visit "+v.id]++
	for _, stream := range streams {
		e["changes"][stream+" visit "+v.id]++
	}
	for _, p := range v.problems {
		e["problems"][v.id+" "+p]++
		e["audit"]["problem "+p]++
		for _, stream := range streams {
			e["changes"][stream+" problem "+p]++
		}
	}
	for _, p := range v.power {
		e["changes"]["d/"+s.zone.Power.ID.String()+" problem "+p]++
	}
}

func (e expectation) compare(t *testing.T, db *sql.DB) {
	t.Helper()
	for table, query := range tables {
		want, faults := e[table], 0
		fault := func(format string, args ...any) {
			if faults++; faults <= 5 {
				t.Errorf(table+": "+format, args...)
			}
		}
		got := counted(t, db, query)
		for key, n := range want {
			if got[key] != n {
				fault("%s is there %d times instead of %d", key, got[key], n)
			}
		}
		for key := range got {
			if want[key] == 0 {
				fault("%s is there without its visit", key)
			}
		}
		if faults > 5 {
			t.Errorf("%s: %d more", table, faults-5)
		}
	}
}

// counted reads rows of a key and a number.
func counted(t *testing.T, db *sql.DB, query string) map[string]int {
	t.Helper()
	rows, err := db.Query(query)
	must(t, err)
	defer rows.Close()
	counts := map[string]int{}
	for rows.Next() {
		var key string
		var n int
		must(t, rows.Scan(&key, &n))
		counts[key] = n
	}
	must(t, rows.Err())
	return counts
}
