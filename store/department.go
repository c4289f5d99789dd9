package store

import "lianqi/models"

type departmentRow struct {
	ID        models.ID
	Name      string
	HeadID    *models.ID
	LeaderID  *models.ID
	Version   int64
	CreatedAt int64
	UpdatedAt int64
}

const departmentColumns = "id, name, head_id, leader_id, version, created_at, updated_at"

func (r departmentRow) model() models.Department {
	return models.Department{
		ID: r.ID, Name: r.Name, HeadID: r.HeadID, LeaderID: r.LeaderID,
		Version: r.Version, CreatedAt: instant(r.CreatedAt), UpdatedAt: instant(r.UpdatedAt),
	}
}

// InsertDepartment stores a new department. Errors: models.ErrNameTaken; validation_failed for an unknown head or leader.
func (tx *Tx) InsertDepartment(d models.Department) error {
	err := tx.exec("INSERT INTO departments ("+departmentColumns+") VALUES (?, ?, ?, ?, ?, ?, ?)",
		d.ID, d.Name, d.HeadID, d.LeaderID, d.Version, micros(d.CreatedAt), micros(d.UpdatedAt))
	if err != nil {
		return departmentError(err)
	}
	tx.Changed(models.KindDepartment, d.ID)
	return nil
}

// UpdateDepartment stores a change of a department whose version was one less. Errors: models.ErrStaleVersion and
// those of InsertDepartment.
func (tx *Tx) UpdateDepartment(d models.Department) error {
	err := tx.execOne(models.ErrStaleVersion, "UPDATE departments SET name = ?, head_id = ?, leader_id = ?, version = ?, updated_at = ? WHERE id = ? AND version = ?",
		d.Name, d.HeadID, d.LeaderID, d.Version, micros(d.UpdatedAt), d.ID, d.Version-1)
	if err != nil {
		return departmentError(err)
	}
	tx.Changed(models.KindDepartment, d.ID)
	return nil
}

func departmentError(err error) error {
	return ifDangling(ifDuplicate(err, models.ErrNameTaken), models.Invalid("body", "unknown_user"))
}

// Department finds one department; departments are known to all staff. Errors: models.ErrNotFound.
func (q *Queries) Department(id models.ID) (models.Department, error) {
	var row departmentRow
	err := q.first(&row, "SELECT "+departmentColumns+" FROM departments WHERE id = ?", id)
	return row.model(), err
}

// Departments lists all departments by name.
func (q *Queries) Departments() ([]models.Department, error) {
	var rows []departmentRow
	if err := q.all(&rows, "SELECT "+departmentColumns+" FROM departments ORDER BY name"); err != nil {
		return nil, err
	}
	list := make([]models.Department, len(rows))
	for i, r := range rows {
		list[i] = r.model()
	}
	return list, nil
}
