// Package models holds the entities of the zone and the rules about them. It knows no HTTP, no SQL call, no clock and no I/O.
package models

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// ID identifies a record; new ones are UUIDs of version 7, ids from phones may be of any version.
type ID = uuid.UUID

// Role is a part somebody plays in the zone; a member of staff may play several.
type Role string

const (
	RoleAdmin      Role = "admin"      // 管理员
	RoleManager    Role = "manager"    // 领导
	RoleDispatcher Role = "dispatcher" // 分办督办
	RoleCadre      Role = "cadre"      // 联企服务员
	RoleWindow     Role = "window"     // 综合窗口人员
	RoleReviewer   Role = "reviewer"   // 审批/承办人员
	RoleEnterprise Role = "enterprise" // 企业用户
)

// Roles are all roles, in the order of the domain document.
var Roles = []Role{RoleAdmin, RoleManager, RoleDispatcher, RoleCadre, RoleWindow, RoleReviewer, RoleEnterprise}

// Staff are the roles of the zone's own people.
var Staff = []Role{RoleAdmin, RoleManager, RoleDispatcher, RoleCadre, RoleWindow, RoleReviewer}

// Actor is who calls, as known at most a second ago: roles and scope come from the store, not from the token.
type Actor struct {
	UserID    ID
	SessionID ID
	Name      string
	Roles     []Role
	// DepartmentID is set for staff, EnterpriseID for an enterprise's account; never both.
	DepartmentID *ID
	EnterpriseID *ID
	// MainLeader marks a manager who is in charge of the whole zone (主要领导).
	MainLeader bool
	// Leads are the departments the actor heads (负责人) or is in charge of (分管领导).
	Leads []ID
	// Assignments are the enterprises the actor serves or served as a cadre.
	Assignments []Tenure
	// MustChangePassword is set while the actor still uses the first password.
	MustChangePassword bool
}

// Tenure is the time during which a cadre serves an enterprise; Until is nil while it lasts.
type Tenure struct {
	EnterpriseID ID
	From         time.Time
	Until        *time.Time
}

// Has tells whether the actor plays any of the roles.
func (a Actor) Has(roles ...Role) bool {
	for _, have := range a.Roles {
		for _, want := range roles {
			if have == want {
				return true
			}
		}
	}
	return false
}

// Cause is what a change is put down to in the audit: who called which operation in which request.
type Cause struct {
	ActorID   ID // the zero id for the system itself
	SessionID ID
	Operation string
	RequestID string
}

type causeKey struct{}

// WithCause returns a context whose writes are put down to the cause.
func WithCause(ctx context.Context, c Cause) context.Context {
	return context.WithValue(ctx, causeKey{}, c)
}

// CauseOf returns the cause of the context; the zero Cause means the system itself.
func CauseOf(ctx context.Context) Cause {
	c, _ := ctx.Value(causeKey{}).(Cause)
	return c
}
