package models

// Scope is what an actor may see (数据权限). The store turns it into conditions; no query runs without one, and the
// zero Scope sees nothing.
type Scope struct {
	// UserID is whose notifications, sessions and devices these are.
	UserID ID
	// Everything is the whole zone: the administrator and the main leader.
	Everything bool
	// EveryEnterprise is the master data of all enterprises: whoever works at the window or sends problems on.
	EveryEnterprise bool
	// EveryProblem is all problems and the visits that brought them: the dispatcher.
	EveryProblem bool
	// Cadre is set for a cadre: enterprises of the Tenures, and what the cadre reported.
	Cadre   bool
	Tenures []Tenure
	// Departments are those the actor leads: visits of their members, problems routed to them.
	Departments []ID
	// RoutedTo is the reviewer's department: the problems routed to it.
	RoutedTo *ID
	// EnterpriseID is the enterprise an enterprise's account belongs to.
	EnterpriseID *ID
}

// Scope derives what the actor may see from roles, posts and assignments.
func (a Actor) Scope() Scope {
	s := Scope{UserID: a.UserID}
	if a.Has(RoleEnterprise) {
		s.EnterpriseID = a.EnterpriseID
		return s
	}
	s.Everything = a.Has(RoleAdmin) || a.Has(RoleManager) && a.MainLeader
	s.EveryEnterprise = a.Has(RoleWindow, RoleDispatcher)
	s.EveryProblem = a.Has(RoleDispatcher)
	if a.Has(RoleCadre) {
		s.Cadre = true
		s.Tenures = a.Assignments
	}
	s.Departments = a.Leads
	if a.Has(RoleReviewer) {
		s.RoutedTo = a.DepartmentID
	}
	return s
}

// EverythingFor is the scope of the system's own work on behalf of a user: jobs and the demonstration.
func EverythingFor(user ID) Scope { return Scope{UserID: user, Everything: true} }

// Serves lists the enterprises the cadre serves now, without repetition.
func (s Scope) Serves() []ID {
	var now []ID
	seen := map[ID]bool{}
	for _, t := range s.Tenures {
		if t.Until == nil && !seen[t.EnterpriseID] {
			seen[t.EnterpriseID] = true
			now = append(now, t.EnterpriseID)
		}
	}
	return now
}

// Served lists the tenures that have ended at enterprises the cadre does not serve any more.
func (s Scope) Served() []Tenure {
	now := map[ID]bool{}
	for _, id := range s.Serves() {
		now[id] = true
	}
	var past []Tenure
	for _, t := range s.Tenures {
		if t.Until != nil && !now[t.EnterpriseID] {
			past = append(past, t)
		}
	}
	return past
}
