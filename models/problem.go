package models

import "time"

// Problem is something an enterprise needs solved (问题).
type Problem struct {
	ID           ID
	EnterpriseID ID
	VisitID      *ID
	ReporterID   ID
	// ReporterDepartmentID is the reporter's department when it was reported.
	ReporterDepartmentID *ID
	Category             Category
	Urgency              Urgency
	Title                string
	Description          string
	State                ProblemState
	// DepartmentID is where the problem was routed; nil leaves it with the dispatcher.
	DepartmentID *ID
	// HappenedAt is when it was heard: the time of the visit. ReportedAt is when the server got to know it;
	// limits count from then.
	HappenedAt time.Time
	ReportedAt time.Time
	Version    int64
	UpdatedAt  time.Time
}

// ProblemState is a step in the life of a problem.
type ProblemState string

// ProblemReported is the first state: known and routed, not yet taken up.
const ProblemReported ProblemState = "reported"

// Category is the kind of a problem, by which it is routed.
type Category string

const (
	CategoryFinance   Category = "finance"   // 融资
	CategoryPower     Category = "power"     // 用电
	CategoryWater     Category = "water"     // 用水
	CategoryGas       Category = "gas"       // 用气
	CategoryLand      Category = "land"      // 用地
	CategoryLabour    Category = "labour"    // 用工
	CategoryLogistics Category = "logistics" // 物流
	CategoryPolicy    Category = "policy"    // 政策
	CategoryApproval  Category = "approval"  // 审批
	CategorySafety    Category = "safety"    // 安全
	CategoryOther     Category = "other"     // 其他
)

// Categories are all categories, in the order of the contract.
var Categories = []Category{
	CategoryFinance, CategoryPower, CategoryWater, CategoryGas, CategoryLand, CategoryLabour, CategoryLogistics, CategoryPolicy,
	CategoryApproval, CategorySafety, CategoryOther,
}

// Urgency says how soon a problem must be taken up.
type Urgency string

const (
	UrgencyNormal   Urgency = "normal"   // 一般
	UrgencyUrgent   Urgency = "urgent"   // 紧急
	UrgencyCritical Urgency = "critical" // 特急
)

// Urgencies are all urgencies, in ascending order.
var Urgencies = []Urgency{UrgencyNormal, UrgencyUrgent, UrgencyCritical}

// Gravest is the highest urgency among the problems, empty when there are none.
func Gravest(problems []Problem) Urgency {
	gravest, rank := Urgency(""), -1
	for _, p := range problems {
		for i, u := range Urgencies {
			if p.Urgency == u && i > rank {
				gravest, rank = u, i
			}
		}
	}
	return gravest
}

// CategoryRoute sends new problems of a category to a department.
type CategoryRoute struct {
	Category     Category
	DepartmentID ID
}

// ProblemFilter narrows a list of problems; zero members do not.
type ProblemFilter struct {
	EnterpriseID *ID
	VisitID      *ID
	DepartmentID *ID
	Category     Category
	Urgency      Urgency
	State        ProblemState
}
