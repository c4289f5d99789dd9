package store

import "lianqi/models"

type campaignRow struct {
	ID        models.ID
	Name      string
	Activity  string
	StartsOn  string
	EndsOn    *string
	Version   int64
	CreatedAt int64
	UpdatedAt int64
}

const campaignColumns = "id, name, activity, starts_on, ends_on, version, created_at, updated_at"

func (r campaignRow) model() models.Campaign {
	return models.Campaign{
		ID: r.ID, Name: r.Name, Activity: r.Activity, StartsOn: r.StartsOn, EndsOn: textOrEmpty(r.EndsOn),
		Version: r.Version, CreatedAt: instant(r.CreatedAt), UpdatedAt: instant(r.UpdatedAt),
	}
}

// InsertCampaign stores a new campaign. Errors: models.ErrNameTaken.
func (tx *Tx) InsertCampaign(c models.Campaign) error {
	err := tx.exec("INSERT INTO campaigns ("+campaignColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		c.ID, c.Name, c.Activity, c.StartsOn, textOrNil(c.EndsOn), c.Version, micros(c.CreatedAt), micros(c.UpdatedAt))
	if err != nil {
		return ifDuplicate(err, models.ErrNameTaken)
	}
	tx.Changed(models.KindCampaign, c.ID)
	return nil
}

// Campaign finds one campaign; campaigns are known to all staff. Errors: models.ErrNotFound.
func (q *Queries) Campaign(id models.ID) (models.Campaign, error) {
	var row campaignRow
	err := q.first(&row, "SELECT "+campaignColumns+" FROM campaigns WHERE id = ?", id)
	return row.model(), err
}

// Campaigns lists campaigns, the newest first.
func (q *Queries) Campaigns(page models.Page) ([]models.Campaign, *models.Mark, error) {
	var rows []campaignRow
	err := q.list(&rows, listing{table: "campaigns", columns: campaignColumns, at: "created_at", scope: everyRow, page: page})
	if err != nil {
		return nil, nil, err
	}
	rows, next := cut(rows, page, func(r campaignRow) models.Mark { return models.Mark{At: r.CreatedAt, ID: r.ID} })
	campaigns := make([]models.Campaign, len(rows))
	for i, r := range rows {
		campaigns[i] = r.model()
	}
	return campaigns, next, nil
}

type assignmentRow struct {
	ID             models.ID
	CampaignID     models.ID
	EnterpriseID   models.ID
	EnterpriseName string
	CadreID        models.ID
	CadreName      string
	StartsAt       int64
	EndsAt         *int64
	Version        int64
	CreatedAt      int64
}

const assignmentSelect = `SELECT a.id, a.campaign_id, a.enterprise_id, e.name AS enterprise_name, a.cadre_id, u.name AS cadre_name,
	a.starts_at, a.ends_at, a.version, a.created_at
	FROM assignments a JOIN enterprises e ON e.id = a.enterprise_id JOIN users u ON u.id = a.cadre_id `

func (r assignmentRow) model() models.Assignment {
	return models.Assignment{
		ID: r.ID, CampaignID: r.CampaignID, EnterpriseID: r.EnterpriseID, EnterpriseName: r.EnterpriseName,
		CadreID: r.CadreID, CadreName: r.CadreName, StartsAt: instant(r.StartsAt), EndsAt: instantOrNil(r.EndsAt),
		Version: r.Version, CreatedAt: instant(r.CreatedAt),
	}
}

func assignmentModels(rows []assignmentRow) []models.Assignment {
	list := make([]models.Assignment, len(rows))
	for i, r := range rows {
		list[i] = r.model()
	}
	return list
}

// announceAssignment tells the cadre, the enterprise, the zone and the cadre's department; to the department it also
// brings the enterprise, which its leaders see from now on.
func (tx *Tx) announceAssignment(a models.Assignment) error {
	streams := []models.Stream{models.UserStream(a.CadreID), models.EnterpriseStream(a.EnterpriseID), models.ZoneStream(a.EnterpriseID)}
	departments, err := tx.departmentOf(a.CadreID)
	if err != nil {
		return err
	}
	tx.Changed(models.KindAssignment, a.ID, append(streams, departments...)...)
	tx.announce(models.KindEnterprise, a.EnterpriseID, departments...)
	return nil
}

func (tx *Tx) departmentOf(user models.ID) ([]models.Stream, error) {
	var ids []models.ID
	if err := tx.all(&ids, "SELECT department_id FROM users WHERE id = ? AND department_id IS NOT NULL", user); err != nil {
		return nil, err
	}
	streams := make([]models.Stream, len(ids))
	for i, id := range ids {
		streams[i] = models.DepartmentStream(id)
	}
	return streams, nil
}

// AnnounceMove tells two departments of the assignments of a cadre who has moved from one to the other.
func (tx *Tx) AnnounceMove(cadre models.ID, departments ...*models.ID) error {
	var streams []models.Stream
	for _, d := range departments {
		if d != nil {
			streams = append(streams, models.DepartmentStream(*d))
		}
	}
	var rows []struct{ ID, EnterpriseID models.ID }
	if err := tx.all(&rows, "SELECT id, enterprise_id FROM assignments WHERE cadre_id = ?", cadre); err != nil {
		return err
	}
	for _, r := range rows {
		tx.announce(models.KindAssignment, r.ID, streams...)
		tx.announce(models.KindEnterprise, r.EnterpriseID, streams...)
	}
	return nil
}

// InsertAssignment stores a new assignment. Errors: models.ErrAlreadyAssigned while the same one lasts.
func (tx *Tx) InsertAssignment(a models.Assignment) error {
	err := tx.exec("INSERT INTO assignments (id, campaign_id, enterprise_id, cadre_id, starts_at, active, version, created_at) VALUES (?, ?, ?, ?, ?, 1, ?, ?)",
		a.ID, a.CampaignID, a.EnterpriseID, a.CadreID, micros(a.StartsAt), a.Version, micros(a.CreatedAt))
	if err != nil {
		return ifDuplicate(err, models.ErrAlreadyAssigned)
	}
	return tx.announceAssignment(a)
}

// EndAssignment stores the end of an assignment whose version was one less. Errors: models.ErrStaleVersion.
func (tx *Tx) EndAssignment(a models.Assignment) error {
	err := tx.execOne(models.ErrStaleVersion, "UPDATE assignments SET ends_at = ?, active = NULL, version = ? WHERE id = ? AND version = ?",
		microsOrNil(a.EndsAt), a.Version, a.ID, a.Version-1)
	if err != nil {
		return err
	}
	return tx.announceAssignment(a)
}

// Assignment finds one assignment. Errors: models.ErrNotFound when it is not in scope.
func (q *Queries) Assignment(scope models.Scope, id models.ID) (models.Assignment, error) {
	list, err := q.AssignmentsByID(scope, []models.ID{id})
	if err == nil && len(list) == 0 {
		err = models.ErrNotFound
	}
	if err != nil {
		return models.Assignment{}, err
	}
	return list[0], nil
}

// AssignmentsByID finds those of the assignments that are in scope, in no particular order.
func (q *Queries) AssignmentsByID(scope models.Scope, ids []models.ID) ([]models.Assignment, error) {
	c := allOf(where("a.id IN ?", ids), anyOf(assignmentScope(scope)))
	var rows []assignmentRow
	err := q.all(&rows, assignmentSelect+"WHERE "+c.sql, c.args...)
	return assignmentModels(rows), err
}

// Assignments lists the assignments of a campaign, the newest first.
func (q *Queries) Assignments(scope models.Scope, campaign models.ID, page models.Page) ([]models.Assignment, *models.Mark, error) {
	conditions := []condition{where("a.campaign_id = ?", campaign), anyOf(assignmentScope(scope))}
	if m := page.After; m != nil {
		conditions = append(conditions, where("a.created_at <= ? AND (a.created_at < ? OR a.id < ?)", m.At, m.At, m.ID))
	}
	c := allOf(conditions...)
	var rows []assignmentRow
	err := q.all(&rows, assignmentSelect+"WHERE "+c.sql+" ORDER BY a.created_at DESC, a.id DESC LIMIT ?", append(c.args, page.Limit+1)...)
	if err != nil {
		return nil, nil, err
	}
	rows, next := cut(rows, page, func(r assignmentRow) models.Mark { return models.Mark{At: r.CreatedAt, ID: r.ID} })
	return assignmentModels(rows), next, nil
}
