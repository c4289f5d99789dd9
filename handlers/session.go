package handlers

import (
	"context"
	"net/http"
	"time"

	"lianqi/api"
	"lianqi/models"
	"lianqi/services"
)

type sessionHandler struct {
	sessions *services.Sessions
	users    *services.Users
}

// mostCredentials is what the body of an operation may weigh that anybody can call.
const mostCredentials = 4 << 10

func registerSessions(a *api.API, h sessionHandler) {
	api.Register(a, api.Op{
		ID: "login", Method: http.MethodPost, Path: "/auth/login", Tag: tagSession, Summary: "Log in with phone number and password",
		Description: "An unknown account answers as a wrong password does. After too many failures the account is locked for the address they came from.",
		Public:      true, Errors: []int{http.StatusUnauthorized}, MaxBody: mostCredentials,
	}, h.login)
	api.Register(a, api.Op{
		ID: "refresh", Method: http.MethodPost, Path: "/auth/refresh", Tag: tagSession, Summary: "Get new tokens for a refresh token",
		Description: "A lost answer does no harm: the same token again gives the same successor, until that has been used. Any older token ends the session and alerts its owner.",
		Public:      true, Errors: []int{http.StatusUnauthorized}, MaxBody: mostCredentials,
	}, h.refresh)
	api.Register(a, api.Op{
		ID: "logout", Method: http.MethodPost, Path: "/auth/logout", Tag: tagSession, Summary: "End the session",
		Needs: models.Roles, BeforePasswordChange: true,
	}, h.logout)
	api.Register(a, api.Op{
		ID: "get-me", Method: http.MethodGet, Path: "/me", Tag: tagSession, Summary: "Read one's own account",
		Needs: models.Roles, BeforePasswordChange: true,
	}, h.me)
	api.Register(a, api.Op{
		ID: "change-me", Method: http.MethodPatch, Path: "/me", Tag: tagSession, Summary: "Change one's own account",
		Needs: models.Roles, BeforePasswordChange: true,
	}, h.changeMe)
	api.Register(a, api.Op{
		ID: "change-password", Method: http.MethodPost, Path: "/me/password", Tag: tagSession, Summary: "Change one's own password",
		Description: "It has at least 10 characters and does not contain the phone number. The other sessions of the account end.",
		Needs:       models.Roles, BeforePasswordChange: true,
	}, h.changePassword)
	api.Register(a, api.Op{
		ID: "list-sessions", Method: http.MethodGet, Path: "/me/sessions", Tag: tagSession, Summary: "List one's own sessions, the newest first",
		Needs: models.Roles,
	}, h.list)
	api.Register(a, api.Op{
		ID: "end-session", Method: http.MethodDelete, Path: "/me/sessions/{id}", Tag: tagSession, Summary: "End one of one's own sessions",
		Needs: models.Roles, Errors: []int{http.StatusNotFound},
	}, h.end)
}

// tokens are what a phone keeps of a session.
type tokens struct {
	AccessToken        string `json:"access_token" doc:"For the header Authorization: Bearer."`
	RefreshToken       string `json:"refresh_token" doc:"Good once, and again as long as its successor has not been used."`
	ExpiresIn          int    `json:"expires_in" doc:"Seconds for which the access token is good."`
	MustChangePassword bool   `json:"must_change_password" doc:"Until the password is changed only /me, the password and logout answer."`
}

type tokensOutput struct{ Body tokens }

func wireTokens(t services.Tokens) *tokensOutput {
	return &tokensOutput{tokens{t.Access, t.Refresh, int(t.ExpiresIn / time.Second), t.MustChangePassword}}
}

type loginInput struct {
	Body struct {
		Phone    string     `json:"phone" pattern:"^1[0-9]{10}$" doc:"A mobile number of mainland China."`
		Password string     `json:"password" minLength:"1" maxLength:"128"`
		DeviceID *models.ID `json:"device_id,omitempty" doc:"The phone that logs in; when the session ends, it is not told any more."`
	}
}

func (h sessionHandler) login(ctx context.Context, in *loginInput) (*tokensOutput, error) {
	t, err := h.sessions.Login(ctx, in.Body.Phone, in.Body.Password, in.Body.DeviceID, api.ClientAddress(ctx))
	if err != nil {
		return nil, err
	}
	return wireTokens(t), nil
}

type refreshInput struct {
	Body struct {
		RefreshToken string `json:"refresh_token" minLength:"1" maxLength:"200"`
	}
}

func (h sessionHandler) refresh(ctx context.Context, in *refreshInput) (*tokensOutput, error) {
	t, err := h.sessions.Refresh(ctx, in.Body.RefreshToken)
	if err != nil {
		return nil, err
	}
	return wireTokens(t), nil
}

func (h sessionHandler) logout(ctx context.Context, _ *struct{}) (*struct{}, error) {
	return nil, h.sessions.Logout(ctx, api.ActorOf(ctx))
}

// ownAccount is an account as its owner sees it, the phone number in full.
type ownAccount struct {
	ID                 models.ID  `json:"id"`
	Name               string     `json:"name"`
	Phone              string     `json:"phone"`
	Roles              []string   `json:"roles" enum:"admin,manager,dispatcher,cadre,window,reviewer,enterprise"`
	DepartmentID       *models.ID `json:"department_id,omitempty"`
	EnterpriseID       *models.ID `json:"enterprise_id,omitempty"`
	Language           string     `json:"language" enum:"zh-CN,en" doc:"What pushes are written in."`
	MustChangePassword bool       `json:"must_change_password"`
	Version            int64      `json:"version"`
}

func wireOwnAccount(u models.User) ownAccount {
	w := ownAccount{
		ID: u.ID, Name: u.Name, Phone: u.Phone, Roles: make([]string, len(u.Roles)), DepartmentID: u.DepartmentID, EnterpriseID: u.EnterpriseID,
		Language: u.Language, MustChangePassword: u.MustChangePassword, Version: u.Version,
	}
	for i, r := range u.Roles {
		w.Roles[i] = string(r)
	}
	return w
}

type ownAccountOutput struct {
	ETag string `header:"ETag"`
	Body ownAccount
}

func (h sessionHandler) me(ctx context.Context, in *struct{ api.IfNoneMatch }) (*ownAccountOutput, error) {
	who := api.ActorOf(ctx)
	u, err := h.users.Get(ctx, who, who.UserID)
	if err != nil {
		return nil, err
	}
	if in.Matches(u.Version) {
		return nil, api.NotModified(u.Version)
	}
	return &ownAccountOutput{api.ETag(u.Version), wireOwnAccount(u)}, nil
}

type changeMeInput struct {
	api.IfMatch
	Body struct {
		Language api.Patch[string] `json:"language,omitzero" enum:"zh-CN,en" doc:"What pushes are written in."`
	}
}

func (h sessionHandler) changeMe(ctx context.Context, in *changeMeInput) (*ownAccountOutput, error) {
	expected, err := in.Version()
	if err != nil {
		return nil, err
	}
	u, err := h.users.SetLanguage(ctx, api.ActorOf(ctx), expected, value(in.Body.Language))
	if err != nil {
		return nil, withCurrent(err, wireOwnAccount)
	}
	return &ownAccountOutput{api.ETag(u.Version), wireOwnAccount(u)}, nil
}

type changePasswordInput struct {
	Body struct {
		CurrentPassword string `json:"current_password" minLength:"1" maxLength:"128"`
		NewPassword     string `json:"new_password" minLength:"1" maxLength:"128"`
	}
}

func (h sessionHandler) changePassword(ctx context.Context, in *changePasswordInput) (*struct{}, error) {
	return nil, h.sessions.ChangePassword(ctx, api.ActorOf(ctx), in.Body.CurrentPassword, in.Body.NewPassword)
}

// session is one login of an account.
type session struct {
	ID        models.ID  `json:"id"`
	DeviceID  *models.ID `json:"device_id,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	UsedAt    time.Time  `json:"used_at" doc:"When it was refreshed last."`
	ExpiresAt time.Time  `json:"expires_at" doc:"When it ends unless it is refreshed."`
	Current   bool       `json:"current" doc:"The session that asks."`
}

type listSessionsOutput struct{ Body api.Page[session] }

func (h sessionHandler) list(ctx context.Context, _ *struct{}) (*listSessionsOutput, error) {
	who := api.ActorOf(ctx)
	sessions, err := h.sessions.List(ctx, who)
	if err != nil {
		return nil, err
	}
	return &listSessionsOutput{listOf(sessions, nil, func(s models.Session) session {
		return session{s.ID, s.DeviceID, s.CreatedAt, s.UsedAt, s.ExpiresAt, s.ID == who.SessionID}
	})}, nil
}

func (h sessionHandler) end(ctx context.Context, in *IDInput) (*struct{}, error) {
	return nil, h.sessions.End(ctx, api.ActorOf(ctx), in.ID, models.EndedByOwner)
}
