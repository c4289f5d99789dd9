package store

import (
	"strconv"
	"strings"

	"lianqi/models"
)

// listing is a list in the making: which table, in what order, and who may see what of it.
type listing struct {
	table   string // with its alias, if the columns need one
	columns string
	at      string // the instant that orders the list, newest first; the id breaks ties
	scope   []condition
	filters []condition
	page    models.Page
}

// list reads one row more than the page holds, by which the caller knows that there is a next one. Each alternative of
// the scope reads its own newest rows by its own index, so a page costs the same however long the table is.
func (q *Queries) list(dest any, l listing) error {
	limit := " LIMIT " + strconv.Itoa(l.page.Limit+1)
	order := " ORDER BY " + l.at + " DESC, id DESC" + limit
	filters := l.filters
	if m := l.page.After; m != nil {
		filters = append(filters, where(l.at+" <= ? AND ("+l.at+" < ? OR id < ?)", m.At, m.At, m.ID))
	}
	if len(l.scope) == 0 {
		return nil
	}
	if len(l.scope) == 1 {
		c := allOf(append(filters, l.scope[0])...)
		return q.all(dest, "SELECT "+l.columns+" FROM "+l.table+" WHERE "+c.sql+order, c.args...)
	}
	parts := make([]string, len(l.scope))
	var args []any
	for i, alternative := range l.scope {
		c := allOf(append(filters[:len(filters):len(filters)], alternative)...)
		parts[i] = "SELECT id FROM (SELECT id FROM " + l.table + " WHERE " + c.sql + order + ") s" + strconv.Itoa(i)
		args = append(args, c.args...)
	}
	return q.all(dest, "SELECT "+l.columns+" FROM (SELECT id AS key_id FROM ("+strings.Join(parts, " UNION ")+") u) k CROSS JOIN "+
		l.table+" ON id = key_id"+order, args...)
}

// cut takes the surplus row off a list and gives the mark of the next page, if there is one.
func cut[T any](rows []T, page models.Page, mark func(T) models.Mark) ([]T, *models.Mark) {
	if len(rows) <= page.Limit {
		return rows, nil
	}
	rows = rows[:page.Limit]
	m := mark(rows[len(rows)-1])
	return rows, &m
}
