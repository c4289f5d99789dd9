package services

import (
	"context"

	"lianqi/models"
	"lianqi/store"
)

// Enterprises keeps the companies of the zone.
type Enterprises struct{ db *store.DB }

// Create makes an enterprise. Errors: credit_code_taken, validation_failed, id_conflict.
func (s *Enterprises) Create(ctx context.Context, sub Submission, e models.Enterprise) (models.Enterprise, error) {
	if err := e.Check(); err != nil {
		return e, err
	}
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		id := tx.NewID()
		first, earlier, err := tx.Once(store.Operation{ID: sub.OperationID, Name: "create-enterprise", Fingerprint: sub.Fingerprint, Record: id})
		if err != nil {
			return err
		}
		if !first {
			e, err = tx.Enterprise(models.EverythingFor(id), earlier.Record)
			return err
		}
		e.ID, e.Version, e.CreatedAt, e.UpdatedAt = id, 1, tx.Now(), tx.Now()
		return tx.InsertEnterprise(e)
	})
	return e, err
}

// EnterpriseChange is a change of an enterprise: members that are nil stay as they are.
type EnterpriseChange struct {
	CreditCode     *string
	Name           *string
	Industry       *string
	AboveScale     *bool
	Address        *string
	Position       *models.Position
	ClearPosition  bool
	Resumption     *models.ResumptionState
	ResumedOn      *string
	ClearResumedOn bool
}

// Change changes an enterprise whose version is the expected one. Errors: not_found, stale_version,
// credit_code_taken, validation_failed.
func (s *Enterprises) Change(ctx context.Context, who models.Actor, id models.ID, expected int64, change EnterpriseChange) (e models.Enterprise, err error) {
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		if e, err = tx.Enterprise(who.Scope(), id); err != nil {
			return err
		}
		if e.Version != expected {
			return models.ErrStaleVersion.With(e)
		}
		set(&e.CreditCode, change.CreditCode)
		set(&e.Name, change.Name)
		set(&e.Industry, change.Industry)
		set(&e.AboveScale, change.AboveScale)
		set(&e.Address, change.Address)
		set(&e.Resumption, change.Resumption)
		set(&e.ResumedOn, change.ResumedOn)
		if change.Position != nil || change.ClearPosition {
			e.Position = change.Position
		}
		if change.ClearResumedOn {
			e.ResumedOn = ""
		}
		if err := e.Check(); err != nil {
			return err
		}
		e.Version, e.UpdatedAt = e.Version+1, tx.Now()
		return tx.UpdateEnterprise(e)
	})
	return e, err
}

// Get finds one enterprise. Errors: not_found.
func (s *Enterprises) Get(ctx context.Context, who models.Actor, id models.ID) (models.Enterprise, error) {
	return s.db.Read(ctx).Enterprise(who.Scope(), id)
}

// List gives enterprises, the newest first.
func (s *Enterprises) List(ctx context.Context, who models.Actor, f models.EnterpriseFilter, page models.Page) ([]models.Enterprise, *models.Mark, error) {
	return s.db.Read(ctx).Enterprises(who.Scope(), f, page)
}

// Contacts gives whom to call at an enterprise, their numbers masked unless the actor has to call, and the enterprise's
// version. Errors: not_found.
func (s *Enterprises) Contacts(ctx context.Context, who models.Actor, id models.ID) ([]models.Contact, int64, error) {
	q := s.db.Read(ctx)
	e, err := q.Enterprise(who.Scope(), id)
	if err != nil {
		return nil, 0, err
	}
	contacts, err := q.Contacts(id)
	if !models.CanCall(who, id) {
		for i := range contacts {
			contacts[i].Phone = models.MaskPhone(contacts[i].Phone)
		}
	}
	return contacts, e.Version, err
}

// ReplaceContacts stores whom to call at an enterprise whose version is the expected one. Errors: not_found,
// forbidden for a cadre of another enterprise, stale_version.
func (s *Enterprises) ReplaceContacts(ctx context.Context, who models.Actor, id models.ID, expected int64, contacts []models.Contact) (e models.Enterprise, err error) {
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		if e, err = tx.Enterprise(who.Scope(), id); err != nil {
			return err
		}
		if !models.CanKeepContacts(who, id) {
			return models.ErrForbidden
		}
		if e.Version != expected {
			return models.ErrStaleVersion.With(e)
		}
		for i := range contacts {
			contacts[i].ID = tx.NewID()
		}
		if err := tx.ReplaceContacts(id, contacts); err != nil {
			return err
		}
		e.Version, e.UpdatedAt = e.Version+1, tx.Now()
		return tx.UpdateEnterprise(e)
	})
	return e, err
}
