package handlers

import (
	"context"
	"net/http"
	"time"

	"lianqi/api"
	"lianqi/models"
)

func registerContactCard(a *api.API, h enterpriseHandler) {
	api.Register(a, api.Op{
		ID: "get-contact-card", Method: http.MethodGet, Path: "/enterprises/{id}/contact-card", Tag: tagLiaison,
		Summary:     "Read whom the enterprise calls (联企服务卡)",
		Description: "The cadres who serve the enterprise now, the latest assigned first. Their numbers are masked except to the enterprise, to themselves, dispatchers and administrators.",
		Needs:       models.Roles, Errors: []int{http.StatusNotFound},
	}, h.contactCard)
}

// contactCard is what an enterprise sees first of all.
type contactCard struct {
	EnterpriseID   models.ID `json:"enterprise_id"`
	EnterpriseName string    `json:"enterprise_name"`
	Officers       []officer `json:"officers" doc:"Empty while nobody serves the enterprise."`
}

// officer is a cadre on a contact card.
type officer struct {
	ID         models.ID `json:"id"`
	Name       string    `json:"name"`
	Phone      string    `json:"phone" doc:"Masked unless the caller has to call."`
	Department string    `json:"department,omitempty" doc:"The name of the cadre's department."`
	Campaign   string    `json:"campaign" doc:"The name of the campaign in which the cadre serves the enterprise."`
	Since      time.Time `json:"since"`
}

func wireContactCard(c models.ContactCard) contactCard {
	card := contactCard{EnterpriseID: c.EnterpriseID, EnterpriseName: c.EnterpriseName, Officers: make([]officer, len(c.Officers))}
	for i, o := range c.Officers {
		card.Officers[i] = officer{o.ID, o.Name, o.Phone, o.Department, o.Campaign, o.Since}
	}
	return card
}

type contactCardInput struct{ IDInput }

type contactCardOutput struct{ Body contactCard }

func (h enterpriseHandler) contactCard(ctx context.Context, in *contactCardInput) (*contactCardOutput, error) {
	card, err := h.enterprises.ContactCard(ctx, api.ActorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &contactCardOutput{wireContactCard(card)}, nil
}
