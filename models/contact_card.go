package models

import "time"

// ContactCard is whom an enterprise calls first of all (联企服务卡): the cadres who serve it now.
type ContactCard struct {
	EnterpriseID   ID
	EnterpriseName string
	Officers       []Officer
}

// Officer is a cadre on a contact card.
type Officer struct {
	ID         ID
	Name       string
	Phone      string
	Department string // the name, empty without one
	Campaign   string // the name of the campaign in which the cadre serves the enterprise
	Since      time.Time
}

// Mask hides the numbers of the card from those who need not call: everybody else than the enterprise, the cadres
// themselves, dispatchers and administrators.
func (c *ContactCard) Mask(who Actor) {
	if CanCall(who, c.EnterpriseID) {
		return
	}
	for i := range c.Officers {
		c.Officers[i].Phone = MaskPhone(c.Officers[i].Phone)
	}
}
