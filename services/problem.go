package services

import (
	"context"

	"lianqi/models"
	"lianqi/store"
)

// Problems keeps what enterprises need solved.
type Problems struct{ db *store.DB }

// Get finds one problem. Errors: not_found.
func (s *Problems) Get(ctx context.Context, who models.Actor, id models.ID) (models.Problem, error) {
	return s.db.Read(ctx).Problem(who.Scope(), id)
}

// List gives problems, the last reported first.
func (s *Problems) List(ctx context.Context, who models.Actor, f models.ProblemFilter, page models.Page) ([]models.Problem, *models.Mark, error) {
	return s.db.Read(ctx).Problems(who.Scope(), f, page)
}
