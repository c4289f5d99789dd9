package handlers

import (
	"context"
	"net/http"
	"time"

	"lianqi/api"
	"lianqi/models"
	"lianqi/services"
)

type campaignHandler struct{ campaigns *services.Campaigns }

func registerCampaigns(a *api.API, h campaignHandler) {
	admin := []models.Role{models.RoleAdmin}
	api.Register(a, api.Op{
		ID: "list-campaigns", Method: http.MethodGet, Path: "/campaigns", Tag: tagLiaison, Summary: "List liaison campaigns, the newest first",
		Needs: models.Staff,
	}, h.list)
	api.Register(a, api.Op{
		ID: "create-campaign", Method: http.MethodPost, Path: "/campaigns", Tag: tagLiaison, Summary: "Open a liaison campaign",
		Needs: admin, Status: http.StatusCreated, Errors: []int{http.StatusConflict},
	}, h.create)
	api.Register(a, api.Op{
		ID: "get-campaign", Method: http.MethodGet, Path: "/campaigns/{id}", Tag: tagLiaison, Summary: "Read a liaison campaign",
		Needs: models.Staff, Errors: []int{http.StatusNotFound},
	}, h.get)
	api.Register(a, api.Op{
		ID: "list-assignments", Method: http.MethodGet, Path: "/campaigns/{id}/assignments", Tag: tagLiaison,
		Summary: "List who serves which enterprise in a campaign, the newest first",
		Needs:   models.Staff, Errors: []int{http.StatusNotFound},
	}, h.assignments)
	api.Register(a, api.Op{
		ID: "create-assignment", Method: http.MethodPost, Path: "/campaigns/{id}/assignments", Tag: tagLiaison,
		Summary: "Let a cadre serve an enterprise from now on",
		Needs:   admin, Status: http.StatusCreated, Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, h.assign)
	api.Register(a, api.Op{
		ID: "end-assignment", Method: http.MethodPost, Path: "/campaigns/{id}/assignments/{assignment_id}/end", Tag: tagLiaison,
		Summary:     "End an assignment now",
		Description: "The cadre may still record the visits that were made before.",
		Needs:       admin, Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, h.end)
}

// campaign is a round of liaison as the server tells it.
type campaign struct {
	ID        models.ID `json:"id"`
	Name      string    `json:"name"`
	Activity  string    `json:"activity" doc:"What the round is about."`
	StartsOn  string    `json:"starts_on" format:"date"`
	EndsOn    string    `json:"ends_on,omitempty" format:"date" doc:"Missing while its end is open."`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	Version   int64     `json:"version"`
}

func wireCampaign(c models.Campaign) campaign {
	return campaign{c.ID, c.Name, c.Activity, c.StartsOn, c.EndsOn, c.CreatedAt, c.UpdatedAt, c.Version}
}

// assignment says who serves which enterprise, as the server tells it.
type assignment struct {
	ID             models.ID  `json:"id"`
	CampaignID     models.ID  `json:"campaign_id"`
	EnterpriseID   models.ID  `json:"enterprise_id"`
	EnterpriseName string     `json:"enterprise_name"`
	CadreID        models.ID  `json:"cadre_id"`
	CadreName      string     `json:"cadre_name"`
	StartsAt       time.Time  `json:"starts_at"`
	EndsAt         *time.Time `json:"ends_at,omitempty" doc:"Missing while it lasts."`
	Version        int64      `json:"version"`
}

func wireAssignment(a models.Assignment) assignment {
	return assignment{a.ID, a.CampaignID, a.EnterpriseID, a.EnterpriseName, a.CadreID, a.CadreName, a.StartsAt, a.EndsAt, a.Version}
}

type listCampaignsInput struct{ PageInput }

type listCampaignsOutput struct{ Body api.Page[campaign] }

func (h campaignHandler) list(ctx context.Context, in *listCampaignsInput) (*listCampaignsOutput, error) {
	page, err := in.page()
	if err != nil {
		return nil, err
	}
	campaigns, next, err := h.campaigns.List(ctx, page)
	if err != nil {
		return nil, err
	}
	return &listCampaignsOutput{listOf(campaigns, next, wireCampaign)}, nil
}

// newCampaign is a campaign to be.
type newCampaign struct {
	Creation
	Name     string `json:"name" minLength:"1" maxLength:"100" pattern:"\\S"`
	Activity string `json:"activity" required:"false" maxLength:"200"`
	StartsOn string `json:"starts_on" format:"date"`
	EndsOn   string `json:"ends_on,omitempty" format:"date"`
}

type createCampaignInput struct{ Body newCampaign }

type campaignOutput struct {
	ETag string `header:"ETag"`
	Body campaign
}

func (h campaignHandler) create(ctx context.Context, in *createCampaignInput) (*campaignOutput, error) {
	body := in.Body
	return campaignAnswer(h.campaigns.Create(ctx, submission(body.OperationID, body), models.Campaign{
		Name: *trimmed(&body.Name), Activity: *trimmed(&body.Activity), StartsOn: body.StartsOn, EndsOn: body.EndsOn,
	}))
}

func campaignAnswer(c models.Campaign, err error) (*campaignOutput, error) {
	if err != nil {
		return nil, err
	}
	return &campaignOutput{api.ETag(c.Version), wireCampaign(c)}, nil
}

type getCampaignInput struct {
	IDInput
	api.IfNoneMatch
}

func (h campaignHandler) get(ctx context.Context, in *getCampaignInput) (*campaignOutput, error) {
	c, err := h.campaigns.Get(ctx, in.ID)
	if err == nil && in.Matches(c.Version) {
		err = api.NotModified(c.Version)
	}
	return campaignAnswer(c, err)
}

type listAssignmentsInput struct {
	IDInput
	PageInput
}

type listAssignmentsOutput struct{ Body api.Page[assignment] }

func (h campaignHandler) assignments(ctx context.Context, in *listAssignmentsInput) (*listAssignmentsOutput, error) {
	page, err := in.page()
	if err != nil {
		return nil, err
	}
	assignments, next, err := h.campaigns.Assignments(ctx, api.ActorOf(ctx), in.ID, page)
	if err != nil {
		return nil, err
	}
	return &listAssignmentsOutput{listOf(assignments, next, wireAssignment)}, nil
}

// newAssignment is an assignment to be.
type newAssignment struct {
	Creation
	EnterpriseID models.ID `json:"enterprise_id"`
	CadreID      models.ID `json:"cadre_id"`
}

type createAssignmentInput struct {
	IDInput
	Body newAssignment
}

type assignmentOutput struct {
	ETag string `header:"ETag"`
	Body assignment
}

func (h campaignHandler) assign(ctx context.Context, in *createAssignmentInput) (*assignmentOutput, error) {
	body := in.Body
	said := struct {
		Campaign   models.ID
		Assignment newAssignment
	}{in.ID, body}
	return assignmentAnswer(h.campaigns.Assign(ctx, submission(body.OperationID, said), in.ID, body.EnterpriseID, body.CadreID))
}

// assignmentAnswer answers with an assignment, or with the error and the assignment in it.
func assignmentAnswer(a models.Assignment, err error) (*assignmentOutput, error) {
	if err != nil {
		return nil, withCurrent(err, wireAssignment)
	}
	return &assignmentOutput{api.ETag(a.Version), wireAssignment(a)}, nil
}

type endAssignmentInput struct {
	IDInput
	AssignmentID models.ID `path:"assignment_id" doc:"The assignment's id."`
	Body         Action
}

func (h campaignHandler) end(ctx context.Context, in *endAssignmentInput) (*assignmentOutput, error) {
	return assignmentAnswer(h.campaigns.End(ctx, actionOn(in.AssignmentID, in.Body), in.ID, in.AssignmentID, in.Body.ExpectedVersion))
}
