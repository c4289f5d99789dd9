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
	enterpriseColumns = "id, credit_code, name, industry, above_scale, address, latitude, longitude, accuracy_m, crs," +
		" resumption_state, resumed_on, version, created_at, updated_at"
)

// rowsOf writes the places of n rows of an INSERT.
func rowsOf(n, columns int) string {
	one := "(?" + strings.Repeat(",?", columns-1) + ")"
	return one + strings.Repeat(","+one, n-1)
}

// listOf writes the places of n values.
func listOf(n int) string { return rowsOf(1, n) }

func newID() string { return uuid.Must(uuid.NewV7()).String() }

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
	r := recording{driver: b.driver, who: c.MustGet(callerKey).(caller), id: c.Param("id"), print: sha256.Sum256(body), s: s}
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
	id     string
	print  [32]byte
	s      submission

	now     int64
	name    string // of the enterprise
	v       visit
	changes map[string][][2]string // by stream: kind and record
}

func (r *recording) run(w *worker) error {
	r.now, r.changes = time.Now().UnixMicro(), map[string][][2]string{}
	steps := []func(*worker) error{r.once, r.place, r.insertVisit, r.insertProblems, r.notify, r.audit, r.number}
	for _, step := range steps {
		if err := step(w); err != nil {
			return err
		}
	}
	return nil
}

func (r *recording) changed(kind, id string, streams ...string) {
	for _, s := range streams {
		r.changes[s] = append(r.changes[s], [2]string{kind, id})
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
		Remark: r.s.Remark, Participants: r.s.Participants, Position: r.s.Position, Problems: make([]problem, len(r.s.Problems)), PhotoIDs: []string{},
		State: "amendable", ReceivedAt: instant(r.now), Version: 1, department: &r.who.department, updatedAt: r.now,
	}
	err := w.query(func(rows *sql.Rows) error {
		var starts int64
		var ends *int64
		return rows.Scan(&v.CampaignID, &starts, &ends)
	}, "SELECT campaign_id, starts_at, ends_at FROM assignments WHERE cadre_id = ? AND enterprise_id = ? ORDER BY starts_at DESC", r.who.id, v.EnterpriseID)
	if err != nil {
		return err
	}
	err = w.query(func(rows *sql.Rows) error {
		var skip [15]any
		for i := range skip {
			skip[i] = new(any)
		}
		skip[2] = &r.name
		return rows.Scan(skip[:]...)
	}, "SELECT "+enterpriseColumns+" FROM enterprises WHERE id IN (?) AND (1 = 1)", v.EnterpriseID)
	if err != nil {
		return err
	}
	routes := map[string]string{}
	err = w.query(func(rows *sql.Rows) error {
		var category, department string
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
	r.changed("visit", v.ID, "e/"+v.EnterpriseID, "u/"+r.who.id, zoneStream(v.EnterpriseID), "d/"+r.who.department)
	return err
}

func zoneStream(enterprise string) string { return "z/" + enterprise[len(enterprise)-1:] }

func (r *recording) insertProblems(w *worker) error {
	v := &r.v
	args := make([]any, 0, 16*len(v.Problems))
	for i, p := range v.Problems {
		args = append(args, p.ID, p.EnterpriseID, v.ID, i, r.who.id, r.who.department, p.Category, p.Urgency, p.Title, p.Description, p.State,
			p.DepartmentID, v.StartedAt.UnixMicro(), r.now, 1, r.now)
		r.changed("problem", p.ID, "e/"+v.EnterpriseID, "u/"+r.who.id, zoneStream(v.EnterpriseID), "d/"+r.who.department)
		if p.DepartmentID != nil {
			r.changed("problem", p.ID, "d/"+*p.DepartmentID)
			r.changed("enterprise", v.EnterpriseID, "d/"+*p.DepartmentID)
		}
	}
	_, err := w.exec("INSERT INTO problems (id, enterprise_id, visit_id, place, reporter_id, reporter_department_id, category, urgency,"+
		" title, description, state, department_id, happened_at, reported_at, version, updated_at) VALUES "+rowsOf(len(v.Problems), 16), args...)
	return err
}

func (r *recording) notify(w *worker) error {
	var users []string
	err := w.query(func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		users = append(users, id)
		return err
	}, "SELECT id FROM users WHERE id IN (SELECT head_id FROM departments WHERE id = ? UNION SELECT user_id FROM user_roles WHERE role = ?)"+
		" AND active = 1 AND id <> ? ORDER BY id", r.who.department, "dispatcher", r.who.id)
	if err != nil {
		return err
	}
	params := jsonText(map[string]string{"enterprise": r.name, "author": r.who.name, "problems": "1", "urgency": r.v.Problems[0].Urgency})
	inbox, ids, list := []any{}, map[string]string{}, make([]any, len(users))
	for i, user := range users {
		id := newID()
		ids[user], list[i] = id, user
		inbox = append(inbox, id, user, "visit_recorded", "visit", r.id, params, r.now)
		r.changed("notification", id, "u/"+user)
	}
	_, err = w.exec("INSERT INTO notifications (id, user_id, kind, subject_type, subject_id, params, created_at) VALUES "+rowsOf(len(users), 7), inbox...)
	if err != nil {
		return err
	}
	var outbox []any
	err = w.query(func(rows *sql.Rows) error {
		var device, user string
		err := rows.Scan(&device, &user)
		outbox = append(outbox, newID(), ids[user], device, "waiting", 0, r.now, r.now)
		return err
	}, "SELECT id, user_id FROM devices WHERE user_id IN "+listOf(len(users)), list...)
	if err != nil || len(outbox) == 0 {
		return err
	}
	_, err = w.exec("INSERT INTO deliveries (id, notification_id, device_id, state, attempts, due_at, created_at) VALUES "+rowsOf(len(outbox)/7, 7), outbox...)
	return err
}

func (r *recording) audit(w *worker) error {
	args := []any{}
	add := func(kind, id string) {
		args = append(args, newID(), r.now, r.who.id, r.who.id, r.id, "record-visit", kind, id)
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
	args := []any{step}
	for _, s := range streams {
		args = append(args, s)
	}
	n, err := w.exec("UPDATE streams SET seq = seq + ? WHERE name IN "+listOf(len(streams)), args...)
	if err != nil {
		return err
	}
	if int(n) != len(streams) {
		return errors.New("a stream is missing")
	}
	heads := map[string]int64{}
	err = w.query(func(rows *sql.Rows) error {
		var name string
		var seq int64
		err := rows.Scan(&name, &seq)
		heads[name] = seq
		return err
	}, "SELECT name, seq FROM streams WHERE name IN "+listOf(len(streams)), args[1:]...)
	if err != nil {
		return err
	}
	changes := []any{}
	for _, s := range streams {
		seq := heads[s] - int64(step)
		for _, c := range r.changes[s] {
			seq++
			changes = append(changes, s, seq, c[0], c[1])
		}
	}
	_, err = w.exec("INSERT INTO changes (stream, seq, kind, record_id) VALUES "+rowsOf(len(changes)/4, 4), changes...)
	return err
}
