package handlers

import (
	"context"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lianqi/api"
	"lianqi/models"
	"lianqi/services"
)

type userHandler struct{ users *services.Users }

func registerUsers(a *api.API, h userHandler) {
	admin := []models.Role{models.RoleAdmin}
	api.Register(a, api.Op{
		ID: "list-users", Method: http.MethodGet, Path: "/users", Tag: tagStaff, Summary: "List accounts, the newest first",
		Description: "Phone numbers are masked; reading one account shows its number.",
		Needs:       admin,
	}, h.list)
	api.Register(a, api.Op{
		ID: "create-user", Method: http.MethodPost, Path: "/users", Tag: tagStaff, Summary: "Create an account",
		Description: "Its owner has to change the password that is given here before anything else.",
		Needs:       admin, Status: http.StatusCreated, Errors: []int{http.StatusConflict},
	}, h.create)
	api.Register(a, api.Op{
		ID: "get-user", Method: http.MethodGet, Path: "/users/{id}", Tag: tagStaff, Summary: "Read an account",
		Needs: admin, Errors: []int{http.StatusNotFound},
	}, h.get)
	api.Register(a, api.Op{
		ID: "change-user", Method: http.MethodPatch, Path: "/users/{id}", Tag: tagStaff, Summary: "Change an account",
		Needs: admin, Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, h.change)
	api.Register(a, api.Op{
		ID: "reset-password", Method: http.MethodPost, Path: "/users/{id}/reset-password", Tag: tagStaff, Summary: "Give an account a new first password",
		Description: "Ends every session of the account; its owner has to change the password before anything else.",
		Needs:       admin, Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, h.resetPassword)
	api.Register(a, api.Op{
		ID: "deactivate-user", Method: http.MethodPost, Path: "/users/{id}/deactivate", Tag: tagStaff, Summary: "Close an account",
		Description: "Ends every session of the account. What its owner recorded stays.",
		Needs:       admin, Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, h.deactivate)
}

// user is an account as the server tells it.
type user struct {
	ID                 models.ID  `json:"id"`
	Name               string     `json:"name"`
	Phone              string     `json:"phone" doc:"Masked in lists."`
	Roles              []string   `json:"roles" enum:"admin,manager,dispatcher,cadre,window,reviewer,enterprise"`
	DepartmentID       *models.ID `json:"department_id,omitempty"`
	EnterpriseID       *models.ID `json:"enterprise_id,omitempty"`
	MainLeader         bool       `json:"main_leader" doc:"A manager in charge of the whole zone."`
	Language           string     `json:"language" enum:"zh-CN,en" doc:"What pushes are written in."`
	MustChangePassword bool       `json:"must_change_password"`
	Active             bool       `json:"active"`
	CreatedAt          time.Time  `json:"created_at"`
	UpdatedAt          time.Time  `json:"updated_at"`
	Version            int64      `json:"version"`
}

func wireUser(u models.User) user {
	w := user{
		ID: u.ID, Name: u.Name, Phone: u.Phone, Roles: make([]string, len(u.Roles)), DepartmentID: u.DepartmentID, EnterpriseID: u.EnterpriseID,
		MainLeader: u.MainLeader, Language: u.Language, MustChangePassword: u.MustChangePassword, Active: u.Active,
		CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt, Version: u.Version,
	}
	for i, r := range u.Roles {
		w.Roles[i] = string(r)
	}
	return w
}

// wireListedUser is an account in a list, its phone number masked.
func wireListedUser(u models.User) user {
	u.Phone = models.MaskPhone(u.Phone)
	return wireUser(u)
}

func rolesOf(names []string) []models.Role {
	roles := make([]models.Role, len(names))
	for i, name := range names {
		roles[i] = models.Role(name)
	}
	return roles
}

// trimmed is a name or text without the blanks that a keyboard leaves at its ends.
func trimmed(text *string) *string {
	if text != nil {
		t := strings.TrimSpace(*text)
		text = &t
	}
	return text
}

// optional is a query parameter that tells whether it was given, where the zero value is a value like any other.
type optional[T any] struct {
	Value T
	given bool
}

func (optional[T]) Schema(r huma.Registry) *huma.Schema {
	return huma.SchemaFromType(r, reflect.TypeFor[T]())
}

// Receiver is where the adapter puts the value.
func (o *optional[T]) Receiver() reflect.Value { return reflect.ValueOf(o).Elem().Field(0) }

// OnParamSet is told by the adapter whether there was one.
func (o *optional[T]) OnParamSet(given bool, _ any) { o.given = given }

// orNil is the value, or nil when it was not given.
func (o optional[T]) orNil() *T {
	if !o.given {
		return nil
	}
	return &o.Value
}

type listUsersInput struct {
	PageInput
	DepartmentID models.ID      `query:"department_id"`
	EnterpriseID models.ID      `query:"enterprise_id"`
	Role         string         `query:"role" enum:"admin,manager,dispatcher,cadre,window,reviewer,enterprise"`
	Active       optional[bool] `query:"active"`
}

type listUsersOutput struct{ Body api.Page[user] }

func (h userHandler) list(ctx context.Context, in *listUsersInput) (*listUsersOutput, error) {
	page, err := in.page()
	if err != nil {
		return nil, err
	}
	filter := models.UserFilter{
		DepartmentID: idOrNil(in.DepartmentID), EnterpriseID: idOrNil(in.EnterpriseID), Role: models.Role(in.Role), Active: in.Active.orNil(),
	}
	users, next, err := h.users.List(ctx, filter, page)
	if err != nil {
		return nil, err
	}
	return &listUsersOutput{listOf(users, next, wireListedUser)}, nil
}

// newUser is an account to be.
type newUser struct {
	Creation
	Phone        string     `json:"phone" pattern:"^1[0-9]{10}$"`
	Name         string     `json:"name" minLength:"1" maxLength:"100" pattern:"\\S"`
	Roles        []string   `json:"roles" minItems:"1" maxItems:"7" uniqueItems:"true" enum:"admin,manager,dispatcher,cadre,window,reviewer,enterprise" doc:"An enterprise's account has that one role."`
	DepartmentID *models.ID `json:"department_id,omitempty" doc:"Of staff."`
	EnterpriseID *models.ID `json:"enterprise_id,omitempty" doc:"Of an enterprise's account, and required there."`
	MainLeader   bool       `json:"main_leader" required:"false"`
	Language     string     `json:"language" required:"false" enum:"zh-CN,en" default:"zh-CN"`
	Password     string     `json:"password" maxLength:"128" doc:"The first password."`
}

type createUserInput struct{ Body newUser }

type userOutput struct {
	ETag string `header:"ETag"`
	Body user
}

func (h userHandler) create(ctx context.Context, in *createUserInput) (*userOutput, error) {
	body := in.Body
	password := body.Password
	body.Password = "" // no fingerprint is taken of a secret
	u, err := h.users.Create(ctx, submission(body.OperationID, body), models.User{
		Phone: body.Phone, Name: *trimmed(&body.Name), Roles: rolesOf(body.Roles), DepartmentID: body.DepartmentID, EnterpriseID: body.EnterpriseID,
		MainLeader: body.MainLeader, Language: body.Language,
	}, password)
	return userAnswer(u, err)
}

// userAnswer answers with an account, or with the error and the account in it.
func userAnswer(u models.User, err error) (*userOutput, error) {
	if err != nil {
		return nil, withCurrent(err, wireUser)
	}
	return &userOutput{api.ETag(u.Version), wireUser(u)}, nil
}

type getUserInput struct {
	IDInput
	api.IfNoneMatch
}

func (h userHandler) get(ctx context.Context, in *getUserInput) (*userOutput, error) {
	u, err := h.users.Get(ctx, api.ActorOf(ctx), in.ID)
	if err == nil && in.Matches(u.Version) {
		err = api.NotModified(u.Version)
	}
	return userAnswer(u, err)
}

// userPatch is a change of an account as a JSON merge patch.
type userPatch struct {
	Phone        api.Patch[string]    `json:"phone,omitzero" pattern:"^1[0-9]{10}$"`
	Name         api.Patch[string]    `json:"name,omitzero" minLength:"1" maxLength:"100" pattern:"\\S"`
	Roles        api.Patch[[]string]  `json:"roles,omitzero" minItems:"1" maxItems:"7" uniqueItems:"true" enum:"admin,manager,dispatcher,cadre,window,reviewer,enterprise"`
	DepartmentID api.Patch[models.ID] `json:"department_id,omitzero" nullable:"true"`
	MainLeader   api.Patch[bool]      `json:"main_leader,omitzero"`
	Language     api.Patch[string]    `json:"language,omitzero" enum:"zh-CN,en"`
}

type changeUserInput struct {
	IDInput
	api.IfMatch
	Body userPatch
}

func (h userHandler) change(ctx context.Context, in *changeUserInput) (*userOutput, error) {
	expected, err := in.Version()
	if err != nil {
		return nil, err
	}
	change := services.UserChange{
		Phone: value(in.Body.Phone), Name: trimmed(value(in.Body.Name)),
		DepartmentID: value(in.Body.DepartmentID), ClearDepartment: in.Body.DepartmentID.Null,
		MainLeader: value(in.Body.MainLeader), Language: value(in.Body.Language),
	}
	if names := value(in.Body.Roles); names != nil {
		roles := rolesOf(*names)
		change.Roles = &roles
	}
	return userAnswer(h.users.Change(ctx, in.ID, expected, change))
}

type resetPasswordInput struct {
	IDInput
	Body struct {
		Action
		NewPassword string `json:"new_password" maxLength:"128"`
	}
}

func (h userHandler) resetPassword(ctx context.Context, in *resetPasswordInput) (*userOutput, error) {
	return userAnswer(h.users.ResetPassword(ctx, actionOn(in.ID, in.Body.Action), in.ID, in.Body.ExpectedVersion, in.Body.NewPassword))
}

type userActionInput struct {
	IDInput
	Body Action
}

func (h userHandler) deactivate(ctx context.Context, in *userActionInput) (*userOutput, error) {
	return userAnswer(h.users.Deactivate(ctx, actionOn(in.ID, in.Body), in.ID, in.Body.ExpectedVersion))
}

// actionOn is the submission of an action that says nothing but which record and version it is for.
func actionOn(record models.ID, a Action) services.Submission {
	return submission(a.OperationID, struct {
		Record models.ID
		Action Action
	}{record, a})
}
