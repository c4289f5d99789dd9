package handlers

import (
	"context"
	"net/http"
	"time"

	"lianqi/api"
	"lianqi/models"
	"lianqi/services"
)

type enterpriseHandler struct{ enterprises *services.Enterprises }

func registerEnterprises(a *api.API, h enterpriseHandler) {
	admin := []models.Role{models.RoleAdmin}
	api.Register(a, api.Op{
		ID: "list-enterprises", Method: http.MethodGet, Path: "/enterprises", Tag: tagEnterprises, Summary: "List enterprises, the newest first",
		Needs: models.Roles,
	}, h.list)
	api.Register(a, api.Op{
		ID: "create-enterprise", Method: http.MethodPost, Path: "/enterprises", Tag: tagEnterprises, Summary: "Enter an enterprise",
		Needs: admin, Status: http.StatusCreated, Errors: []int{http.StatusConflict},
	}, h.create)
	api.Register(a, api.Op{
		ID: "get-enterprise", Method: http.MethodGet, Path: "/enterprises/{id}", Tag: tagEnterprises, Summary: "Read an enterprise",
		Needs: models.Roles, Errors: []int{http.StatusNotFound},
	}, h.get)
	api.Register(a, api.Op{
		ID: "change-enterprise", Method: http.MethodPatch, Path: "/enterprises/{id}", Tag: tagEnterprises, Summary: "Change an enterprise",
		Needs: admin, Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, h.change)
	api.Register(a, api.Op{
		ID: "list-contacts", Method: http.MethodGet, Path: "/enterprises/{id}/contacts", Tag: tagEnterprises, Summary: "List whom to call at an enterprise",
		Description: "In the order in which they were stored. Phone numbers are masked except to those who have to call: the cadre who serves the enterprise now, dispatchers, administrators and the enterprise itself. The ETag is the enterprise's.",
		Needs:       models.Roles, Errors: []int{http.StatusNotFound},
	}, h.contacts)
	api.Register(a, api.Op{
		ID: "replace-contacts", Method: http.MethodPut, Path: "/enterprises/{id}/contacts", Tag: tagEnterprises, Summary: "Replace whom to call at an enterprise",
		Description: "For administrators and the cadre who serves the enterprise now. If-Match is the enterprise's ETag, which the change moves on.",
		Needs:       []models.Role{models.RoleAdmin, models.RoleCadre}, Errors: []int{http.StatusNotFound},
	}, h.replaceContacts)
}

// enterprise is a company of the zone as the server tells it.
type enterprise struct {
	ID         models.ID `json:"id"`
	CreditCode string    `json:"credit_code" doc:"Unified social credit code (统一社会信用代码)."`
	Name       string    `json:"name"`
	Industry   string    `json:"industry"`
	AboveScale bool      `json:"above_scale" doc:"Above the designated size (规模以上)."`
	Address    string    `json:"address"`
	Position   *site     `json:"position,omitempty"`
	Resumption string    `json:"resumption" enum:"not_applicable,stopped,partial,resumed" doc:"How far it is on the way back to work (复工复产)."`
	ResumedOn  string    `json:"resumed_on,omitempty" format:"date"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
	Version    int64     `json:"version"`
}

func wireEnterprise(e models.Enterprise) enterprise {
	return enterprise{
		ID: e.ID, CreditCode: e.CreditCode, Name: e.Name, Industry: e.Industry, AboveScale: e.AboveScale, Address: e.Address,
		Position: wireSite(e.Position), Resumption: string(e.Resumption), ResumedOn: e.ResumedOn,
		CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt, Version: e.Version,
	}
}

// site is where an enterprise stands: a position that no phone has measured.
type site struct {
	Latitude  float64 `json:"latitude" minimum:"-90" maximum:"90" doc:"Degrees."`
	Longitude float64 `json:"longitude" minimum:"-180" maximum:"180" doc:"Degrees."`
	AccuracyM float64 `json:"accuracy_m" required:"false" minimum:"0" maximum:"100000" doc:"Metres; 0 when unknown."`
	CRS       string  `json:"crs" enum:"gcj02,wgs84" doc:"Phones and Chinese maps give gcj02, GPS gives wgs84."`
}

func (s *site) model() *models.Position {
	if s == nil {
		return nil
	}
	return &models.Position{Latitude: s.Latitude, Longitude: s.Longitude, AccuracyM: s.AccuracyM, CRS: s.CRS}
}

func wireSite(p *models.Position) *site {
	if p == nil {
		return nil
	}
	return &site{p.Latitude, p.Longitude, p.AccuracyM, p.CRS}
}

type listEnterprisesInput struct {
	PageInput
	Search     string         `query:"search" maxLength:"100" doc:"Part of the name or of the credit code, in any case and width."`
	Industry   string         `query:"industry" maxLength:"100"`
	AboveScale optional[bool] `query:"above_scale"`
	Resumption string         `query:"resumption" enum:"not_applicable,stopped,partial,resumed"`
}

type listEnterprisesOutput struct{ Body api.Page[enterprise] }

func (h enterpriseHandler) list(ctx context.Context, in *listEnterprisesInput) (*listEnterprisesOutput, error) {
	page, err := in.page()
	if err != nil {
		return nil, err
	}
	filter := models.EnterpriseFilter{
		Search: *trimmed(&in.Search), Industry: in.Industry, AboveScale: in.AboveScale.orNil(), Resumption: models.ResumptionState(in.Resumption),
	}
	enterprises, next, err := h.enterprises.List(ctx, api.ActorOf(ctx), filter, page)
	if err != nil {
		return nil, err
	}
	return &listEnterprisesOutput{listOf(enterprises, next, wireEnterprise)}, nil
}

// newEnterprise is an enterprise to be.
type newEnterprise struct {
	Creation
	CreditCode string `json:"credit_code" maxLength:"40" doc:"Unified social credit code; case, width and blanks around it do not matter."`
	Name       string `json:"name" minLength:"1" maxLength:"100" pattern:"\\S"`
	Industry   string `json:"industry" required:"false" maxLength:"100"`
	AboveScale bool   `json:"above_scale" required:"false"`
	Address    string `json:"address" required:"false" maxLength:"200"`
	Position   *site  `json:"position,omitempty"`
	Resumption string `json:"resumption" required:"false" enum:"not_applicable,stopped,partial,resumed" default:"not_applicable"`
	ResumedOn  string `json:"resumed_on,omitempty" format:"date" doc:"Only of an enterprise that has resumed."`
}

type createEnterpriseInput struct{ Body newEnterprise }

type enterpriseOutput struct {
	ETag string `header:"ETag"`
	Body enterprise
}

func (h enterpriseHandler) create(ctx context.Context, in *createEnterpriseInput) (*enterpriseOutput, error) {
	body := in.Body
	return enterpriseAnswer(h.enterprises.Create(ctx, submission(body.OperationID, body), models.Enterprise{
		CreditCode: models.NormalCreditCode(body.CreditCode), Name: *trimmed(&body.Name), Industry: *trimmed(&body.Industry),
		AboveScale: body.AboveScale, Address: *trimmed(&body.Address), Position: body.Position.model(),
		Resumption: models.ResumptionState(body.Resumption), ResumedOn: body.ResumedOn,
	}))
}

// enterpriseAnswer answers with an enterprise, or with the error and the enterprise in it.
func enterpriseAnswer(e models.Enterprise, err error) (*enterpriseOutput, error) {
	if err != nil {
		return nil, withCurrent(err, wireEnterprise)
	}
	return &enterpriseOutput{api.ETag(e.Version), wireEnterprise(e)}, nil
}

type getEnterpriseInput struct {
	IDInput
	api.IfNoneMatch
}

func (h enterpriseHandler) get(ctx context.Context, in *getEnterpriseInput) (*enterpriseOutput, error) {
	e, err := h.enterprises.Get(ctx, api.ActorOf(ctx), in.ID)
	if err == nil && in.Matches(e.Version) {
		err = api.NotModified(e.Version)
	}
	return enterpriseAnswer(e, err)
}

// enterprisePatch is a change of an enterprise as a JSON merge patch.
type enterprisePatch struct {
	CreditCode api.Patch[string] `json:"credit_code,omitzero" maxLength:"40"`
	Name       api.Patch[string] `json:"name,omitzero" minLength:"1" maxLength:"100" pattern:"\\S"`
	Industry   api.Patch[string] `json:"industry,omitzero" maxLength:"100"`
	AboveScale api.Patch[bool]   `json:"above_scale,omitzero"`
	Address    api.Patch[string] `json:"address,omitzero" maxLength:"200"`
	Position   api.Patch[site]   `json:"position,omitzero" nullable:"true"`
	Resumption api.Patch[string] `json:"resumption,omitzero" enum:"not_applicable,stopped,partial,resumed"`
	ResumedOn  api.Patch[string] `json:"resumed_on,omitzero" format:"date" nullable:"true"`
}

type changeEnterpriseInput struct {
	IDInput
	api.IfMatch
	Body enterprisePatch
}

func (h enterpriseHandler) change(ctx context.Context, in *changeEnterpriseInput) (*enterpriseOutput, error) {
	expected, err := in.Version()
	if err != nil {
		return nil, err
	}
	change := services.EnterpriseChange{
		Name: trimmed(value(in.Body.Name)), Industry: trimmed(value(in.Body.Industry)), AboveScale: value(in.Body.AboveScale),
		Address: trimmed(value(in.Body.Address)), Position: value(in.Body.Position).model(), ClearPosition: in.Body.Position.Null,
		ResumedOn: value(in.Body.ResumedOn), ClearResumedOn: in.Body.ResumedOn.Null,
	}
	if code := value(in.Body.CreditCode); code != nil {
		normal := models.NormalCreditCode(*code)
		change.CreditCode = &normal
	}
	if state := value(in.Body.Resumption); state != nil {
		resumption := models.ResumptionState(*state)
		change.Resumption = &resumption
	}
	return enterpriseAnswer(h.enterprises.Change(ctx, api.ActorOf(ctx), in.ID, expected, change))
}

// contact is somebody to call at an enterprise.
type contact struct {
	Name  string `json:"name" minLength:"1" maxLength:"100" pattern:"\\S"`
	Phone string `json:"phone" pattern:"^[0-9+() -]{5,20}$" doc:"A mobile or office number."`
	Title string `json:"title" required:"false" maxLength:"100" doc:"Their post at the enterprise."`
}

// listedContact is a contact as the server tells it, when its phone number may be masked.
type listedContact struct {
	Name  string `json:"name"`
	Phone string `json:"phone" doc:"Masked unless the caller has to call."`
	Title string `json:"title"`
}

func wireContact(c models.Contact) listedContact { return listedContact{c.Name, c.Phone, c.Title} }

type contactsInput struct{ IDInput }

type contactsOutput struct {
	ETag string `header:"ETag"`
	Body api.Page[listedContact]
}

// contacts answers no 304: what the caller sees of a phone number can change while the enterprise does not.
func (h enterpriseHandler) contacts(ctx context.Context, in *contactsInput) (*contactsOutput, error) {
	contacts, version, err := h.enterprises.Contacts(ctx, api.ActorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &contactsOutput{api.ETag(version), listOf(contacts, nil, wireContact)}, nil
}

type replaceContactsInput struct {
	IDInput
	api.IfMatch
	Body struct {
		Items []contact `json:"items" maxItems:"20" doc:"In the order in which they are to be called."`
	}
}

func (h enterpriseHandler) replaceContacts(ctx context.Context, in *replaceContactsInput) (*contactsOutput, error) {
	expected, err := in.Version()
	if err != nil {
		return nil, err
	}
	contacts := make([]models.Contact, len(in.Body.Items))
	for i, c := range in.Body.Items {
		contacts[i] = models.Contact{Name: *trimmed(&c.Name), Phone: *trimmed(&c.Phone), Title: *trimmed(&c.Title)}
	}
	e, err := h.enterprises.ReplaceContacts(ctx, api.ActorOf(ctx), in.ID, expected, contacts)
	if err != nil {
		return nil, withCurrent(err, wireEnterprise)
	}
	return &contactsOutput{api.ETag(e.Version), listOf(contacts, nil, wireContact)}, nil
}
