package models

import "time"

// Campaign is a dated round of liaison (联企批次).
type Campaign struct {
	ID        ID
	Name      string
	Activity  string
	StartsOn  string // YYYY-MM-DD, zone time
	EndsOn    string // YYYY-MM-DD, empty while open
	Version   int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Assignment says that one cadre serves one enterprise in one campaign (结对).
type Assignment struct {
	ID             ID
	CampaignID     ID
	EnterpriseID   ID
	EnterpriseName string
	CadreID        ID
	CadreName      string
	StartsAt       time.Time
	EndsAt         *time.Time
	Version        int64
	CreatedAt      time.Time
}

// End closes the assignment. Errors: assignment_ended when it already is.
func (a *Assignment) End(now time.Time) error {
	if a.EndsAt != nil {
		return ErrAssignmentEnded.With(*a)
	}
	a.EndsAt = &now
	a.Version++
	return nil
}
