//go:build linux

package main

import (
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
)

// What the product runs for a recording and for a page, statement by statement; a test holds that they are the same.

const (
	visitColumns = "id, enterprise_id, campaign_id, author_id, department_id, started_at, ended_at, purpose, remark, participants," +
		" latitude, longitude, accuracy_m, crs, mock, photo_ids, clock_skew_ms, received_at, version, updated_at"
	problemColumns = "id, enterprise_id, visit_id, reporter_id, reporter_department_id, category, urgency, title, description, state," +
		" department_id, happened_at, reported_at, version, updated_at"
)

// rowsOf writes the places of n rows of an INSERT.
func rowsOf(n, columns int) string {
	one := "(?" + strings.Repeat(",?", columns-1) + ")"
	return one + strings.Repeat(","+one, n-1)
}

// listOf writes the places of n values.
func listOf(n int) string { return rowsOf(1, n) }

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

func jsonText(v any) string {
	text, _ := json.Marshal(v) //nolint:errchkjson // lists and maps of strings
	return string(text)
}

// record answers PUT /api/v1/visits/{id}.
func (b *bare) record(c *gin.Context) {
	body, err := c.GetRawData()
	var s submission
	if err == nil {
		err = json.Unmarshal(body, &s)
	}
	if err != nil {
		c.AbortWithStatus(http.StatusBadRequest)
		return
	}
	r := recording{driver: b.driver, who: c.MustGet(callerKey).(caller), id: uuid.MustParse(c.Param("id")), print: sha256.Sum256(body), s: s}
	if err := b.write(r.run); err != nil {
		c.String(http.StatusInternalServerError, err.Error())
		return
	}
	c.JSON(http.StatusCreated, r.v)
}

// recording is one submission on its way into the database.
type recording struct {
	driver string
	who    caller
	id     uuid.UUID
	print  [32]byte
	s      submission

	now     int64
	name    string // of the enterprise
	v       visit
	changes map[string][]change // by stream
}

type change struct {
	kind string
	id   uuid.UUID
}

func (r *recording) run(w *worker) error {
	r.now, r.changes = time.Now().UnixMicro(), map[string][]change{}
	steps := []func(*worker) error{r.once, r.place, r.insertVisit, r.insertProblems, r.notify, r.audit, r.number}
	for _, step := range steps {
		if err := step(w); err != nil {
			return err
		}
	}
	return nil
}

func (r *recording) changed(kind string, id uuid.UUID, streams ...string) {
	for _, s := range streams {
		r.changes[s] = append(r.changes[s], change{kind, id})
	}
}

func (r *recording) once(w *worker) error {
	conflict := " ON CONFLICT DO NOTHING"
	if r.driver == mysql {
		conflict = " ON DUPLICATE KEY UPDATE id = id"
	}
	n, err := w.exec("INSERT INTO operations (id, operation, actor_id, fingerprint, record_id, created_at) VALUES (?, ?, ?, ?, ?, ?)"+conflict,
		r.id, "record-visit", r.who.id, r.print[:], r.id, r.now)
	if err == nil && n != 1 {
		err = errors.New("the visit is known")
	}
	return err
}

// place finds under which campaign the cadre serves the enterprise, its name, and where its problems go.
func (r *recording) place(w *worker) error {
	v := visit{
		ID: r.id, EnterpriseID: r.s.EnterpriseID, AuthorID: r.who.id, StartedAt: r.s.StartedAt.UTC(), EndedAt: r.s.EndedAt, Purpose: r.s.Purpose,
		Remark: r.s.Remark, Participants: r.s.Participants, Position: r.s.Position, Problems: make([]problem, len(r.s.Problems)), PhotoIDs: []uuid.UUID{},
		State: "amendable", ReceivedAt: instant(r.now), Version: 1, department: &r.who.department, updatedAt: r.now,
	}
	err := w.query(func(rows *sql.Rows) error {
		var starts int64
		var ends *int64
		return rows.Scan(&v.CampaignID, &starts, &ends, &r.name)
	}, "SELECT a.campaign_id, a.starts_at, a.ends_at, e.name AS enterprise_name FROM assignments a"+
		" JOIN enterprises e ON e.id = a.enterprise_id WHERE a.cadre_id = ? AND a.enterprise_id = ? ORDER BY a.starts_at DESC", r.who.id, v.EnterpriseID)
	if err != nil {
		return err
	}
	routes := map[string]uuid.UUID{}
	err = w.query(func(rows *sql.Rows) error {
		var category string
		var department uuid.UUID
		err := rows.Scan(&category, &department)
		routes[category] = department
		return err
	}, "SELECT category, department_id FROM category_routes ORDER BY category")
	for i, p := range r.s.Problems {
		v.Problems[i] = problem{
			ID: p.ID, EnterpriseID: v.EnterpriseID, VisitID: &r.id, Category: p.Category, Urgency: p.Urgency, Title: p.Title, Description: p.Description,
			State: "reported", ReportedAt: v.ReceivedAt, Version: 1, AllowedActions: []string{},
		}
		if to, ok := routes[p.Category]; ok {
			v.Problems[i].DepartmentID = &to
		}
	}
	r.v = v
	return err
}

func (r *recording) insertVisit(w *worker) error {
	v := &r.v
	var latitude, longitude, accuracy, crs, ended any
	mock := false
	if p := v.Position; p != nil {
		latitude, longitude, accuracy, crs, mock = p.Latitude, p.Longitude, p.AccuracyM, p.CRS, p.Mock
	}
	if v.EndedAt != nil {
		ended = v.EndedAt.UnixMicro()
	}
	_, err := w.exec("INSERT INTO visits (id, enterprise_id, campaign_id, author_id, department_id, started_at, ended_at, purpose, remark, participants,"+
		" latitude, longitude, accuracy_m, crs, mock, photo_ids, problem_count, has_problems, clock_skew_ms, received_at, version, updated_at) VALUES "+rowsOf(1, 22),
		v.ID, v.EnterpriseID, *v.CampaignID, v.AuthorID, r.who.department, v.StartedAt.UnixMicro(), ended, v.Purpose, v.Remark, jsonText(v.Participants),
		latitude, longitude, accuracy, crs, mock, jsonText(v.PhotoIDs), len(v.Problems), len(v.Problems) > 0, 0, r.now, 1, r.now)
	r.changed("visit", v.ID, stream("e", v.EnterpriseID), stream("u", r.who.id), zoneStream(v.EnterpriseID), stream("d", r.who.department))
	return err
}

func stream(of string, id uuid.UUID) string { return of + string(id[:]) }

func zoneStream(enterprise uuid.UUID) string {
	text := enterprise.String()
	return "z" + text[len(text)-1:]
}

func (r *recording) insertProblems(w *worker) error {
	v := &r.v
	args := make([]any, 0, 16*len(v.Problems))
	for i, p := range v.Problems {
		args = append(args, p.ID, p.EnterpriseID, v.ID, i, r.who.id, r.who.department, p.Category, p.Urgency, p.Title, p.Description, p.State,
			p.DepartmentID, v.StartedAt.UnixMicro(), r.now, 1, r.now)
		r.changed("problem", p.ID, stream("e", v.EnterpriseID), stream("u", r.who.id), zoneStream(v.EnterpriseID), stream("d", r.who.department))
		if p.DepartmentID != nil {
			r.changed("problem", p.ID, stream("d", *p.DepartmentID))
			r.changed("enterprise", v.EnterpriseID, stream("d", *p.DepartmentID))
		}
	}
	_, err := w.exec("INSERT INTO problems (id, enterprise_id, visit_id, place, reporter_id, reporter_department_id, category, urgency,"+
		" title, description, state, department_id, happened_at, reported_at, version, updated_at) VALUES "+rowsOf(len(v.Problems), 16), args...)
	return err
}

func (r *recording) notify(w *worker) error {
	params := jsonText(map[string]string{"enterprise": r.name, "author": r.who.name, "problems": "1", "urgency": r.v.Problems[0].Urgency})
	inbox, outbox, people := []any{}, []any{}, 0
	var id, last uuid.UUID
	err := w.query(func(rows *sql.Rows) error {
		var user uuid.UUID
		var device uuid.NullUUID
		err := rows.Scan(&user, &device)
		if user != last {
			id, last, people = newID(), user, people+1
			inbox = append(inbox, id, user, "visit_recorded", "visit", r.id, params, r.now)
			r.changed("notification", id, stream("u", user))
		}
		if device.Valid {
			outbox = append(outbox, newID(), id, device.UUID, "waiting", 0, r.now, r.now)
		}
		return err
	}, "SELECT u.id AS user_id, d.id AS device_id FROM users u LEFT JOIN devices d ON d.user_id = u.id WHERE u.id IN (SELECT head_id FROM departments WHERE id = ?"+
		" UNION SELECT user_id FROM user_roles WHERE role = ?) AND u.active = 1 AND u.id <> ? ORDER BY u.id, d.id", r.who.department, "dispatcher", r.who.id)
	if err != nil {
		return err
	}
	_, err = w.exec("INSERT INTO notifications (id, user_id, kind, subject_type, subject_id, params, created_at) VALUES "+rowsOf(people, 7), inbox...)
	if err != nil || len(outbox) == 0 {
		return err
	}
	_, err = w.exec("INSERT INTO deliveries (id, notification_id, device_id, state, attempts, due_at, created_at) VALUES "+rowsOf(len(outbox)/7, 7), outbox...)
	return err
}

func (r *recording) audit(w *worker) error {
	args := []any{}
	add := func(kind string, id uuid.UUID) {
		args = append(args, newID(), r.now, r.who.id, r.who.id, r.id.String(), "record-visit", kind, id)
	}
	add("visit", r.id)
	for _, p := range r.v.Problems {
		add("problem", p.ID)
	}
	_, err := w.exec("INSERT INTO audit (id, at, actor_id, session_id, request_id, operation, kind, record_id) VALUES "+rowsOf(len(args)/8, 8), args...)
	return err
}

// number gives the changes their numbers on their streams, which a seeded database has all of.
func (r *recording) number(w *worker) error {
	streams, step := make([]string, 0, len(r.changes)), 0
	for s, list := range r.changes {
		streams, step = append(streams, s), max(step, len(list))
	}
	slices.Sort(streams)
	heads, err := r.move(w, streams, step)
	if err != nil {
		return err
	}
	changes := []any{}
	for _, s := range streams {
		seq := heads[s] - int64(step)
		for _, c := range r.changes[s] {
			seq++
			changes = append(changes, []byte(s), seq, c.kind, c.id)
		}
	}
	_, err = w.exec("INSERT INTO changes (stream, seq, kind, record_id) VALUES "+rowsOf(len(changes)/4, 4), changes...)
	return err
}

// move adds step to the counters of the streams and gives their new values.
func (r *recording) move(w *worker, streams []string, step int) (map[string]int64, error) {
	names := make([]any, len(streams))
	for i, s := range streams {
		names[i] = []byte(s)
	}
	heads := make(map[string]int64, len(streams))
	read := func(rows *sql.Rows) error {
		var name string
		var seq int64
		err := rows.Scan(&name, &seq)
		heads[name] = seq
		return err
	}
	update, args := "UPDATE streams SET seq = seq + ? WHERE name IN "+listOf(len(streams)), append([]any{step}, names...)
	var err error
	if r.driver == sqlite {
		err = w.query(read, update+" RETURNING name, seq", args...)
	} else if _, err = w.exec(update, args...); err == nil {
		err = w.query(read, "SELECT name, seq FROM streams WHERE name IN "+listOf(len(streams)), names...)
	}
	if err == nil && len(heads) != len(streams) {
		err = errors.New("a stream is missing")
	}
	return heads, err
}
