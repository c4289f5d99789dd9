package models

import (
	"errors"
	"time"
)

// Kind says what a caller can do about an error; the api package maps each kind to one HTTP status.
type Kind int

const (
	// KindInternal is a fault of ours: nothing of it is told to the caller but its request id.
	KindInternal Kind = iota
	// KindInvalid is a request that is well formed and says something impossible.
	KindInvalid
	// KindUnauthenticated is a caller we do not know, or no longer know.
	KindUnauthenticated
	// KindForbidden is an operation that the caller's roles do not include.
	KindForbidden
	// KindNotFound is a record that does not exist for this caller.
	KindNotFound
	// KindConflict is a request that contradicts what is stored.
	KindConflict
	// KindStale is a change based on a version that is no longer the current one.
	KindStale
	// KindPreconditionRequired is a change that does not say which version it is based on.
	KindPreconditionRequired
	// KindThrottled is one request too many; it may be sent again later.
	KindThrottled
	// KindUnavailable is a passing trouble of ours; the same request may be sent again.
	KindUnavailable
)

// Error is what every layer speaks: a stable code that a phone can act upon, and a hidden cause for the log.
// The text a person reads is found by code and language in the api package.
type Error struct {
	// Code is snake_case and never renamed.
	Code string
	Kind Kind
	// Fields says which members of the request are wrong, for KindInvalid.
	Fields []FieldError
	// Current is the stored record that the request contradicts, if the caller may see it: a domain value until
	// a handler replaces it by its wire form.
	Current any
	// RetryAfter is the time to wait before the next attempt, for KindThrottled and KindUnavailable.
	RetryAfter time.Duration
	// Cause is logged and never sent.
	Cause error
}

// FieldError names one member of a request that is wrong, in the spelling of the contract ("body.problems[0].id").
type FieldError struct {
	Location string
	Code     string
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Code + ": " + e.Cause.Error()
	}
	return e.Code
}

func (e *Error) Unwrap() error { return e.Cause }

// Is makes errors.Is compare by code, so that ErrNotFound matches however it came about.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Because returns a copy of the error with its hidden cause.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.Cause = cause
	return &c
}

// With returns a copy of the error that carries the stored record.
func (e *Error) With(current any) *Error {
	c := *e
	c.Current = current
	return &c
}

// After returns a copy of the error that says when to try again.
func (e *Error) After(wait time.Duration) *Error {
	c := *e
	c.RetryAfter = wait
	return &c
}

// The public errors. Each code has a text in every language in api/texts.go; a test holds that.
var (
	ErrInternal    = &Error{Code: "internal", Kind: KindInternal}
	ErrUnavailable = &Error{Code: "unavailable", Kind: KindUnavailable, RetryAfter: time.Second}
	ErrThrottled   = &Error{Code: "too_many_requests", Kind: KindThrottled}

	ErrUnauthenticated        = &Error{Code: "unauthenticated", Kind: KindUnauthenticated}
	ErrTokenExpired           = &Error{Code: "token_expired", Kind: KindUnauthenticated}
	ErrSessionEnded           = &Error{Code: "session_ended", Kind: KindUnauthenticated}
	ErrCredentials            = &Error{Code: "wrong_credentials", Kind: KindUnauthenticated}
	ErrLoginLocked            = &Error{Code: "login_locked", Kind: KindThrottled}
	ErrForbidden              = &Error{Code: "forbidden", Kind: KindForbidden}
	ErrPasswordChangeRequired = &Error{Code: "password_change_required", Kind: KindForbidden}

	ErrNotFound             = &Error{Code: "not_found", Kind: KindNotFound}
	ErrIDConflict           = &Error{Code: "id_conflict", Kind: KindConflict}
	ErrStaleVersion         = &Error{Code: "stale_version", Kind: KindStale}
	ErrPreconditionRequired = &Error{Code: "precondition_required", Kind: KindPreconditionRequired}
	ErrCursor               = &Error{Code: "invalid_cursor", Kind: KindInvalid}

	ErrVisitLocked        = &Error{Code: "visit_locked", Kind: KindConflict}
	ErrPhoneTaken         = &Error{Code: "phone_taken", Kind: KindConflict}
	ErrCreditCodeTaken    = &Error{Code: "credit_code_taken", Kind: KindConflict}
	ErrNameTaken          = &Error{Code: "name_taken", Kind: KindConflict}
	ErrAlreadyAssigned    = &Error{Code: "already_assigned", Kind: KindConflict}
	ErrAssignmentEnded    = &Error{Code: "assignment_ended", Kind: KindConflict}
	ErrUserInactive       = &Error{Code: "user_inactive", Kind: KindConflict}
	ErrLastAdministrator  = &Error{Code: "last_administrator", Kind: KindConflict}
	ErrTooManyStreams     = &Error{Code: "too_many_streams", Kind: KindThrottled, RetryAfter: 30 * time.Second}
	ErrDeviceLimit        = &Error{Code: "too_many_devices", Kind: KindConflict}
	ErrPasswordUnchanged  = Invalid("body.new_password", "password_unchanged")
	ErrCurrentPassword    = Invalid("body.current_password", "wrong_password")
	ErrNotServedThen      = Invalid("body.started_at", "not_served_then")
	ErrUnknownCampaign    = Invalid("body.campaign_id", "unknown_campaign")
	ErrDuplicateProblemID = Invalid("body.problems", "duplicate_id")
)

// Invalid makes the error for one wrong member of a request.
func Invalid(location, code string) *Error {
	return InvalidFields([]FieldError{{Location: location, Code: code}})
}

// InvalidFields makes the error for several wrong members of a request.
func InvalidFields(fields []FieldError) *Error {
	return &Error{Code: "validation_failed", Kind: KindInvalid, Fields: fields}
}

// AsError finds the Error in err, or wraps err as an internal one.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return ErrInternal.Because(err)
}
