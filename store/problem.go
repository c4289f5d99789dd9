package store

import "lianqi/models"

type problemRow struct {
	ID                   models.ID
	EnterpriseID         models.ID
	VisitID              *models.ID
	ReporterID           models.ID
	ReporterDepartmentID *models.ID
	Category             models.Category
	Urgency              models.Urgency
	Title                string
	Description          string
	State                models.ProblemState
	DepartmentID         *models.ID
	HappenedAt           int64
	ReportedAt           int64
	Version              int64
	UpdatedAt            int64
}

const problemColumns = `id, enterprise_id, visit_id, reporter_id, reporter_department_id, category, urgency, title, description, state,
	department_id, happened_at, reported_at, version, updated_at`

func (r problemRow) model() models.Problem {
	return models.Problem{
		ID: r.ID, EnterpriseID: r.EnterpriseID, VisitID: r.VisitID, ReporterID: r.ReporterID, ReporterDepartmentID: r.ReporterDepartmentID,
		Category: r.Category, Urgency: r.Urgency, Title: r.Title, Description: r.Description, State: r.State, DepartmentID: r.DepartmentID,
		HappenedAt: instant(r.HappenedAt), ReportedAt: instant(r.ReportedAt), Version: r.Version, UpdatedAt: instant(r.UpdatedAt),
	}
}

func (tx *Tx) insertProblems(problems []models.Problem) error {
	insert := newInsert(`INSERT INTO problems (id, enterprise_id, visit_id, place, reporter_id, reporter_department_id, category, urgency,
		title, description, state, department_id, happened_at, reported_at, version, updated_at) VALUES `, 16)
	for i, p := range problems {
		insert.row(p.ID, p.EnterpriseID, p.VisitID, i, p.ReporterID, p.ReporterDepartmentID, p.Category, p.Urgency,
			p.Title, p.Description, p.State, p.DepartmentID, micros(p.HappenedAt), micros(p.ReportedAt), p.Version, micros(p.UpdatedAt))
	}
	return ifDuplicate(insert.run(tx), models.ErrIDConflict)
}

func problemStreams(p models.Problem) []models.Stream {
	streams := []models.Stream{models.EnterpriseStream(p.EnterpriseID), models.UserStream(p.ReporterID), models.ZoneStream(p.EnterpriseID)}
	if p.ReporterDepartmentID != nil {
		streams = append(streams, models.DepartmentStream(*p.ReporterDepartmentID))
	}
	if p.DepartmentID != nil && (p.ReporterDepartmentID == nil || *p.DepartmentID != *p.ReporterDepartmentID) {
		streams = append(streams, models.DepartmentStream(*p.DepartmentID))
	}
	return streams
}

// Problem finds one problem. Errors: models.ErrNotFound when it is not in scope.
func (q *Queries) Problem(scope models.Scope, id models.ID) (models.Problem, error) {
	problems, err := q.ProblemsByID(scope, []models.ID{id})
	if err == nil && len(problems) == 0 {
		err = models.ErrNotFound
	}
	if err != nil {
		return models.Problem{}, err
	}
	return problems[0], nil
}

// ProblemsByID finds those of the problems that are in scope, in no particular order.
func (q *Queries) ProblemsByID(scope models.Scope, ids []models.ID) ([]models.Problem, error) {
	c := allOf(where("id IN ?", ids), anyOf(problemScope(scope)))
	var rows []problemRow
	err := q.all(&rows, "SELECT "+problemColumns+" FROM problems WHERE "+c.sql, c.args...)
	return problemModels(rows), err
}

func problemFilterConditions(f models.ProblemFilter) []condition {
	var c []condition
	if f.EnterpriseID != nil {
		c = append(c, where("enterprise_id = ?", *f.EnterpriseID))
	}
	if f.VisitID != nil {
		c = append(c, where("visit_id = ?", *f.VisitID))
	}
	if f.DepartmentID != nil {
		c = append(c, where("department_id = ?", *f.DepartmentID))
	}
	if f.Category != "" {
		c = append(c, where("category = ?", f.Category))
	}
	if f.Urgency != "" {
		c = append(c, where("urgency = ?", f.Urgency))
	}
	if f.State != "" {
		c = append(c, where("state = ?", f.State))
	}
	return c
}

// Problems lists problems, the last reported first.
func (q *Queries) Problems(scope models.Scope, filter models.ProblemFilter, page models.Page) ([]models.Problem, *models.Mark, error) {
	var rows []problemRow
	err := q.list(&rows, listing{
		table: "problems", columns: problemColumns, at: "reported_at",
		scope: problemScope(scope), filters: problemFilterConditions(filter), page: page,
	})
	if err != nil {
		return nil, nil, err
	}
	rows, next := cut(rows, page, func(r problemRow) models.Mark { return models.Mark{At: r.ReportedAt, ID: r.ID} })
	return problemModels(rows), next, nil
}

func problemModels(rows []problemRow) []models.Problem {
	problems := make([]models.Problem, len(rows))
	for i, r := range rows {
		problems[i] = r.model()
	}
	return problems
}

// CategoryRoutes is the table by which new problems find their department.
func (q *Queries) CategoryRoutes() ([]models.CategoryRoute, error) {
	var routes []models.CategoryRoute
	err := q.all(&routes, "SELECT category, department_id FROM category_routes ORDER BY category")
	return routes, err
}

// SetCategoryRoute sends new problems of the category to the department.
func (tx *Tx) SetCategoryRoute(r models.CategoryRoute) error {
	if err := tx.exec("DELETE FROM category_routes WHERE category = ?", r.Category); err != nil {
		return err
	}
	return ifDangling(tx.exec("INSERT INTO category_routes (category, department_id) VALUES (?, ?)", r.Category, r.DepartmentID), models.ErrNotFound)
}
