package store

import "lianqi/models"

type userRow struct {
	ID                 models.ID
	Phone              string
	Name               string
	PasswordHash       string
	MustChangePassword bool
	DepartmentID       *models.ID
	EnterpriseID       *models.ID
	MainLeader         bool
	Language           string
	Active             bool
	Version            int64
	CreatedAt          int64
	UpdatedAt          int64
}

const userColumns = `id, phone, name, password_hash, must_change_password, department_id, enterprise_id, main_leader, language,
	active, version, created_at, updated_at`

func (r userRow) model() models.User {
	return models.User{
		ID: r.ID, Phone: r.Phone, Name: r.Name, PasswordHash: r.PasswordHash, MustChangePassword: r.MustChangePassword,
		DepartmentID: r.DepartmentID, EnterpriseID: r.EnterpriseID, MainLeader: r.MainLeader, Language: r.Language,
		Active: r.Active, Version: r.Version, CreatedAt: instant(r.CreatedAt), UpdatedAt: instant(r.UpdatedAt),
	}
}

// InsertUser stores a new account. Errors: models.ErrPhoneTaken; validation_failed for an unknown department or enterprise.
func (tx *Tx) InsertUser(u models.User) error {
	err := tx.exec("INSERT INTO users ("+userColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		u.ID, u.Phone, u.Name, u.PasswordHash, u.MustChangePassword, u.DepartmentID, u.EnterpriseID, u.MainLeader, u.Language,
		u.Active, u.Version, micros(u.CreatedAt), micros(u.UpdatedAt))
	if err != nil {
		return ifDangling(ifDuplicate(err, models.ErrPhoneTaken), unknownHome(u))
	}
	if err := tx.replaceRoles(u); err != nil {
		return err
	}
	tx.Changed(models.KindUser, u.ID, models.UserStream(u.ID))
	return nil
}

func unknownHome(u models.User) error {
	if u.EnterpriseID != nil {
		return models.Invalid("body.enterprise_id", "unknown_enterprise")
	}
	return models.Invalid("body.department_id", "unknown_department")
}

func (tx *Tx) replaceRoles(u models.User) error {
	if err := tx.exec("DELETE FROM user_roles WHERE user_id = ?", u.ID); err != nil {
		return err
	}
	roles := newInsert("INSERT INTO user_roles (user_id, role) VALUES ", 2)
	for _, r := range u.Roles {
		roles.row(u.ID, r)
	}
	return roles.run(tx)
}

// UpdateUser stores a change of an account whose version was one less. Errors: models.ErrStaleVersion,
// models.ErrPhoneTaken; validation_failed for an unknown department or enterprise.
func (tx *Tx) UpdateUser(u models.User) error {
	err := tx.execOne(models.ErrStaleVersion, `UPDATE users SET phone = ?, name = ?, password_hash = ?, must_change_password = ?, department_id = ?,
		enterprise_id = ?, main_leader = ?, language = ?, active = ?, version = ?, updated_at = ? WHERE id = ? AND version = ?`,
		u.Phone, u.Name, u.PasswordHash, u.MustChangePassword, u.DepartmentID, u.EnterpriseID, u.MainLeader, u.Language,
		u.Active, u.Version, micros(u.UpdatedAt), u.ID, u.Version-1)
	if err != nil {
		return ifDangling(ifDuplicate(err, models.ErrPhoneTaken), unknownHome(u))
	}
	if err := tx.replaceRoles(u); err != nil {
		return err
	}
	tx.Changed(models.KindUser, u.ID, models.UserStream(u.ID))
	return nil
}

// User finds an account by id. Accounts are not records of the zone: services decide who may ask. Errors: models.ErrNotFound.
func (q *Queries) User(id models.ID) (models.User, error) {
	return q.user("id = ?", id)
}

// UserByPhone finds an account by its phone number. Errors: models.ErrNotFound.
func (q *Queries) UserByPhone(phone string) (models.User, error) {
	return q.user("phone = ?", phone)
}

func (q *Queries) user(condition string, arg any) (models.User, error) {
	var row userRow
	if err := q.first(&row, "SELECT "+userColumns+" FROM users WHERE "+condition, arg); err != nil {
		return models.User{}, err
	}
	users, err := q.withRoles([]userRow{row})
	if err != nil {
		return models.User{}, err
	}
	return users[0], nil
}

func (q *Queries) withRoles(rows []userRow) ([]models.User, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	users := make([]models.User, len(rows))
	ids := make([]models.ID, len(rows))
	place := make(map[models.ID]*models.User, len(rows))
	for i, r := range rows {
		users[i], ids[i] = r.model(), r.ID
		place[r.ID] = &users[i]
	}
	var roles []struct {
		UserID models.ID
		Role   models.Role
	}
	if err := q.all(&roles, "SELECT user_id, role FROM user_roles WHERE user_id IN ? ORDER BY user_id, role", ids); err != nil {
		return nil, err
	}
	for _, r := range roles {
		place[r.UserID].Roles = append(place[r.UserID].Roles, r.Role)
	}
	return users, nil
}

// Users lists accounts, the newest first.
func (q *Queries) Users(f models.UserFilter, page models.Page) ([]models.User, *models.Mark, error) {
	var filters []condition
	if f.DepartmentID != nil {
		filters = append(filters, where("department_id = ?", *f.DepartmentID))
	}
	if f.EnterpriseID != nil {
		filters = append(filters, where("enterprise_id = ?", *f.EnterpriseID))
	}
	if f.Role != "" {
		filters = append(filters, where("id IN (SELECT user_id FROM user_roles WHERE role = ?)", f.Role))
	}
	if f.Active != nil {
		filters = append(filters, where("active = ?", *f.Active))
	}
	var rows []userRow
	err := q.list(&rows, listing{table: "users", columns: userColumns, at: "created_at", scope: everyRow, filters: filters, page: page})
	if err != nil {
		return nil, nil, err
	}
	rows, next := cut(rows, page, func(r userRow) models.Mark { return models.Mark{At: r.CreatedAt, ID: r.ID} })
	users, err := q.withRoles(rows)
	return users, next, err
}

// ActiveAdministrators lists the active administrators. In a transaction on a MySQL-compatible server the rows are
// locked, so that two who remove each other cannot both succeed.
func (tx *Tx) ActiveAdministrators() ([]models.ID, error) {
	lock := ""
	if tx.driver == driverMySQL {
		lock = " FOR UPDATE"
	}
	var ids []models.ID
	err := tx.all(&ids, "SELECT u.id FROM users u JOIN user_roles r ON r.user_id = u.id WHERE r.role = ? AND u.active = 1 ORDER BY u.id"+lock, models.RoleAdmin)
	return ids, err
}
