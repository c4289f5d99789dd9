package store

import (
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"

	"lianqi/models"
)

// Page asks for a piece of a list, newest first.
type Page struct {
	Limit int
	After *Mark
}

// Mark is the last record of the page before. It holds nothing that its reader has not seen, so changing it by hand
// only reads from another place of the same list.
type Mark struct {
	At int64 // microseconds
	ID models.ID
}

const markSize = 8 + 16

// String is the mark as an opaque cursor.
func (m Mark) String() string {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, markSize), uint64(m.At)) //nolint:gosec // the bits round-trip
	return base64.RawURLEncoding.EncodeToString(append(b, m.ID[:]...))
}

// ParseMark reads a cursor. Errors: models.ErrCursor for anything that String has not made.
func ParseMark(cursor string) (Mark, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(b) != markSize {
		return Mark{}, models.ErrCursor
	}
	return Mark{At: int64(binary.BigEndian.Uint64(b)), ID: models.ID(b[8:])}, nil //nolint:gosec // the bits round-trip
}

// listing is a list in the making: which table, in what order, and who may see what of it.
type listing struct {
	table   string // with its alias, if the columns need one
	columns string
	at      string // the instant that orders the list, newest first; the id breaks ties
	scope   []condition
	filters []condition
	page    Page
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
func cut[T any](rows []T, page Page, mark func(T) Mark) ([]T, *Mark) {
	if len(rows) <= page.Limit {
		return rows, nil
	}
	rows = rows[:page.Limit]
	m := mark(rows[len(rows)-1])
	return rows, &m
}
