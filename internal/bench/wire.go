//go:build linux

package main

import (
	"database/sql"
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// What the bare server reads and answers: the bodies of the product, with plain types.

type position struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	AccuracyM float64 `json:"accuracy_m"`
	CRS       string  `json:"crs"`
	Mock      bool    `json:"mock"`
}

type submission struct {
	EnterpriseID uuid.UUID   `json:"enterprise_id"`
	CampaignID   *uuid.UUID  `json:"campaign_id,omitempty"`
	StartedAt    time.Time   `json:"started_at"`
	EndedAt      *time.Time  `json:"ended_at,omitempty"`
	Purpose      string      `json:"purpose"`
	Remark       string      `json:"remark"`
	Participants []string    `json:"participants"`
	Position     *position   `json:"position,omitempty"`
	Problems     []heard     `json:"problems"`
	PhotoIDs     []uuid.UUID `json:"photo_ids"`
}

type heard struct {
	ID          uuid.UUID `json:"id"`
	Category    string    `json:"category"`
	Urgency     string    `json:"urgency"`
	Title       string    `json:"title"`
	Description string    `json:"description"`
}

type visit struct {
	ID           uuid.UUID   `json:"id"`
	EnterpriseID uuid.UUID   `json:"enterprise_id"`
	CampaignID   *uuid.UUID  `json:"campaign_id,omitempty"`
	AuthorID     uuid.UUID   `json:"author_id"`
	StartedAt    time.Time   `json:"started_at"`
	EndedAt      *time.Time  `json:"ended_at,omitempty"`
	Purpose      string      `json:"purpose"`
	Remark       string      `json:"remark"`
	Participants []string    `json:"participants"`
	Position     *position   `json:"position,omitempty"`
	Problems     []problem   `json:"problems"`
	PhotoIDs     []uuid.UUID `json:"photo_ids"`
	Photos       struct {
		Expected int `json:"expected"`
		Present  int `json:"present"`
	} `json:"photos"`
	State        string    `json:"state"`
	ReceivedAt   time.Time `json:"received_at"`
	ClockSkewMs  int64     `json:"clock_skew_ms"`
	ClockSuspect bool      `json:"clock_suspect"`
	Version      int64     `json:"version"`

	department *uuid.UUID
	updatedAt  int64
}

type problem struct {
	ID             uuid.UUID  `json:"id"`
	EnterpriseID   uuid.UUID  `json:"enterprise_id"`
	VisitID        *uuid.UUID `json:"visit_id,omitempty"`
	Category       string     `json:"category"`
	Urgency        string     `json:"urgency"`
	Title          string     `json:"title"`
	Description    string     `json:"description"`
	State          string     `json:"state"`
	DepartmentID   *uuid.UUID `json:"department_id,omitempty"`
	ReportedAt     time.Time  `json:"reported_at"`
	Overdue        bool       `json:"overdue"`
	Version        int64      `json:"version"`
	AllowedActions []string   `json:"allowed_actions"`

	reporter           uuid.UUID
	reporterDepartment *uuid.UUID
	happenedAt         int64
	updatedAt          int64
}

type page struct {
	Items      []visit `json:"items"`
	NextCursor string  `json:"next_cursor,omitempty"`
}

func instant(us int64) time.Time { return time.UnixMicro(us).UTC() }

// scanVisit reads one row of the product's columns.
func scanVisit(rows *sql.Rows) (v visit, err error) {
	var started, received int64
	var ended *int64
	var latitude, longitude, accuracy *float64
	var crs *string
	var mock bool
	var participants, photos string
	err = rows.Scan(&v.ID, &v.EnterpriseID, &v.CampaignID, &v.AuthorID, &v.department, &started, &ended, &v.Purpose, &v.Remark, &participants,
		&latitude, &longitude, &accuracy, &crs, &mock, &photos, &v.ClockSkewMs, &received, &v.Version, &v.updatedAt)
	if err != nil {
		return v, err
	}
	v.StartedAt, v.ReceivedAt, v.State, v.Problems = instant(started), instant(received), "amendable", []problem{}
	if ended != nil {
		at := instant(*ended)
		v.EndedAt = &at
	}
	if latitude != nil && longitude != nil && accuracy != nil && crs != nil {
		v.Position = &position{*latitude, *longitude, *accuracy, *crs, mock}
	}
	if err := json.Unmarshal([]byte(participants), &v.Participants); err != nil {
		return v, err
	}
	err = json.Unmarshal([]byte(photos), &v.PhotoIDs)
	v.Photos.Expected = len(v.PhotoIDs)
	return v, err
}

// scanProblem reads one row of the product's columns.
func scanProblem(rows *sql.Rows) (p problem, err error) {
	var reported int64
	err = rows.Scan(&p.ID, &p.EnterpriseID, &p.VisitID, &p.reporter, &p.reporterDepartment, &p.Category, &p.Urgency, &p.Title, &p.Description, &p.State,
		&p.DepartmentID, &p.happenedAt, &reported, &p.Version, &p.updatedAt)
	p.ReportedAt, p.AllowedActions = instant(reported), []string{}
	return p, err
}
