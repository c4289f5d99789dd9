package store

import (
	"strings"

	"lianqi/models"
)

// condition is a piece of a WHERE clause with its values.
type condition struct {
	sql  string
	args []any
}

func where(sql string, args ...any) condition { return condition{sql, args} }

// anyOf joins alternatives; without one nothing matches.
func anyOf(alternatives []condition) condition {
	if len(alternatives) == 0 {
		return where("1 = 0")
	}
	parts := make([]string, len(alternatives))
	var args []any
	for i, c := range alternatives {
		parts[i] = c.sql
		args = append(args, c.args...)
	}
	return condition{"(" + strings.Join(parts, " OR ") + ")", args}
}

func allOf(conditions ...condition) condition {
	parts := make([]string, len(conditions))
	var args []any
	for i, c := range conditions {
		parts[i] = c.sql
		args = append(args, c.args...)
	}
	return condition{strings.Join(parts, " AND "), args}
}

// everyRow is the scope of somebody who sees the whole zone.
var everyRow = []condition{where("1 = 1")}

// maxAlternatives bounds how many enterprises get an alternative of their own, each of which a list reads by an index
// in the order it needs; beyond it they are read together.
const maxAlternatives = 24

// enterprisesServed are the alternatives of a cadre for records of an enterprise that carry a time of their own.
func enterprisesServed(s models.Scope, at string) []condition {
	var alternatives []condition
	if serves := s.Serves(); len(serves) > maxAlternatives {
		alternatives = append(alternatives, where("enterprise_id IN ?", serves))
	} else {
		for _, id := range serves {
			alternatives = append(alternatives, where("enterprise_id = ?", id))
		}
	}
	for _, t := range s.Served() {
		alternatives = append(alternatives,
			where("(enterprise_id = ? AND "+at+" >= ? AND "+at+" < ?)", t.EnterpriseID, micros(t.From), micros(*t.Until)))
	}
	return alternatives
}

func visitScope(s models.Scope) []condition {
	if s.Everything {
		return everyRow
	}
	var alternatives []condition
	if s.Cadre {
		alternatives = append(enterprisesServed(s, "started_at"), where("author_id = ?", s.UserID))
	}
	for _, d := range s.Departments {
		alternatives = append(alternatives, where("department_id = ?", d))
	}
	if s.EveryProblem {
		alternatives = append(alternatives, where("has_problems = 1"))
	}
	return alternatives
}

func problemScope(s models.Scope) []condition {
	if s.Everything || s.EveryProblem {
		return everyRow
	}
	var alternatives []condition
	if s.Cadre {
		alternatives = append(enterprisesServed(s, "happened_at"), where("reporter_id = ?", s.UserID))
	}
	for _, d := range s.Departments {
		alternatives = append(alternatives, where("department_id = ?", d), where("reporter_department_id = ?", d))
	}
	if s.RoutedTo != nil {
		alternatives = append(alternatives, where("department_id = ?", *s.RoutedTo))
	}
	if s.EnterpriseID != nil {
		alternatives = append(alternatives, where("enterprise_id = ?", *s.EnterpriseID))
	}
	return alternatives
}

func enterpriseScope(s models.Scope) []condition {
	if s.Everything || s.EveryEnterprise {
		return everyRow
	}
	var alternatives []condition
	if s.EnterpriseID != nil {
		alternatives = append(alternatives, where("id = ?", *s.EnterpriseID))
	}
	if serves := s.Serves(); s.Cadre && len(serves) > 0 {
		alternatives = append(alternatives, where("id IN ?", serves))
	}
	departments := s.Departments
	if len(departments) > 0 {
		alternatives = append(alternatives,
			where("EXISTS (SELECT 1 FROM assignments a JOIN users u ON u.id = a.cadre_id WHERE a.enterprise_id = enterprises.id AND u.department_id IN ?)", departments))
	}
	if s.RoutedTo != nil {
		departments = append([]models.ID{*s.RoutedTo}, departments...)
	}
	if len(departments) > 0 {
		alternatives = append(alternatives,
			where("EXISTS (SELECT 1 FROM problems p WHERE p.enterprise_id = enterprises.id AND p.department_id IN ?)", departments))
	}
	return alternatives
}

func assignmentScope(s models.Scope) []condition {
	if s.Everything || s.EveryEnterprise {
		return everyRow
	}
	var alternatives []condition
	if s.Cadre {
		alternatives = append(alternatives, where("a.cadre_id = ?", s.UserID))
		if serves := s.Serves(); len(serves) > 0 {
			alternatives = append(alternatives, where("a.enterprise_id IN ?", serves))
		}
	}
	if len(s.Departments) > 0 {
		alternatives = append(alternatives, where("a.cadre_id IN (SELECT id FROM users WHERE department_id IN ?)", s.Departments))
	}
	if s.EnterpriseID != nil {
		alternatives = append(alternatives, where("a.enterprise_id = ?", *s.EnterpriseID))
	}
	return alternatives
}
