package models

import (
	"slices"
	"time"
)

// Visit is a cadre's visit to an enterprise (走访), made with or without a signal and recorded once.
type Visit struct {
	ID           ID
	EnterpriseID ID
	CampaignID   *ID
	AuthorID     ID
	// DepartmentID is the author's department when the visit was recorded.
	DepartmentID *ID
	StartedAt    time.Time
	EndedAt      *time.Time
	Purpose      Purpose
	Remark       string
	Participants []string
	Position     *Position
	Problems     []Problem
	PhotoIDs     []ID
	// ClockSkew is what was added to the phone's times to correct its clock.
	ClockSkew  time.Duration
	ReceivedAt time.Time
	Version    int64
	UpdatedAt  time.Time
}

// Purpose is why an enterprise was visited.
type Purpose string

const (
	PurposeRoutine    Purpose = "routine"
	PurposeResumption Purpose = "resumption"
	PurposeSafety     Purpose = "safety"
	PurposePolicy     Purpose = "policy"
	PurposeProject    Purpose = "project"
	PurposeOther      Purpose = "other"
)

// Purposes are all purposes, in the order of the contract.
var Purposes = []Purpose{PurposeRoutine, PurposeResumption, PurposeSafety, PurposePolicy, PurposeProject, PurposeOther}

const (
	// AmendmentTime is how long after receipt the author may amend a visit.
	AmendmentTime = 24 * time.Hour
	// FutureTolerance is how far a corrected time may lie ahead of the server's clock.
	FutureTolerance = 5 * time.Minute
	// SkewTolerance is the difference of clocks above which a visit is flagged.
	SkewTolerance = 2 * time.Minute
	// OldestVisit is how long ago a visit may have been made when it is recorded.
	OldestVisit = 366 * 24 * time.Hour
)

// State is "amendable" until AmendmentTime after receipt, then "locked".
func (v *Visit) State(now time.Time) string {
	if now.Sub(v.ReceivedAt) < AmendmentTime {
		return "amendable"
	}
	return "locked"
}

// ClockSuspect tells that the phone's clock was off by more than SkewTolerance.
func (v *Visit) ClockSuspect() bool { return v.ClockSkew.Abs() > SkewTolerance }

// Receive completes a submission with what only the server knows: author, receipt, first states. phoneClock is the
// phone's time at sending, nil when it did not say. Errors: validation_failed for impossible times or repeated ids.
func (v *Visit) Receive(author Actor, phoneClock *time.Time, now time.Time) error {
	v.AuthorID, v.DepartmentID = author.UserID, author.DepartmentID
	v.ReceivedAt, v.UpdatedAt, v.Version = now, now, 1
	if phoneClock != nil {
		v.ClockSkew = now.Sub(*phoneClock).Truncate(time.Millisecond)
		v.StartedAt = v.StartedAt.Add(v.ClockSkew)
		if v.EndedAt != nil {
			ended := v.EndedAt.Add(v.ClockSkew)
			v.EndedAt = &ended
		}
	}
	ids := map[ID]bool{}
	for i := range v.Problems {
		p := &v.Problems[i]
		if ids[p.ID] || p.ID == v.ID {
			return ErrDuplicateProblemID
		}
		ids[p.ID] = true
		p.EnterpriseID, p.VisitID = v.EnterpriseID, &v.ID
		p.ReporterID, p.ReporterDepartmentID = author.UserID, author.DepartmentID
		p.State, p.HappenedAt, p.ReportedAt, p.UpdatedAt, p.Version = ProblemReported, v.StartedAt, now, now, 1
	}
	return v.checkTimes(now)
}

// Route sends each problem to the department of its category; without one it stays with the dispatcher.
func (v *Visit) Route(routes []CategoryRoute) {
	for i := range v.Problems {
		for _, r := range routes {
			if r.Category == v.Problems[i].Category {
				v.Problems[i].DepartmentID = &r.DepartmentID
			}
		}
	}
}

// VisitChange is an amendment: members that are nil stay as they are.
type VisitChange struct {
	StartedAt    *time.Time
	EndedAt      *time.Time
	ClearEndedAt bool
	Purpose      *Purpose
	Remark       *string
	Participants *[]string
	Position     *Position
	// ClearPosition takes the position away.
	ClearPosition bool
	// PhoneClock corrects the times in the change, as in Receive.
	PhoneClock *time.Time
}

// Empty tells that nothing shall be changed.
func (c VisitChange) Empty() bool {
	c.PhoneClock = nil
	return c == VisitChange{}
}

// Amend changes what the author wrote. Errors: visit_locked after AmendmentTime, validation_failed for impossible times.
func (v *Visit) Amend(change VisitChange, now time.Time) error {
	if v.State(now) == "locked" {
		return ErrVisitLocked
	}
	if change.PhoneClock != nil && (change.StartedAt != nil || change.EndedAt != nil) {
		v.ClockSkew = now.Sub(*change.PhoneClock).Truncate(time.Millisecond)
	}
	correct := func(t time.Time) time.Time {
		if change.PhoneClock != nil {
			return t.Add(v.ClockSkew)
		}
		return t
	}
	if change.StartedAt != nil {
		v.StartedAt = correct(*change.StartedAt)
	}
	if change.ClearEndedAt {
		v.EndedAt = nil
	} else if change.EndedAt != nil {
		ended := correct(*change.EndedAt)
		v.EndedAt = &ended
	}
	if change.Purpose != nil {
		v.Purpose = *change.Purpose
	}
	if change.Remark != nil {
		v.Remark = *change.Remark
	}
	if change.Participants != nil {
		v.Participants = slices.Clone(*change.Participants)
	}
	if change.ClearPosition {
		v.Position = nil
	} else if change.Position != nil {
		v.Position = change.Position
	}
	v.Version++
	v.UpdatedAt = now
	return v.checkTimes(now)
}

func (v *Visit) checkTimes(now time.Time) error {
	switch {
	case v.StartedAt.After(now.Add(FutureTolerance)):
		return Invalid("body.started_at", "in_the_future")
	case v.StartedAt.Before(now.Add(-OldestVisit)):
		return Invalid("body.started_at", "too_long_ago")
	case v.EndedAt == nil:
		return nil
	case v.EndedAt.After(now.Add(FutureTolerance)):
		return Invalid("body.ended_at", "in_the_future")
	case v.EndedAt.Before(v.StartedAt):
		return Invalid("body.ended_at", "before_start")
	}
	return nil
}

// CanVisit tells whether the cadre may record a visit that began at started: served the enterprise then, or serves it now.
func CanVisit(who Actor, tenures []Tenure, started time.Time) bool {
	if !who.Has(RoleCadre) {
		return false
	}
	for _, t := range tenures {
		if t.Until == nil || !started.Before(t.From) && started.Before(*t.Until) {
			return true
		}
	}
	return false
}

// CanAmend tells whether the actor wrote the visit.
func CanAmend(who Actor, v Visit) bool { return who.Has(RoleCadre) && v.AuthorID == who.UserID }

// VisitFilter narrows a list of visits; zero members do not.
type VisitFilter struct {
	EnterpriseID  *ID
	AuthorID      *ID
	CampaignID    *ID
	Purpose       Purpose
	StartedAfter  *time.Time
	StartedBefore *time.Time
}
