package services

import (
	"context"
	"errors"

	"lianqi/models"
	"lianqi/store"
)

// Campaigns keeps the rounds of liaison and who serves whom in them.
type Campaigns struct {
	db       *store.DB
	sessions *Sessions
}

// Create makes a campaign. Errors: name_taken, validation_failed, id_conflict.
func (s *Campaigns) Create(ctx context.Context, sub Submission, c models.Campaign) (models.Campaign, error) {
	if c.EndsOn != "" && c.EndsOn < c.StartsOn {
		return c, models.Invalid("body.ends_on", "before_start")
	}
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		id := tx.NewID()
		first, earlier, err := tx.Once(store.Operation{ID: sub.OperationID, Name: "create-campaign", Fingerprint: sub.Fingerprint, Record: id})
		if err != nil {
			return err
		}
		if !first {
			c, err = tx.Campaign(earlier.Record)
			return err
		}
		c.ID, c.Version, c.CreatedAt, c.UpdatedAt = id, 1, tx.Now(), tx.Now()
		return tx.InsertCampaign(c)
	})
	return c, err
}

// Get finds one campaign. Errors: not_found.
func (s *Campaigns) Get(ctx context.Context, id models.ID) (models.Campaign, error) {
	return s.db.Read(ctx).Campaign(id)
}

// List gives campaigns, the newest first.
func (s *Campaigns) List(ctx context.Context, page models.Page) ([]models.Campaign, *models.Mark, error) {
	return s.db.Read(ctx).Campaigns(page)
}

// Assignments gives who serves whom in a campaign, the newest first. Errors: not_found.
func (s *Campaigns) Assignments(ctx context.Context, who models.Actor, campaign models.ID, page models.Page) ([]models.Assignment, *models.Mark, error) {
	q := s.db.Read(ctx)
	if _, err := q.Campaign(campaign); err != nil {
		return nil, nil, err
	}
	return q.Assignments(who.Scope(), campaign, page)
}

// Assign lets a cadre serve an enterprise from now on. Errors: not_found for the campaign, validation_failed for an
// unknown enterprise or somebody who is no active cadre, already_assigned, id_conflict.
func (s *Campaigns) Assign(ctx context.Context, sub Submission, campaign, enterprise, cadre models.ID) (a models.Assignment, err error) {
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		id := tx.NewID()
		first, earlier, err := tx.Once(store.Operation{ID: sub.OperationID, Name: "create-assignment", Fingerprint: sub.Fingerprint, Record: id})
		if err != nil {
			return err
		}
		everything := models.EverythingFor(cadre)
		if !first {
			a, err = tx.Assignment(everything, earlier.Record)
			return err
		}
		if _, err := tx.Campaign(campaign); err != nil {
			return err
		}
		if _, err := tx.Enterprise(everything, enterprise); err != nil {
			return unknown(err, "body.enterprise_id", "unknown_enterprise")
		}
		user, err := tx.User(cadre)
		if err != nil {
			return unknown(err, "body.cadre_id", "unknown_user")
		}
		if !user.Active || !(models.Actor{Roles: user.Roles}).Has(models.RoleCadre) {
			return models.Invalid("body.cadre_id", "not_a_cadre")
		}
		a = models.Assignment{
			ID: id, CampaignID: campaign, EnterpriseID: enterprise, CadreID: cadre,
			StartsAt: tx.Now(), Version: 1, CreatedAt: tx.Now(),
		}
		if err := tx.InsertAssignment(a); err != nil {
			return err
		}
		a, err = tx.Assignment(everything, id)
		return err
	})
	if err == nil {
		s.sessions.actors.forgetUser(cadre)
	}
	return a, err
}

// End ends an assignment whose version is the expected one. Errors: not_found, stale_version, assignment_ended,
// id_conflict.
func (s *Campaigns) End(ctx context.Context, sub Submission, campaign, id models.ID, expected int64) (a models.Assignment, err error) {
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		first, _, err := tx.Once(store.Operation{ID: sub.OperationID, Name: "end-assignment", Fingerprint: sub.Fingerprint, Record: id})
		if err != nil {
			return err
		}
		if !first {
			return tx.Answer(sub.OperationID, &a)
		}
		if a, err = tx.Assignment(models.EverythingFor(id), id); err != nil {
			return err
		}
		if a.CampaignID != campaign {
			return models.ErrNotFound
		}
		if a.Version != expected {
			return models.ErrStaleVersion.With(a)
		}
		if err := a.End(tx.Now()); err != nil {
			return err
		}
		if err := tx.EndAssignment(a); err != nil {
			return err
		}
		return tx.Answered(sub.OperationID, a)
	})
	if err == nil {
		s.sessions.actors.forgetUser(a.CadreID)
	}
	return a, err
}

// unknown turns a reference to something that is not there into an error of the request.
func unknown(err error, location, code string) error {
	if errors.Is(err, models.ErrNotFound) {
		return models.Invalid(location, code)
	}
	return err
}
