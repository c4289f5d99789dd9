package handlers

import (
	"context"
	"net/http"
	"time"

	"lianqi/api"
	"lianqi/models"
	"lianqi/services"
)

type visitHandler struct {
	visits *services.Visits
	now    func() time.Time
}

func registerVisits(a *api.API, h visitHandler) {
	readers := []models.Role{models.RoleAdmin, models.RoleManager, models.RoleDispatcher, models.RoleCadre, models.RoleReviewer, models.RoleWindow}
	api.Register(a, api.Op{
		ID: "record-visit", Method: http.MethodPut, Path: "/visits/{id}", Tag: tagVisits, Summary: "Record a visit, once",
		Description: "Create-once: the same visit sent again answers 200 with the stored record as it is now; another one under the same id answers 409 id_conflict.",
		Needs:       []models.Role{models.RoleCadre}, Status: http.StatusCreated, Also: []int{http.StatusOK},
		Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, h.record)
	api.Register(a, api.Op{
		ID: "list-visits", Method: http.MethodGet, Path: "/visits", Tag: tagVisits, Summary: "List visits, the last received first",
		Needs: readers,
	}, h.list)
	api.Register(a, api.Op{
		ID: "get-visit", Method: http.MethodGet, Path: "/visits/{id}", Tag: tagVisits, Summary: "Read a visit",
		Needs: readers, Errors: []int{http.StatusNotFound},
	}, h.get)
	api.Register(a, api.Op{
		ID: "amend-visit", Method: http.MethodPatch, Path: "/visits/{id}", Tag: tagVisits, Summary: "Amend a visit within 24 hours of its receipt",
		Description: "Only its author may; the version before is kept. Problems and photos are not amended here.",
		Needs:       []models.Role{models.RoleCadre}, Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, h.amend)
}

// visitSubmission is a visit as a phone sends it.
type visitSubmission struct {
	EnterpriseID models.ID        `json:"enterprise_id"`
	CampaignID   *models.ID       `json:"campaign_id,omitempty" doc:"The campaign in which the cadre serves the enterprise, unless given."`
	StartedAt    time.Time        `json:"started_at"`
	EndedAt      *time.Time       `json:"ended_at,omitempty"`
	Purpose      string           `json:"purpose" enum:"routine,resumption,safety,policy,project,other"`
	Remark       string           `json:"remark" required:"false" maxLength:"4000"`
	Participants []string         `json:"participants" required:"false" maxItems:"50" minLength:"1" maxLength:"100" pattern:"\\S" doc:"Whom the cadre met."`
	Position     *position        `json:"position,omitempty"`
	Problems     []visitedProblem `json:"problems" required:"false" maxItems:"20"`
	PhotoIDs     []models.ID      `json:"photo_ids" required:"false" maxItems:"20" uniqueItems:"true" doc:"Photos that will follow."`
}

// visitedProblem is a problem as a cadre heard it.
type visitedProblem struct {
	ID          models.ID `json:"id"`
	Category    string    `json:"category" enum:"finance,power,water,gas,land,labour,logistics,policy,approval,safety,other"`
	Urgency     string    `json:"urgency" required:"false" enum:"normal,urgent,critical" default:"normal"`
	Title       string    `json:"title" minLength:"1" maxLength:"100" pattern:"\\S"`
	Description string    `json:"description" required:"false" maxLength:"4000"`
}

// visit is a visit as the server tells it.
type visit struct {
	ID           models.ID   `json:"id"`
	EnterpriseID models.ID   `json:"enterprise_id"`
	CampaignID   *models.ID  `json:"campaign_id,omitempty"`
	AuthorID     models.ID   `json:"author_id"`
	StartedAt    time.Time   `json:"started_at"`
	EndedAt      *time.Time  `json:"ended_at,omitempty"`
	Purpose      string      `json:"purpose" enum:"routine,resumption,safety,policy,project,other"`
	Remark       string      `json:"remark"`
	Participants []string    `json:"participants"`
	Position     *position   `json:"position,omitempty"`
	Problems     []problem   `json:"problems"`
	PhotoIDs     []models.ID `json:"photo_ids"`
	Photos       photos      `json:"photos"`
	State        string      `json:"state" enum:"amendable,locked"`
	ReceivedAt   time.Time   `json:"received_at" doc:"Limits count from here, however long the phone was without a signal."`
	ClockSkewMs  int64       `json:"clock_skew_ms" doc:"What was added to the phone's times."`
	ClockSuspect bool        `json:"clock_suspect" doc:"The phone's clock was off by more than two minutes."`
	Version      int64       `json:"version"`
}

// photos tells how many photos of a visit are expected and how many have arrived.
type photos struct {
	Expected int `json:"expected"`
	Present  int `json:"present"`
}

func (h visitHandler) wire(v models.Visit) visit { return wireVisit(v, h.now()) }

func wireVisit(v models.Visit, now time.Time) visit {
	w := visit{
		ID: v.ID, EnterpriseID: v.EnterpriseID, CampaignID: v.CampaignID, AuthorID: v.AuthorID, StartedAt: v.StartedAt, EndedAt: v.EndedAt,
		Purpose: string(v.Purpose), Remark: v.Remark, Participants: v.Participants, Position: wirePosition(v.Position),
		Problems: make([]problem, len(v.Problems)), PhotoIDs: v.PhotoIDs, Photos: photos{Expected: len(v.PhotoIDs)},
		State: v.State(now), ReceivedAt: v.ReceivedAt, ClockSkewMs: v.ClockSkew.Milliseconds(), ClockSuspect: v.ClockSuspect(), Version: v.Version,
	}
	for i, p := range v.Problems {
		w.Problems[i] = wireProblem(p)
	}
	return w
}

// model is the submission as a visit, its times in UTC and as exact as they are stored.
func (s visitSubmission) model(id models.ID) models.Visit {
	v := models.Visit{
		ID: id, EnterpriseID: s.EnterpriseID, CampaignID: s.CampaignID, StartedAt: s.StartedAt, EndedAt: s.EndedAt,
		Purpose: models.Purpose(s.Purpose), Remark: s.Remark, Participants: s.Participants, Position: s.Position.model(), PhotoIDs: s.PhotoIDs,
		Problems: make([]models.Problem, len(s.Problems)),
	}
	for i, p := range s.Problems {
		v.Problems[i] = models.Problem{
			ID: p.ID, Category: models.Category(p.Category), Urgency: models.Urgency(p.Urgency), Title: p.Title, Description: p.Description,
		}
	}
	return v
}

// normal is the submission in the one spelling that its fingerprint is taken of: what a phone leaves out is the same
// as what it sends empty.
func (s visitSubmission) normal() visitSubmission {
	s.StartedAt = exact(s.StartedAt)
	s.Participants = append([]string{}, s.Participants...)
	s.Problems = append([]visitedProblem{}, s.Problems...)
	s.PhotoIDs = append([]models.ID{}, s.PhotoIDs...)
	if s.Position != nil {
		// There are two zeros; adding one makes them the same.
		p := *s.Position
		p.Latitude, p.Longitude, p.AccuracyM = p.Latitude+0, p.Longitude+0, p.AccuracyM+0
		s.Position = &p
	}
	if s.EndedAt != nil {
		ended := exact(*s.EndedAt)
		s.EndedAt = &ended
	}
	return s
}

// exact is an instant in UTC, to the microsecond as it is stored.
func exact(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func exactOrNil(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	e := exact(*t)
	return &e
}

type recordVisitInput struct {
	IDInput
	ClientTime time.Time `header:"Client-Time" format:"date-time" timeFormat:"2006-01-02T15:04:05.999999999Z07:00" doc:"The phone's clock when it sent this: times in the body are corrected by the difference."`
	Body       visitSubmission
}

type recordVisitOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   visit
}

func (h visitHandler) record(ctx context.Context, in *recordVisitInput) (*recordVisitOutput, error) {
	body := in.Body.normal()
	v, created, err := h.visits.Record(ctx, api.ActorOf(ctx), submission(in.ID, body), body.model(in.ID), timeOrNil(in.ClientTime))
	if err != nil {
		return nil, withCurrent(err, h.wire)
	}
	w := h.wire(v)
	out := &recordVisitOutput{Status: http.StatusOK, ETag: w.etag(), Body: w}
	if created {
		out.Status = http.StatusCreated
	}
	return out, nil
}

type listVisitsInput struct {
	PageInput
	EnterpriseID  models.ID `query:"enterprise_id"`
	AuthorID      models.ID `query:"author_id"`
	CampaignID    models.ID `query:"campaign_id"`
	Purpose       string    `query:"purpose" enum:"routine,resumption,safety,policy,project,other"`
	StartedAfter  time.Time `query:"started_after" doc:"At this instant or later."`
	StartedBefore time.Time `query:"started_before" doc:"Before this instant."`
}

type listVisitsOutput struct{ Body api.Page[visit] }

func (h visitHandler) list(ctx context.Context, in *listVisitsInput) (*listVisitsOutput, error) {
	page, err := in.page()
	if err != nil {
		return nil, err
	}
	filter := models.VisitFilter{
		EnterpriseID: idOrNil(in.EnterpriseID), AuthorID: idOrNil(in.AuthorID), CampaignID: idOrNil(in.CampaignID),
		Purpose: models.Purpose(in.Purpose), StartedAfter: timeOrNil(in.StartedAfter), StartedBefore: timeOrNil(in.StartedBefore),
	}
	visits, next, err := h.visits.List(ctx, api.ActorOf(ctx), filter, page)
	if err != nil {
		return nil, err
	}
	return &listVisitsOutput{listOf(visits, next, h.wire)}, nil
}

type getVisitInput struct {
	IDInput
	api.IfNoneMatch
}

type visitOutput struct {
	ETag string `header:"ETag"`
	Body visit
}

func (h visitHandler) get(ctx context.Context, in *getVisitInput) (*visitOutput, error) {
	v, err := h.visits.Get(ctx, api.ActorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	w := h.wire(v)
	if in.Has(w.etag()) {
		return nil, api.NotModifiedSince(w.etag())
	}
	return &visitOutput{w.etag(), w}, nil
}

// etag is the version while the visit may change. It locks by the passing of time, without a new version: that is told
// apart.
func (v visit) etag() string {
	if v.State == "amendable" {
		return api.ETag(v.Version)
	}
	return api.ETagIn(v.Version, v.State)
}

// visitPatch is an amendment as a JSON merge patch.
type visitPatch struct {
	StartedAt    api.Patch[time.Time] `json:"started_at,omitzero"`
	EndedAt      api.Patch[time.Time] `json:"ended_at,omitzero" nullable:"true"`
	Purpose      api.Patch[string]    `json:"purpose,omitzero" enum:"routine,resumption,safety,policy,project,other"`
	Remark       api.Patch[string]    `json:"remark,omitzero" maxLength:"4000"`
	Participants api.Patch[[]string]  `json:"participants,omitzero" maxItems:"50" minLength:"1" maxLength:"100" pattern:"\\S"`
	Position     api.Patch[position]  `json:"position,omitzero" nullable:"true"`
}

type amendVisitInput struct {
	IDInput
	api.IfMatch
	ClientTime time.Time `header:"Client-Time" format:"date-time" timeFormat:"2006-01-02T15:04:05.999999999Z07:00" doc:"The phone's clock when it sent this: times in the body are corrected by the difference."`
	Body       visitPatch
}

func (h visitHandler) amend(ctx context.Context, in *amendVisitInput) (*visitOutput, error) {
	expected, err := in.Version()
	if err != nil {
		return nil, err
	}
	change := models.VisitChange{
		StartedAt: exactOrNil(value(in.Body.StartedAt)), EndedAt: exactOrNil(value(in.Body.EndedAt)), ClearEndedAt: in.Body.EndedAt.Null,
		Remark: value(in.Body.Remark), Participants: value(in.Body.Participants),
		Position: value(in.Body.Position).model(), ClearPosition: in.Body.Position.Null,
		PhoneClock: timeOrNil(in.ClientTime),
	}
	if p := value(in.Body.Purpose); p != nil {
		purpose := models.Purpose(*p)
		change.Purpose = &purpose
	}
	v, err := h.visits.Amend(ctx, api.ActorOf(ctx), in.ID, expected, change)
	if err != nil {
		return nil, withCurrent(err, h.wire)
	}
	w := h.wire(v)
	return &visitOutput{w.etag(), w}, nil
}

// value is the value of a patch member, nil when it is absent or null.
func value[T any](p api.Patch[T]) *T {
	if !p.Set || p.Null {
		return nil
	}
	return &p.Value
}
