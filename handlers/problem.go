package handlers

import (
	"context"
	"net/http"
	"time"

	"lianqi/api"
	"lianqi/models"
	"lianqi/services"
)

type problemHandler struct{ problems *services.Problems }

func registerProblems(a *api.API, h problemHandler) {
	readers := []models.Role{
		models.RoleAdmin, models.RoleManager, models.RoleDispatcher, models.RoleCadre, models.RoleReviewer, models.RoleEnterprise,
	}
	api.Register(a, api.Op{
		ID: "list-problems", Method: http.MethodGet, Path: "/problems", Tag: tagProblems, Summary: "List problems, the last reported first",
		Needs: readers,
	}, h.list)
	api.Register(a, api.Op{
		ID: "get-problem", Method: http.MethodGet, Path: "/problems/{id}", Tag: tagProblems, Summary: "Read a problem",
		Needs: readers, Errors: []int{http.StatusNotFound},
	}, h.get)
}

// problem is a problem as the server tells it.
type problem struct {
	ID             models.ID  `json:"id"`
	EnterpriseID   models.ID  `json:"enterprise_id"`
	VisitID        *models.ID `json:"visit_id,omitempty"`
	Category       string     `json:"category" enum:"finance,power,water,gas,land,labour,logistics,policy,approval,safety,other"`
	Urgency        string     `json:"urgency" enum:"normal,urgent,critical"`
	Title          string     `json:"title"`
	Description    string     `json:"description"`
	State          string     `json:"state" enum:"reported"`
	DepartmentID   *models.ID `json:"department_id,omitempty" doc:"Where it was routed; missing while a dispatcher has to decide."`
	OwnerID        *models.ID `json:"owner_id,omitempty"`
	ReportedAt     time.Time  `json:"reported_at"`
	Due            *time.Time `json:"due,omitempty"`
	Overdue        bool       `json:"overdue"`
	Version        int64      `json:"version"`
	AllowedActions []string   `json:"allowed_actions" doc:"What the caller may do with it now."`
}

func wireProblem(p models.Problem) problem {
	return problem{
		ID: p.ID, EnterpriseID: p.EnterpriseID, VisitID: p.VisitID, Category: string(p.Category), Urgency: string(p.Urgency),
		Title: p.Title, Description: p.Description, State: string(p.State), DepartmentID: p.DepartmentID,
		ReportedAt: p.ReportedAt, Version: p.Version, AllowedActions: []string{},
	}
}

type listProblemsInput struct {
	PageInput
	EnterpriseID models.ID `query:"enterprise_id"`
	VisitID      models.ID `query:"visit_id"`
	DepartmentID models.ID `query:"department_id"`
	Category     string    `query:"category" enum:"finance,power,water,gas,land,labour,logistics,policy,approval,safety,other"`
	Urgency      string    `query:"urgency" enum:"normal,urgent,critical"`
	State        string    `query:"state" enum:"reported"`
}

type listProblemsOutput struct{ Body api.Page[problem] }

func (h problemHandler) list(ctx context.Context, in *listProblemsInput) (*listProblemsOutput, error) {
	page, err := in.page()
	if err != nil {
		return nil, err
	}
	filter := models.ProblemFilter{
		EnterpriseID: idOrNil(in.EnterpriseID), VisitID: idOrNil(in.VisitID), DepartmentID: idOrNil(in.DepartmentID),
		Category: models.Category(in.Category), Urgency: models.Urgency(in.Urgency), State: models.ProblemState(in.State),
	}
	problems, next, err := h.problems.List(ctx, api.ActorOf(ctx), filter, page)
	if err != nil {
		return nil, err
	}
	return &listProblemsOutput{listOf(problems, next, wireProblem)}, nil
}

type getProblemInput struct {
	IDInput
	api.IfNoneMatch
}

type problemOutput struct {
	ETag string `header:"ETag"`
	Body problem
}

func (h problemHandler) get(ctx context.Context, in *getProblemInput) (*problemOutput, error) {
	p, err := h.problems.Get(ctx, api.ActorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	if in.Matches(p.Version) {
		return nil, api.NotModified(p.Version)
	}
	return &problemOutput{api.ETag(p.Version), wireProblem(p)}, nil
}
