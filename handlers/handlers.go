// Package handlers states the operations of the contract: their wire types, who may call them, and how they map to
// the use cases. A handler binds, calls and maps; it knows no rule.
package handlers

import (
	"errors"
	"time"

	"lianqi/api"
	"lianqi/models"
	"lianqi/services"
)

// Register adds every operation to the API.
func Register(a *api.API, s *services.Services, clock func() time.Time) {
	registerSessions(a, sessionHandler{s.Sessions, s.Users})
	registerDevices(a, deviceHandler{s.Notifications})
	registerNotifications(a, notificationHandler{s.Notifications, s.Sessions})
	registerUsers(a, userHandler{s.Users})
	registerDepartments(a, departmentHandler{s.Departments})
	registerEnterprises(a, enterpriseHandler{s.Enterprises})
	registerContactCard(a, enterpriseHandler{s.Enterprises})
	registerCampaigns(a, campaignHandler{s.Campaigns})
	registerVisits(a, visitHandler{s.Visits, clock})
	registerProblems(a, problemHandler{s.Problems})
	registerSync(a, syncHandler{s.Sync, clock})
}

// Tags group the operations in the documentation.
const (
	tagSession     = "session"
	tagPhone       = "phone"
	tagInbox       = "inbox"
	tagStaff       = "staff"
	tagEnterprises = "enterprises"
	tagLiaison     = "liaison"
	tagVisits      = "visits"
	tagProblems    = "problems"
	tagSync        = "offline"
)

// PageInput is embedded in the input of every list. It is exported because the adapter skips embedded types that are not.
type PageInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"How many items one page holds at most."`
	Cursor string `query:"cursor" maxLength:"200" doc:"next_cursor of the page before."`
}

// page reads the cursor. Errors: invalid_cursor.
func (p PageInput) page() (models.Page, error) {
	page := models.Page{Limit: p.Limit}
	if p.Cursor == "" {
		return page, nil
	}
	mark, err := models.ParseMark(p.Cursor)
	page.After = &mark
	return page, err
}

// listOf maps a piece of a list to its wire form.
func listOf[M, W any](items []M, next *models.Mark, wire func(M) W) api.Page[W] {
	list := api.Page[W]{Items: make([]W, len(items))}
	for i, m := range items {
		list.Items[i] = wire(m)
	}
	if next != nil {
		list.NextCursor = next.String()
	}
	return list
}

// IDInput is embedded where the path names a record; exported for the same reason as PageInput.
type IDInput struct {
	ID models.ID `path:"id" doc:"The record's id."`
}

// Action is what the body of every action carries; exported for the same reason as PageInput.
type Action struct {
	OperationID     models.ID `json:"operation_id" doc:"Made by the client, one for each thing it wants done; sending it again changes nothing."`
	ExpectedVersion int64     `json:"expected_version" minimum:"1" doc:"The version that the action is based on."`
}

// Creation is what the body of every creation by POST carries; exported for the same reason.
type Creation struct {
	OperationID models.ID `json:"operation_id" doc:"Made by the client, one for each thing it wants created; sending it again creates nothing."`
}

// submission identifies a request by its id and what it says; nothing secret may be in it.
func submission(id models.ID, request any) services.Submission {
	return services.Submission{OperationID: id, Fingerprint: services.FingerprintOf(request)}
}

// withCurrent replaces the stored record in an error by its wire form.
func withCurrent[M, W any](err error, wire func(M) W) error {
	var e *models.Error
	if errors.As(err, &e) {
		if current, ok := e.Current.(M); ok {
			return e.With(wire(current))
		}
	}
	return err
}

// position is a place on the wire.
type position struct {
	Latitude  float64 `json:"latitude" minimum:"-90" maximum:"90" doc:"Degrees."`
	Longitude float64 `json:"longitude" minimum:"-180" maximum:"180" doc:"Degrees."`
	AccuracyM float64 `json:"accuracy_m" required:"false" minimum:"0" maximum:"100000" doc:"Metres; 0 when unknown."`
	CRS       string  `json:"crs" enum:"gcj02,wgs84" doc:"Phones and Chinese maps give gcj02, GPS gives wgs84."`
	Mock      bool    `json:"mock" required:"false" doc:"The phone says that the position is made up; it is recorded, never refused."`
}

func (p *position) model() *models.Position {
	if p == nil {
		return nil
	}
	return &models.Position{Latitude: p.Latitude, Longitude: p.Longitude, AccuracyM: p.AccuracyM, CRS: p.CRS, Mock: p.Mock}
}

func wirePosition(p *models.Position) *position {
	if p == nil {
		return nil
	}
	return &position{p.Latitude, p.Longitude, p.AccuracyM, p.CRS, p.Mock}
}

// timeOrNil is a time parameter that was given, or nil.
func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// idOrNil is an id parameter that was given, or nil.
func idOrNil(id models.ID) *models.ID {
	if id == (models.ID{}) {
		return nil
	}
	return &id
}
