package services

import (
	"context"
	"errors"
	"slices"
	"time"

	"lianqi/models"
	"lianqi/store"
)

// Visits keeps what cadres found at enterprises.
type Visits struct{ db *store.DB }

// Record stores a visit that was made on a phone, once, however often it is sent: the first time created is true, then
// the stored record is answered as it is now. phoneClock is the phone's time at sending, nil when it did not say.
//
// Errors: not_found when the enterprise is outside the actor's scope; id_conflict when the id carries another
// submission; validation_failed for impossible times or an unknown campaign.
func (s *Visits) Record(ctx context.Context, who models.Actor, sub Submission, in models.Visit, phoneClock *time.Time) (v models.Visit, created bool, err error) {
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		created = false
		first, _, err := tx.Once(store.Operation{ID: sub.OperationID, Name: "record-visit", Fingerprint: sub.Fingerprint, Record: in.ID})
		if err == nil && !first {
			v, err = tx.Visit(who.Scope(), in.ID)
			return err
		}
		if err != nil {
			return s.withCurrent(tx, who, in.ID, err)
		}
		v = copyOf(in)
		if err := v.Receive(who, phoneClock, tx.Now()); err != nil {
			return err
		}
		enterprise, err := s.admit(tx, who, &v)
		if err != nil {
			return err
		}
		if len(v.Problems) > 0 {
			routes, err := tx.CategoryRoutes()
			if err != nil {
				return err
			}
			v.Route(routes)
		}
		if err := tx.InsertVisit(v); err != nil {
			return err
		}
		created = true
		return tx.Notify(models.VisitRecorded(v, who, enterprise))
	})
	return v, created, err
}

// admit checks that the cadre may visit the enterprise, files the visit under the campaign in which they serve it, and
// gives the enterprise's name.
func (s *Visits) admit(tx *store.Tx, who models.Actor, v *models.Visit) (enterprise string, err error) {
	services, tenures, err := served(tx, who, v.EnterpriseID)
	if err != nil {
		return "", err
	}
	if !models.CanVisit(who, tenures, v.StartedAt) {
		return "", models.ErrNotFound
	}
	if v.CampaignID == nil {
		for i := range services {
			if models.CanVisit(who, tenures[i:i+1], v.StartedAt) {
				v.CampaignID = &services[i].CampaignID
				break
			}
		}
	} else if !slices.ContainsFunc(services, func(t store.Service) bool { return t.CampaignID == *v.CampaignID }) {
		return "", models.ErrUnknownCampaign
	}
	return services[0].EnterpriseName, nil
}

// served lists when the actor served the enterprise, with and without the campaigns.
func served(tx *store.Tx, who models.Actor, enterprise models.ID) ([]store.Service, []models.Tenure, error) {
	services, err := tx.Services(who.UserID, enterprise)
	tenures := make([]models.Tenure, len(services))
	for i, t := range services {
		tenures[i] = t.Tenure
	}
	return services, tenures, err
}

// withCurrent adds to a conflict the record that is there, if the actor may see it.
func (s *Visits) withCurrent(tx *store.Tx, who models.Actor, id models.ID, conflict error) error {
	var e *models.Error
	if !errors.As(conflict, &e) || e.Code != models.ErrIDConflict.Code {
		return conflict
	}
	v, err := tx.Visit(who.Scope(), id)
	if errors.Is(err, models.ErrNotFound) {
		return conflict
	}
	if err != nil {
		return err
	}
	return e.With(v)
}

// copyOf lets a closure that runs again start from what was sent.
func copyOf(in models.Visit) models.Visit {
	v := in
	v.Problems = append([]models.Problem(nil), in.Problems...)
	return v
}

// Amend changes a visit by its author within models.AmendmentTime. Errors: not_found, stale_version, visit_locked,
// forbidden for somebody else's, validation_failed.
func (s *Visits) Amend(ctx context.Context, who models.Actor, id models.ID, expected int64, change models.VisitChange) (v models.Visit, err error) {
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		before, err := tx.Visit(who.Scope(), id)
		if err != nil {
			return err
		}
		if !models.CanAmend(who, before) {
			return models.ErrForbidden
		}
		if before.Version != expected {
			return models.ErrStaleVersion.With(before)
		}
		v = before
		if change.Empty() {
			return nil
		}
		if err := v.Amend(change, tx.Now()); err != nil {
			return err
		}
		if !v.StartedAt.Equal(before.StartedAt) {
			_, tenures, err := served(tx, who, v.EnterpriseID)
			if err != nil {
				return err
			}
			if !models.CanVisit(who, tenures, v.StartedAt) {
				return models.ErrNotServedThen
			}
		}
		return tx.UpdateVisit(before, v)
	})
	return v, err
}

// Get finds one visit. Errors: not_found.
func (s *Visits) Get(ctx context.Context, who models.Actor, id models.ID) (models.Visit, error) {
	return s.db.Read(ctx).Visit(who.Scope(), id)
}

// List gives visits, the last received first.
func (s *Visits) List(ctx context.Context, who models.Actor, f models.VisitFilter, page models.Page) ([]models.Visit, *models.Mark, error) {
	return s.db.Read(ctx).Visits(who.Scope(), f, page)
}
