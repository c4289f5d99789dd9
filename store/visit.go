package store

import (
	"time"

	"lianqi/models"
)

// visitRow is a visit as it is stored, without its problems.
type visitRow struct {
	ID           models.ID
	EnterpriseID models.ID
	CampaignID   *models.ID
	AuthorID     models.ID
	DepartmentID *models.ID
	StartedAt    int64
	EndedAt      *int64
	Purpose      models.Purpose
	Remark       string
	Participants string
	positionColumns
	Mock        bool
	PhotoIDs    string
	ClockSkewMs int64
	ReceivedAt  int64
	Version     int64
	UpdatedAt   int64
}

const visitColumns = `id, enterprise_id, campaign_id, author_id, department_id, started_at, ended_at, purpose, remark, participants,
	latitude, longitude, accuracy_m, crs, mock, photo_ids, clock_skew_ms, received_at, version, updated_at`

// positionColumns are a position, or null in all of them.
type positionColumns struct {
	Latitude  *float64
	Longitude *float64
	AccuracyM *float64
	CRS       *string
}

func newPositionColumns(p *models.Position) positionColumns {
	if p == nil {
		return positionColumns{}
	}
	return positionColumns{&p.Latitude, &p.Longitude, &p.AccuracyM, &p.CRS}
}

func (c positionColumns) position(mock bool) *models.Position {
	if c.Latitude == nil || c.Longitude == nil || c.AccuracyM == nil || c.CRS == nil {
		return nil
	}
	return &models.Position{Latitude: *c.Latitude, Longitude: *c.Longitude, AccuracyM: *c.AccuracyM, CRS: *c.CRS, Mock: mock}
}

func (r visitRow) model() (models.Visit, error) {
	v := models.Visit{
		ID: r.ID, EnterpriseID: r.EnterpriseID, CampaignID: r.CampaignID, AuthorID: r.AuthorID, DepartmentID: r.DepartmentID,
		StartedAt: instant(r.StartedAt), EndedAt: instantOrNil(r.EndedAt), Purpose: r.Purpose, Remark: r.Remark,
		Position:  r.position(r.Mock),
		ClockSkew: time.Duration(r.ClockSkewMs) * time.Millisecond, ReceivedAt: instant(r.ReceivedAt),
		Version: r.Version, UpdatedAt: instant(r.UpdatedAt),
	}
	if err := fromJSONText(r.Participants, &v.Participants); err != nil {
		return v, err
	}
	return v, fromJSONText(r.PhotoIDs, &v.PhotoIDs)
}

// InsertVisit stores a new visit with its problems. Errors: models.ErrIDConflict when one of the ids is in use.
func (tx *Tx) InsertVisit(v models.Visit) error {
	p := newPositionColumns(v.Position)
	insert := newInsert(`INSERT INTO visits (id, enterprise_id, campaign_id, author_id, department_id, started_at, ended_at, purpose, remark, participants,
		latitude, longitude, accuracy_m, crs, mock, photo_ids, problem_count, has_problems, clock_skew_ms, received_at, version, updated_at) VALUES `, 22)
	insert.row(v.ID, v.EnterpriseID, v.CampaignID, v.AuthorID, v.DepartmentID, micros(v.StartedAt), microsOrNil(v.EndedAt), v.Purpose, v.Remark,
		jsonText(nonNil(v.Participants)), p.Latitude, p.Longitude, p.AccuracyM, p.CRS, v.Position != nil && v.Position.Mock, jsonText(nonNil(v.PhotoIDs)),
		len(v.Problems), len(v.Problems) > 0, v.ClockSkew.Milliseconds(), micros(v.ReceivedAt), v.Version, micros(v.UpdatedAt))
	if err := insert.run(tx); err != nil {
		return ifDuplicate(err, models.ErrIDConflict)
	}
	if err := tx.insertProblems(v.Problems); err != nil {
		return err
	}
	tx.Changed(models.KindVisit, v.ID, visitStreams(v)...)
	for _, p := range v.Problems {
		tx.Changed(models.KindProblem, p.ID, problemStreams(p)...)
		if p.DepartmentID != nil {
			// The department sees the enterprise from now on.
			tx.announce(models.KindEnterprise, v.EnterpriseID, models.DepartmentStream(*p.DepartmentID))
		}
	}
	return nil
}

// UpdateVisit stores an amendment, the version before it in the history. Errors: models.ErrStaleVersion when the
// stored version is not the one before.
func (tx *Tx) UpdateVisit(before, v models.Visit) error {
	p := newPositionColumns(v.Position)
	err := tx.execOne(models.ErrStaleVersion.With(before), `UPDATE visits SET started_at = ?, ended_at = ?, purpose = ?, remark = ?, participants = ?,
		latitude = ?, longitude = ?, accuracy_m = ?, crs = ?, mock = ?, clock_skew_ms = ?, version = ?, updated_at = ? WHERE id = ? AND version = ?`,
		micros(v.StartedAt), microsOrNil(v.EndedAt), v.Purpose, v.Remark, jsonText(nonNil(v.Participants)),
		p.Latitude, p.Longitude, p.AccuracyM, p.CRS, v.Position != nil && v.Position.Mock, v.ClockSkew.Milliseconds(), v.Version, micros(v.UpdatedAt), v.ID, before.Version)
	if err != nil {
		return err
	}
	err = tx.exec("INSERT INTO visit_versions (visit_id, version, actor_id, content, changed_at) VALUES (?, ?, ?, ?, ?)",
		v.ID, before.Version, tx.cause.ActorID, jsonText(before), micros(tx.now))
	if err != nil {
		return err
	}
	if !v.StartedAt.Equal(before.StartedAt) {
		if err := tx.exec("UPDATE problems SET happened_at = ? WHERE visit_id = ?", micros(v.StartedAt), v.ID); err != nil {
			return err
		}
	}
	tx.Changed(models.KindVisit, v.ID, visitStreams(v)...)
	return nil
}

// VisitHistory lists the versions before the current one, oldest first.
func (q *Queries) VisitHistory(id models.ID) ([]models.Visit, error) {
	var contents []string
	if err := q.all(&contents, "SELECT content FROM visit_versions WHERE visit_id = ? ORDER BY version", id); err != nil {
		return nil, err
	}
	history := make([]models.Visit, len(contents))
	for i, c := range contents {
		if err := fromJSONText(c, &history[i]); err != nil {
			return nil, err
		}
	}
	return history, nil
}

// Visit finds one visit with its problems. Errors: models.ErrNotFound when it is not in scope.
func (q *Queries) Visit(scope models.Scope, id models.ID) (models.Visit, error) {
	visits, err := q.VisitsByID(scope, []models.ID{id})
	if err == nil && len(visits) == 0 {
		err = models.ErrNotFound
	}
	if err != nil {
		return models.Visit{}, err
	}
	return visits[0], nil
}

// VisitsByID finds those of the visits that are in scope, in no particular order.
func (q *Queries) VisitsByID(scope models.Scope, ids []models.ID) ([]models.Visit, error) {
	c := allOf(where("id IN ?", ids), anyOf(visitScope(scope)))
	var rows []visitRow
	if err := q.all(&rows, "SELECT "+visitColumns+" FROM visits WHERE "+c.sql, c.args...); err != nil {
		return nil, err
	}
	return q.withProblems(rows)
}

func visitFilterConditions(f models.VisitFilter) []condition {
	var c []condition
	if f.EnterpriseID != nil {
		c = append(c, where("enterprise_id = ?", *f.EnterpriseID))
	}
	if f.AuthorID != nil {
		c = append(c, where("author_id = ?", *f.AuthorID))
	}
	if f.CampaignID != nil {
		c = append(c, where("campaign_id = ?", *f.CampaignID))
	}
	if f.Purpose != "" {
		c = append(c, where("purpose = ?", f.Purpose))
	}
	if f.StartedAfter != nil {
		c = append(c, where("started_at >= ?", micros(*f.StartedAfter)))
	}
	if f.StartedBefore != nil {
		c = append(c, where("started_at < ?", micros(*f.StartedBefore)))
	}
	return c
}

// Visits lists visits with their problems, the last received first.
func (q *Queries) Visits(scope models.Scope, filter models.VisitFilter, page models.Page) ([]models.Visit, *models.Mark, error) {
	var rows []visitRow
	err := q.list(&rows, listing{
		table: "visits", columns: visitColumns, at: "received_at",
		scope: visitScope(scope), filters: visitFilterConditions(filter), page: page,
	})
	if err != nil {
		return nil, nil, err
	}
	rows, next := cut(rows, page, func(r visitRow) models.Mark { return models.Mark{At: r.ReceivedAt, ID: r.ID} })
	visits, err := q.withProblems(rows)
	return visits, next, err
}

// withProblems makes visits of rows and reads the problems of all of them at once.
func (q *Queries) withProblems(rows []visitRow) ([]models.Visit, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	visits := make([]models.Visit, len(rows))
	ids := make([]models.ID, len(rows))
	place := make(map[models.ID]*models.Visit, len(rows))
	for i, r := range rows {
		v, err := r.model()
		if err != nil {
			return nil, err
		}
		visits[i], ids[i] = v, r.ID
		place[r.ID] = &visits[i]
	}
	var problems []problemRow
	if err := q.all(&problems, "SELECT "+problemColumns+" FROM problems WHERE visit_id IN ? ORDER BY visit_id, place", ids); err != nil {
		return nil, err
	}
	for _, p := range problems {
		v := place[*p.VisitID]
		v.Problems = append(v.Problems, p.model())
	}
	return visits, nil
}

func visitStreams(v models.Visit) []models.Stream {
	streams := []models.Stream{models.EnterpriseStream(v.EnterpriseID), models.UserStream(v.AuthorID), models.ZoneStream(v.EnterpriseID)}
	if v.DepartmentID != nil {
		streams = append(streams, models.DepartmentStream(*v.DepartmentID))
	}
	return streams
}

// nonNil makes lists that are stored as [] rather than null.
func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
