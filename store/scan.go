package store

import (
	"database/sql"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"unicode"
)

// whole is the place of a column that is scanned into the value itself.
var whole []int

// placesOf finds the field of each column: the one whose name is the column's in the spelling of Go.
func placesOf(one reflect.Type, rows *sql.Rows) ([][]int, error) {
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	if !isRow(one) {
		if len(columns) != 1 {
			return nil, fmt.Errorf("store: %d columns for a %s", len(columns), one)
		}
		return [][]int{whole}, nil
	}
	fields := fieldsOf(one)
	places := make([][]int, len(columns))
	for i, column := range columns {
		place, ok := fields[column]
		if !ok {
			return nil, fmt.Errorf("store: no field of %s for column %s", one, column)
		}
		places[i] = place
	}
	return places, nil
}

var scanner = reflect.TypeFor[sql.Scanner]()

// isRow tells a struct whose fields are columns from a single value.
func isRow(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(scanner)
}

var fieldsByType sync.Map // reflect.Type → map[string][]int

// fieldsOf are the fields of a row by column name, those of embedded structs among them.
func fieldsOf(row reflect.Type) map[string][]int {
	if known, ok := fieldsByType.Load(row); ok {
		return known.(map[string][]int)
	}
	fields := map[string][]int{}
	for _, f := range reflect.VisibleFields(row) {
		if !f.Anonymous && f.IsExported() {
			fields[columnName(f.Name)] = f.Index
		}
	}
	fieldsByType.Store(row, fields)
	return fields
}

// columnName is the column of a field: EnterpriseID is enterprise_id, PhotoIDs is photo_ids.
func columnName(field string) string {
	var name strings.Builder
	letters := []rune(strings.ReplaceAll(field, "IDs", "Ids"))
	for i, r := range letters {
		if i > 0 && unicode.IsUpper(r) {
			afterLower := !unicode.IsUpper(letters[i-1])
			beforeLower := i+1 < len(letters) && unicode.IsLower(letters[i+1])
			if afterLower || beforeLower {
				name.WriteByte('_')
			}
		}
		name.WriteRune(unicode.ToLower(r))
	}
	return name.String()
}

// aim points the targets of a scan at the fields of one row.
func aim(targets []any, row reflect.Value, places [][]int) {
	for i, place := range places {
		field := row
		for _, step := range place {
			field = field.Field(step)
		}
		targets[i] = field.Addr().Interface()
	}
}
