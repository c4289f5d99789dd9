package store

import "lianqi/models"

type enterpriseRow struct {
	ID         models.ID
	CreditCode string
	Name       string
	Industry   string
	AboveScale bool
	Address    string
	positionColumns
	ResumptionState models.ResumptionState
	ResumedOn       *string
	Version         int64
	CreatedAt       int64
	UpdatedAt       int64
}

const enterpriseColumns = `id, credit_code, name, industry, above_scale, address, latitude, longitude, accuracy_m, crs,
	resumption_state, resumed_on, version, created_at, updated_at`

func (r enterpriseRow) model() models.Enterprise {
	return models.Enterprise{
		ID: r.ID, CreditCode: r.CreditCode, Name: r.Name, Industry: r.Industry, AboveScale: r.AboveScale, Address: r.Address,
		Position: r.position(false), Resumption: r.ResumptionState, ResumedOn: textOrEmpty(r.ResumedOn),
		Version: r.Version, CreatedAt: instant(r.CreatedAt), UpdatedAt: instant(r.UpdatedAt),
	}
}

func enterpriseModels(rows []enterpriseRow) []models.Enterprise {
	list := make([]models.Enterprise, len(rows))
	for i, r := range rows {
		list[i] = r.model()
	}
	return list
}

func enterpriseStreams(id models.ID) []models.Stream {
	return []models.Stream{models.EnterpriseStream(id), models.ZoneStream(id)}
}

// InsertEnterprise stores a new enterprise. Errors: models.ErrCreditCodeTaken.
func (tx *Tx) InsertEnterprise(e models.Enterprise) error {
	p := newPositionColumns(e.Position)
	insert := newInsert(`INSERT INTO enterprises (id, credit_code, name, search_text, industry, above_scale, address, latitude, longitude, accuracy_m, crs,
		resumption_state, resumed_on, version, created_at, updated_at) VALUES `, 16)
	insert.row(e.ID, e.CreditCode, e.Name, models.SearchText(e.Name, e.CreditCode), e.Industry, e.AboveScale, e.Address,
		p.Latitude, p.Longitude, p.AccuracyM, p.CRS, e.Resumption, textOrNil(e.ResumedOn), e.Version, micros(e.CreatedAt), micros(e.UpdatedAt))
	if err := insert.run(tx); err != nil {
		return ifDuplicate(err, models.ErrCreditCodeTaken)
	}
	tx.Changed(models.KindEnterprise, e.ID, enterpriseStreams(e.ID)...)
	return nil
}

// UpdateEnterprise stores a change of an enterprise whose version was one less. Errors: models.ErrStaleVersion,
// models.ErrCreditCodeTaken.
func (tx *Tx) UpdateEnterprise(e models.Enterprise) error {
	p := newPositionColumns(e.Position)
	err := tx.execOne(models.ErrStaleVersion, `UPDATE enterprises SET credit_code = ?, name = ?, search_text = ?, industry = ?, above_scale = ?, address = ?,
		latitude = ?, longitude = ?, accuracy_m = ?, crs = ?, resumption_state = ?, resumed_on = ?, version = ?, updated_at = ? WHERE id = ? AND version = ?`,
		e.CreditCode, e.Name, models.SearchText(e.Name, e.CreditCode), e.Industry, e.AboveScale, e.Address,
		p.Latitude, p.Longitude, p.AccuracyM, p.CRS, e.Resumption, textOrNil(e.ResumedOn), e.Version, micros(e.UpdatedAt), e.ID, e.Version-1)
	if err != nil {
		return ifDuplicate(err, models.ErrCreditCodeTaken)
	}
	departments, err := tx.departmentsAround(e.ID)
	if err != nil {
		return err
	}
	tx.Changed(models.KindEnterprise, e.ID, append(enterpriseStreams(e.ID), departments...)...)
	return nil
}

// departmentsAround are the streams of the departments that see the enterprise: a problem of it was routed to them, or
// one of their cadres serves or served it.
func (tx *Tx) departmentsAround(enterprise models.ID) ([]models.Stream, error) {
	var ids []models.ID
	err := tx.all(&ids, `SELECT department_id FROM problems WHERE enterprise_id = ? AND department_id IS NOT NULL
		UNION SELECT u.department_id FROM assignments a JOIN users u ON u.id = a.cadre_id WHERE a.enterprise_id = ? AND u.department_id IS NOT NULL`,
		enterprise, enterprise)
	streams := make([]models.Stream, len(ids))
	for i, id := range ids {
		streams[i] = models.DepartmentStream(id)
	}
	return streams, err
}

// Enterprise finds one enterprise. Errors: models.ErrNotFound when it is not in scope.
func (q *Queries) Enterprise(scope models.Scope, id models.ID) (models.Enterprise, error) {
	list, err := q.EnterprisesByID(scope, []models.ID{id})
	if err == nil && len(list) == 0 {
		err = models.ErrNotFound
	}
	if err != nil {
		return models.Enterprise{}, err
	}
	return list[0], nil
}

// EnterprisesByID finds those of the enterprises that are in scope, in no particular order.
func (q *Queries) EnterprisesByID(scope models.Scope, ids []models.ID) ([]models.Enterprise, error) {
	c := allOf(where("id IN ?", ids), anyOf(enterpriseScope(scope)))
	var rows []enterpriseRow
	err := q.all(&rows, "SELECT "+enterpriseColumns+" FROM enterprises WHERE "+c.sql, c.args...)
	return enterpriseModels(rows), err
}

// Enterprises lists enterprises, the newest first.
func (q *Queries) Enterprises(scope models.Scope, f models.EnterpriseFilter, page models.Page) ([]models.Enterprise, *models.Mark, error) {
	filters := []condition{}
	if f.Search != "" {
		filters = append(filters, where("search_text LIKE ? ESCAPE '!'", likePattern(models.SearchText(f.Search))))
	}
	if f.Industry != "" {
		filters = append(filters, where("industry = ?", f.Industry))
	}
	if f.AboveScale != nil {
		filters = append(filters, where("above_scale = ?", *f.AboveScale))
	}
	if f.Resumption != "" {
		filters = append(filters, where("resumption_state = ?", f.Resumption))
	}
	var rows []enterpriseRow
	err := q.list(&rows, listing{
		table: "enterprises", columns: enterpriseColumns, at: "created_at",
		scope: []condition{anyOf(enterpriseScope(scope))}, filters: filters, page: page,
	})
	if err != nil {
		return nil, nil, err
	}
	rows, next := cut(rows, page, func(r enterpriseRow) models.Mark { return models.Mark{At: r.CreatedAt, ID: r.ID} })
	return enterpriseModels(rows), next, nil
}

// Contacts lists whom to call at an enterprise, in their order.
func (q *Queries) Contacts(enterprise models.ID) ([]models.Contact, error) {
	var contacts []models.Contact
	err := q.all(&contacts, "SELECT id, name, phone, title FROM contacts WHERE enterprise_id = ? ORDER BY place", enterprise)
	return contacts, err
}

// ReplaceContacts stores the enterprise's contacts in the order given.
func (tx *Tx) ReplaceContacts(enterprise models.ID, contacts []models.Contact) error {
	if err := tx.exec("DELETE FROM contacts WHERE enterprise_id = ?", enterprise); err != nil {
		return err
	}
	insert := newInsert("INSERT INTO contacts (id, enterprise_id, place, name, phone, title) VALUES ", 6)
	for i, c := range contacts {
		insert.row(c.ID, enterprise, i, c.Name, c.Phone, c.Title)
	}
	return ifDuplicate(insert.run(tx), models.ErrIDConflict)
}

// Services lists when the cadre served the enterprise, the latest first.
func (q *Queries) Services(cadre, enterprise models.ID) ([]Service, error) {
	var rows []struct {
		CampaignID     models.ID
		StartsAt       int64
		EndsAt         *int64
		EnterpriseName string
	}
	err := q.all(&rows, `SELECT a.campaign_id, a.starts_at, a.ends_at, e.name AS enterprise_name FROM assignments a
		JOIN enterprises e ON e.id = a.enterprise_id WHERE a.cadre_id = ? AND a.enterprise_id = ? ORDER BY a.starts_at DESC`, cadre, enterprise)
	services := make([]Service, len(rows))
	for i, r := range rows {
		tenure := models.Tenure{EnterpriseID: enterprise, From: instant(r.StartsAt), Until: instantOrNil(r.EndsAt)}
		services[i] = Service{CampaignID: r.CampaignID, EnterpriseName: r.EnterpriseName, Tenure: tenure}
	}
	return services, err
}

// Service is a tenure, with the campaign it belongs to and the name of the enterprise.
type Service struct {
	CampaignID     models.ID
	EnterpriseName string
	models.Tenure
}
