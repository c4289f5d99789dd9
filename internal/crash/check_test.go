//go:build linux

package crash

import (
	"database/sql"
	"fmt"
	"strings"
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
			known[inHex(v.id)] = v
		}
	}
	stored := map[string]bool{}
	want := newExpectation()
	for id := range counted(t, db, "SELECT HEX(id), 1 FROM visits") {
		v := known[id]
		if v == nil {
			t.Errorf("visit %s was never sent", id)
			continue
		}
		stored[v.id] = true
		want.add(s, v)
	}
	for _, v := range known {
		if v.acknowledged && !stored[v.id] {
			t.Errorf("visit %s was acknowledged and is lost", v.id)
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
	"ledger":   "SELECT CONCAT(HEX(id), ' ', HEX(record_id)), COUNT(*) FROM operations WHERE operation = 'record-visit' GROUP BY id, record_id",
	"problems": "SELECT CONCAT(HEX(visit_id), ' ', HEX(id)), COUNT(*) FROM problems GROUP BY visit_id, id",
	"inbox":    "SELECT CONCAT(HEX(subject_id), ' ', HEX(user_id)), COUNT(*) FROM notifications WHERE kind = 'visit_recorded' GROUP BY subject_id, user_id",
	"outbox": `SELECT CONCAT(HEX(n.subject_id), ' ', HEX(n.user_id)), COUNT(*) FROM deliveries d JOIN notifications n ON n.id = d.notification_id
		GROUP BY n.subject_id, n.user_id`,
	"audit":   "SELECT CONCAT(kind, ' ', HEX(record_id)), COUNT(*) FROM audit WHERE operation = 'record-visit' GROUP BY kind, record_id",
	"changes": "SELECT CONCAT(HEX(stream), ' ', kind, ' ', HEX(record_id)), COUNT(*) FROM changes WHERE kind IN ('visit', 'problem') GROUP BY stream, kind, record_id",
	// Ids of notifications are the server's, so their changes are counted by stream.
	"alerts": "SELECT HEX(stream), COUNT(*) FROM changes WHERE kind = 'notification' GROUP BY stream",
	// A number that a change has and its stream has not given out yet would be given out again.
	"numbers": "SELECT HEX(c.stream), COUNT(*) FROM changes c JOIN streams s ON s.name = c.stream WHERE c.seq > s.seq GROUP BY c.stream",
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

// inHex is an id as the database shows its bytes.
func inHex(id string) string { return strings.ToUpper(strings.ReplaceAll(id, "-", "")) }

// streamOf is the name of a stream as the database shows its bytes: a letter, then an id or a digit of the zone.
func streamOf(letter, rest string) string { return fmt.Sprintf("%X", letter) + rest }

// add expects what a visit leaves.
func (e expectation) add(s *site, v *sent) {
	visit, author, department := inHex(v.id), inHex(v.cadre.ID.String()), inHex(v.cadre.Department.ID.String())
	e["ledger"][visit+" "+visit]++
	recipients := []string{inHex(v.cadre.Department.Head.ID.String())}
	if len(v.problems) > 0 {
		recipients = append(recipients, inHex(s.zone.Dispatcher.ID.String()))
	}
	if v.urgent {
		recipients = append(recipients, inHex(s.zone.Leader.ID.String()))
	}
	for _, user := range recipients {
		e["inbox"][visit+" "+user]++
		e["outbox"][visit+" "+user]++
		e["alerts"][streamOf("u", user)]++
	}
	streams := []string{
		streamOf("e", inHex(v.enterprise)), streamOf("u", author), streamOf("d", department),
		streamOf("z", fmt.Sprintf("%X", v.enterprise[len(v.enterprise)-1:])),
	}
	e["audit"]["visit "+visit]++
	for _, name := range streams {
		e["changes"][name+" visit "+visit]++
	}
	for _, p := range v.problems {
		e["problems"][visit+" "+inHex(p)]++
		e["audit"]["problem "+inHex(p)]++
		for _, name := range streams {
			e["changes"][name+" problem "+inHex(p)]++
		}
	}
	for _, p := range v.power {
		e["changes"][streamOf("d", inHex(s.zone.Power.ID.String()))+" problem "+inHex(p)]++
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
