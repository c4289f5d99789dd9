package services

import (
	"context"

	"lianqi/models"
	"lianqi/store"
)

// Departments keeps the units of the zone.
type Departments struct {
	db       *store.DB
	sessions *Sessions
}

// Create makes a department. Errors: name_taken, validation_failed, id_conflict.
func (s *Departments) Create(ctx context.Context, sub Submission, d models.Department) (models.Department, error) {
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		id := tx.NewID()
		first, earlier, err := tx.Once(store.Operation{ID: sub.OperationID, Name: "create-department", Fingerprint: sub.Fingerprint, Record: id})
		if err != nil {
			return err
		}
		if !first {
			d, err = tx.Department(earlier.Record)
			return err
		}
		d.ID, d.Version, d.CreatedAt, d.UpdatedAt = id, 1, tx.Now(), tx.Now()
		return tx.InsertDepartment(d)
	})
	if err == nil {
		s.sessions.actors.forgetAll()
	}
	return d, err
}

// DepartmentChange is a change of a department: members that are nil stay as they are.
type DepartmentChange struct {
	Name        *string
	HeadID      *models.ID
	ClearHead   bool
	LeaderID    *models.ID
	ClearLeader bool
}

// Change changes a department whose version is the expected one. Errors: not_found, stale_version, name_taken,
// validation_failed.
func (s *Departments) Change(ctx context.Context, id models.ID, expected int64, change DepartmentChange) (d models.Department, err error) {
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		if d, err = tx.Department(id); err != nil {
			return err
		}
		if d.Version != expected {
			return models.ErrStaleVersion.With(d)
		}
		set(&d.Name, change.Name)
		if change.HeadID != nil || change.ClearHead {
			d.HeadID = change.HeadID
		}
		if change.LeaderID != nil || change.ClearLeader {
			d.LeaderID = change.LeaderID
		}
		d.Version, d.UpdatedAt = d.Version+1, tx.Now()
		return tx.UpdateDepartment(d)
	})
	if err == nil {
		s.sessions.actors.forgetAll()
	}
	return d, err
}

// Get finds one department. Errors: not_found.
func (s *Departments) Get(ctx context.Context, id models.ID) (models.Department, error) {
	return s.db.Read(ctx).Department(id)
}

// List gives all departments by name.
func (s *Departments) List(ctx context.Context) ([]models.Department, error) {
	return s.db.Read(ctx).Departments()
}
