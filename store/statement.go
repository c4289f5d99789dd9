package store

import (
	"database/sql"
	"database/sql/driver"
	"reflect"
	"slices"
	"strings"

	"gorm.io/gorm"

	"lianqi/models"
)

// Statements are written by hand and run on GORM's connection pools, with the prepared statements these keep: building
// them with GORM's clauses, and scanning with its schemas, took more time than the database did.

// gate is what statements run on: a pool for reads, or the connection of one transaction, which can be closed to it.
type gate interface {
	// enter gives the pool to run one statement on, its rows included, until leave is told how it went.
	enter() (gorm.ConnPool, error)
	leave(err error)
}

// open is a gate that everybody may pass at any time.
type open struct{ pool gorm.ConnPool }

func (o open) enter() (gorm.ConnPool, error) { return o.pool, nil }
func (open) leave(error)                     {}

// bind gives the values of a statement as the database keeps them, ids and names of streams in bytes, and writes a list
// of placeholders for every value that is a list, as in "id IN ?".
func bind(query string, args []any) (string, []any) {
	query, bound := expand(query, args)
	for i, arg := range bound {
		switch v := arg.(type) {
		case models.ID:
			bound[i] = v[:]
		case *models.ID:
			bound[i] = nil
			if v != nil {
				bound[i] = v[:]
			}
		case models.Stream:
			bound[i] = []byte(v)
		}
	}
	return query, bound
}

// run executes one statement that returns no rows.
func (q *Queries) run(query string, args ...any) (result sql.Result, err error) {
	query, args = bind(query, args)
	pool, err := q.gate.enter()
	if err != nil {
		return nil, err
	}
	defer func() { q.gate.leave(err) }()
	return pool.ExecContext(q.ctx, query, args...)
}

// rows executes one query and hands its rows to read, which need not close them.
func (q *Queries) rows(query string, args []any, read func(*sql.Rows) error) (err error) {
	query, args = bind(query, args)
	pool, err := q.gate.enter()
	if err != nil {
		return err
	}
	defer func() { q.gate.leave(err) }()
	rows, err := pool.QueryContext(q.ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() {
		if closing := rows.Close(); err == nil {
			err = closing
		}
	}()
	if err := read(rows); err != nil {
		return err
	}
	return rows.Err()
}

// exec runs one statement of a transaction.
func (tx *Tx) exec(query string, args ...any) error {
	_, err := tx.run(query, args...)
	return err
}

// execCount runs one statement and tells how many rows it changed.
func (tx *Tx) execCount(query string, args ...any) (int64, error) {
	result, err := tx.run(query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// execOne runs a statement that must change exactly one row, and answers otherwise when it does not.
func (tx *Tx) execOne(otherwise error, query string, args ...any) error {
	changed, err := tx.execCount(query, args...)
	if err == nil && changed != 1 {
		return otherwise
	}
	return err
}

// insertOnce runs an INSERT that leaves an existing row with the same key as it is.
func (tx *Tx) insertOnce(insert, key string, args ...any) error {
	return tx.exec(insert+tx.onConflictNothing(key), args...)
}

func (q *Queries) onConflictNothing(key string) string {
	if q.driver == driverMySQL {
		return " ON DUPLICATE KEY UPDATE " + key + " = " + key
	}
	return " ON CONFLICT DO NOTHING"
}

// all scans every row into dest, a pointer to a slice of structs or of single values.
func (q *Queries) all(dest any, query string, args ...any) error {
	list := reflect.ValueOf(dest).Elem()
	one := list.Type().Elem()
	return q.rows(query, args, func(rows *sql.Rows) error {
		places, err := placesOf(one, rows)
		if err != nil {
			return err
		}
		targets := make([]any, len(places))
		n := list.Len()
		for rows.Next() {
			list.Grow(1)
			list.SetLen(n + 1)
			element := list.Index(n)
			element.SetZero()
			aim(targets, element, places)
			if err := rows.Scan(targets...); err != nil {
				return err
			}
			n++
		}
		return nil
	})
}

// first scans one row into dest, a pointer to a struct or to a single value, or answers models.ErrNotFound.
func (q *Queries) first(dest any, query string, args ...any) error {
	one := reflect.ValueOf(dest).Elem()
	return q.rows(query, args, func(rows *sql.Rows) error {
		places, err := placesOf(one.Type(), rows)
		if err != nil {
			return err
		}
		if !rows.Next() {
			if err := rows.Err(); err != nil {
				return err
			}
			return models.ErrNotFound
		}
		targets := make([]any, len(places))
		aim(targets, one, places)
		return rows.Scan(targets...)
	})
}

func expand(query string, args []any) (string, []any) {
	extra := -1
	for _, arg := range args {
		if n := listLength(arg); n >= 0 {
			extra = max(extra, 0) + n
		}
	}
	if extra < 0 {
		return query, slices.Clone(args)
	}
	var text strings.Builder
	text.Grow(len(query) + 2*extra + 8)
	flat := make([]any, 0, len(args)+extra)
	for _, arg := range args {
		at := strings.IndexByte(query, '?')
		n := listLength(arg)
		if n < 0 {
			text.WriteString(query[:at+1])
			flat = append(flat, arg)
		} else {
			text.WriteString(query[:at])
			text.WriteByte('(')
			flat = appendList(flat, arg)
			if n == 0 {
				text.WriteString("NULL")
			} else {
				text.WriteString(strings.Repeat("?,", n-1))
				text.WriteByte('?')
			}
			text.WriteByte(')')
		}
		query = query[at+1:]
	}
	text.WriteString(query)
	return text.String(), flat
}

// listLength is the length of a list that stands for several values, -1 for a single value.
func listLength(arg any) int {
	switch v := arg.(type) {
	case []models.ID:
		return len(v)
	case []models.Stream:
		return len(v)
	case nil, string, int, int64, bool, []byte, driver.Valuer:
		return -1
	}
	if v := reflect.ValueOf(arg); v.Kind() == reflect.Slice {
		return v.Len()
	}
	return -1
}

func appendList(flat []any, list any) []any {
	if ids, ok := list.([]models.ID); ok {
		for _, id := range ids {
			flat = append(flat, id)
		}
		return flat
	}
	v := reflect.ValueOf(list)
	for i := range v.Len() {
		flat = append(flat, v.Index(i).Interface())
	}
	return flat
}
