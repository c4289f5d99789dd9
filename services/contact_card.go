package services

import (
	"context"

	"lianqi/models"
)

// ContactCard gives whom the enterprise calls, the numbers masked unless the actor has to call. Errors: not_found.
func (s *Enterprises) ContactCard(ctx context.Context, who models.Actor, id models.ID) (models.ContactCard, error) {
	q := s.db.Read(ctx)
	e, err := q.Enterprise(who.Scope(), id)
	if err != nil {
		return models.ContactCard{}, err
	}
	officers, err := q.Officers(id)
	card := models.ContactCard{EnterpriseID: id, EnterpriseName: e.Name, Officers: officers}
	card.Mask(who)
	return card, err
}
