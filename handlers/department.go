package handlers

import (
	"context"
	"net/http"
	"time"

	"lianqi/api"
	"lianqi/models"
	"lianqi/services"
)

type departmentHandler struct{ departments *services.Departments }

func registerDepartments(a *api.API, h departmentHandler) {
	admin := []models.Role{models.RoleAdmin}
	api.Register(a, api.Op{
		ID: "list-departments", Method: http.MethodGet, Path: "/departments", Tag: tagStaff, Summary: "List all departments, by name",
		Description: "A zone has a few dozen departments: they come on one page.",
		Needs:       models.Staff,
	}, h.list)
	api.Register(a, api.Op{
		ID: "create-department", Method: http.MethodPost, Path: "/departments", Tag: tagStaff, Summary: "Create a department",
		Needs: admin, Status: http.StatusCreated, Errors: []int{http.StatusConflict},
	}, h.create)
	api.Register(a, api.Op{
		ID: "get-department", Method: http.MethodGet, Path: "/departments/{id}", Tag: tagStaff, Summary: "Read a department",
		Needs: models.Staff, Errors: []int{http.StatusNotFound},
	}, h.get)
	api.Register(a, api.Op{
		ID: "change-department", Method: http.MethodPatch, Path: "/departments/{id}", Tag: tagStaff, Summary: "Change a department",
		Needs: admin, Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, h.change)
}

// department is a unit of the zone as the server tells it.
type department struct {
	ID        models.ID  `json:"id"`
	Name      string     `json:"name"`
	HeadID    *models.ID `json:"head_id,omitempty" doc:"Who heads it (负责人)."`
	LeaderID  *models.ID `json:"leader_id,omitempty" doc:"The leader in charge of it (分管领导)."`
	CreatedAt time.Time  `json:"created_at"`
	UpdatedAt time.Time  `json:"updated_at"`
	Version   int64      `json:"version"`
}

func wireDepartment(d models.Department) department {
	return department{d.ID, d.Name, d.HeadID, d.LeaderID, d.CreatedAt, d.UpdatedAt, d.Version}
}

type listDepartmentsOutput struct{ Body api.Page[department] }

func (h departmentHandler) list(ctx context.Context, _ *struct{}) (*listDepartmentsOutput, error) {
	departments, err := h.departments.List(ctx)
	if err != nil {
		return nil, err
	}
	return &listDepartmentsOutput{listOf(departments, nil, wireDepartment)}, nil
}

// newDepartment is a department to be.
type newDepartment struct {
	Creation
	Name     string     `json:"name" minLength:"1" maxLength:"100" pattern:"\\S"`
	HeadID   *models.ID `json:"head_id,omitempty"`
	LeaderID *models.ID `json:"leader_id,omitempty"`
}

type createDepartmentInput struct{ Body newDepartment }

type departmentOutput struct {
	ETag string `header:"ETag"`
	Body department
}

func (h departmentHandler) create(ctx context.Context, in *createDepartmentInput) (*departmentOutput, error) {
	body := in.Body
	return departmentAnswer(h.departments.Create(ctx, submission(body.OperationID, body), models.Department{
		Name: *trimmed(&body.Name), HeadID: body.HeadID, LeaderID: body.LeaderID,
	}))
}

// departmentAnswer answers with a department, or with the error and the department in it.
func departmentAnswer(d models.Department, err error) (*departmentOutput, error) {
	if err != nil {
		return nil, withCurrent(err, wireDepartment)
	}
	return &departmentOutput{api.ETag(d.Version), wireDepartment(d)}, nil
}

type getDepartmentInput struct {
	IDInput
	api.IfNoneMatch
}

func (h departmentHandler) get(ctx context.Context, in *getDepartmentInput) (*departmentOutput, error) {
	d, err := h.departments.Get(ctx, in.ID)
	if err == nil && in.Matches(d.Version) {
		err = api.NotModified(d.Version)
	}
	return departmentAnswer(d, err)
}

// departmentPatch is a change of a department as a JSON merge patch.
type departmentPatch struct {
	Name     api.Patch[string]    `json:"name,omitzero" minLength:"1" maxLength:"100" pattern:"\\S"`
	HeadID   api.Patch[models.ID] `json:"head_id,omitzero" nullable:"true"`
	LeaderID api.Patch[models.ID] `json:"leader_id,omitzero" nullable:"true"`
}

type changeDepartmentInput struct {
	IDInput
	api.IfMatch
	Body departmentPatch
}

func (h departmentHandler) change(ctx context.Context, in *changeDepartmentInput) (*departmentOutput, error) {
	expected, err := in.Version()
	if err != nil {
		return nil, err
	}
	return departmentAnswer(h.departments.Change(ctx, in.ID, expected, services.DepartmentChange{
		Name:   trimmed(value(in.Body.Name)),
		HeadID: value(in.Body.HeadID), ClearHead: in.Body.HeadID.Null,
		LeaderID: value(in.Body.LeaderID), ClearLeader: in.Body.LeaderID.Null,
	}))
}
