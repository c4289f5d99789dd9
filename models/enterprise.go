package models

import (
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

// Enterprise is a company in the zone (企业).
type Enterprise struct {
	ID         ID
	CreditCode string // 统一社会信用代码, see ValidCreditCode
	Name       string
	Industry   string
	AboveScale bool // 规模以上
	Address    string
	Position   *Position
	// Resumption says whether the enterprise is back at work (复工复产); ResumedOn is the day, YYYY-MM-DD.
	Resumption ResumptionState
	ResumedOn  string
	Version    int64
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// ResumptionState is how far an enterprise is on the way back to work (复工复产).
type ResumptionState string

const (
	ResumptionNotApplicable ResumptionState = "not_applicable"
	ResumptionStopped       ResumptionState = "stopped"
	ResumptionPartial       ResumptionState = "partial"
	ResumptionResumed       ResumptionState = "resumed"
)

// Resumptions are all states of resumption, in the order of the contract.
var Resumptions = []ResumptionState{ResumptionNotApplicable, ResumptionStopped, ResumptionPartial, ResumptionResumed}

// Position is a place on the map; every position says which reference system it is in.
type Position struct {
	Latitude  float64 // degrees
	Longitude float64 // degrees
	AccuracyM float64 // metres, 0 when unknown
	CRS       string  // gcj02 | wgs84
	Mock      bool    // the phone says that the position is made up
}

// Contact is somebody to call at an enterprise.
type Contact struct {
	ID    ID
	Name  string
	Phone string
	Title string
}

// CanCall tells whether the actor has to call people at the enterprise, and so sees their phone numbers: the cadre who
// serves it now, dispatchers, administrators, and the enterprise itself.
func CanCall(who Actor, enterprise ID) bool {
	return who.Has(RoleAdmin, RoleDispatcher) || serves(who, enterprise) || who.EnterpriseID != nil && *who.EnterpriseID == enterprise
}

// CanKeepContacts tells whether the actor may say whom to call at the enterprise: administrators and the cadre who
// serves it now. They see the numbers they replace.
func CanKeepContacts(who Actor, enterprise ID) bool {
	return who.Has(RoleAdmin) || serves(who, enterprise)
}

func serves(who Actor, enterprise ID) bool {
	return who.Has(RoleCadre) && contains(who.Scope().Serves(), enterprise)
}

// SearchText is what a search by name or code looks in: one case, one width.
func SearchText(parts ...string) string {
	return strings.ToLower(norm.NFKC.String(strings.Join(parts, " ")))
}

const creditCodeAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"

// ValidCreditCode tells whether code is a unified social credit code with the right check digit: 18 characters,
// the last one 31 − (Σ value·3^position mod 31) mod 31 over the first 17 (GB 32100-2015).
func ValidCreditCode(code string) bool {
	if len(code) != 18 {
		return false
	}
	check, ok := creditCodeCheck(code[:17])
	return ok && code[17] == check
}

// creditCodeCheck computes the check character of the first 17.
func creditCodeCheck(first17 string) (byte, bool) {
	sum, weight := 0, 1
	for i := range len(first17) {
		value := strings.IndexByte(creditCodeAlphabet, first17[i])
		if value < 0 {
			return 0, false
		}
		sum += value * weight
		weight = weight * 3 % 31
	}
	return creditCodeAlphabet[(31-sum%31)%31], true
}

// NormalCreditCode is the spelling that is stored: upper case, one width, no spaces.
func NormalCreditCode(code string) string {
	return strings.ToUpper(strings.TrimSpace(norm.NFKC.String(code)))
}

// CompleteCreditCode appends the check character to the first 17; it is empty when they are not valid.
func CompleteCreditCode(first17 string) string {
	check, ok := creditCodeCheck(first17)
	if !ok || len(first17) != 17 {
		return ""
	}
	return first17 + string(check)
}

// Check tells what is impossible in an enterprise.
func (e Enterprise) Check() error {
	switch {
	case !ValidCreditCode(e.CreditCode):
		return Invalid("body.credit_code", "credit_code")
	case e.ResumedOn != "" && e.Resumption != ResumptionResumed:
		return Invalid("body.resumed_on", "not_resumed")
	}
	return nil
}

// EnterpriseFilter narrows a list of enterprises; zero members do not.
type EnterpriseFilter struct {
	// Search is part of the name or of the credit code.
	Search     string
	Industry   string
	AboveScale *bool
	Resumption ResumptionState
}
