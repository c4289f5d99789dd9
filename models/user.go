package models

import (
	"strings"
	"time"
	"unicode/utf8"
)

// User is an account: a member of staff, or somebody at an enterprise.
type User struct {
	ID                 ID
	Phone              string
	Name               string
	Roles              []Role
	DepartmentID       *ID
	EnterpriseID       *ID
	MainLeader         bool
	Language           string // zh-CN | en: what pushes are written in
	PasswordHash       string
	MustChangePassword bool
	Active             bool
	Version            int64
	CreatedAt          time.Time
	UpdatedAt          time.Time
}

// Department is a unit of the zone (单位/股室).
type Department struct {
	ID        ID
	Name      string
	HeadID    *ID // 负责人
	LeaderID  *ID // 分管领导
	Version   int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Device is a phone that is told of new notifications.
type Device struct {
	ID     ID
	UserID ID
	// SessionID is the login on the phone; when it ends, the phone is not told any more.
	SessionID ID
	Platform  string
	Provider  string
	PushToken string
	Name      string
	UpdatedAt time.Time
}

// MaxDevices is how many phones one account may have.
const MaxDevices = 10

// Check tells what is impossible in an account: an enterprise's account has that one role and belongs to one
// enterprise; staff have other roles and may belong to a department.
func (u User) Check() error {
	enterprise, staff := false, false
	for _, r := range u.Roles {
		if r == RoleEnterprise {
			enterprise = true
		} else {
			staff = true
		}
	}
	switch {
	case enterprise && staff:
		return Invalid("body.roles", "roles_conflict")
	case enterprise && u.EnterpriseID == nil:
		return Invalid("body.enterprise_id", "required")
	case enterprise && u.DepartmentID != nil:
		return Invalid("body.department_id", "not_for_role")
	case staff && u.EnterpriseID != nil:
		return Invalid("body.enterprise_id", "not_for_role")
	case u.MainLeader && !(Actor{Roles: u.Roles}).Has(RoleManager):
		return Invalid("body.main_leader", "not_for_role")
	}
	return nil
}

const (
	// MinPassword and MaxPassword bound the length of a password, in characters.
	MinPassword = 10
	MaxPassword = 128
)

// CheckPassword tells whether a new password is acceptable for the owner of the phone number.
func CheckPassword(location, password, phone string) error {
	switch {
	case utf8.RuneCountInString(password) < MinPassword:
		return Invalid(location, "password_too_short")
	case utf8.RuneCountInString(password) > MaxPassword:
		return Invalid(location, "password_too_long")
	case phone != "" && strings.Contains(password, phone):
		return Invalid(location, "password_contains_phone")
	}
	return nil
}

// MaskPhone hides the middle of a phone number: 138****5678.
func MaskPhone(phone string) string {
	if len(phone) < 8 {
		return "****"
	}
	return phone[:3] + "****" + phone[len(phone)-4:]
}

// UserFilter narrows a list of accounts; zero members do not.
type UserFilter struct {
	DepartmentID *ID
	EnterpriseID *ID
	Role         Role
	Active       *bool
}
