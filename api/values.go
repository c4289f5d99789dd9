package api

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"lianqi/models"
)

// Page is one page of a list. Items is never null.
type Page[T any] struct {
	Items      []T    `json:"items" doc:"Newest first, unless the operation says otherwise."`
	NextCursor string `json:"next_cursor,omitempty" doc:"Where the next page begins; missing on the last one."`
}

// Patch is one member of a JSON merge patch (RFC 7396): absent, null or a value. The field is tagged
// json:"name,omitzero"; with nullable:"true" it may be null, else null is refused before the handler is called.
type Patch[T any] struct {
	// Set tells whether the member is there at all, Null whether it is null.
	Set, Null bool
	Value     T
}

// IsZero tells whether the member is absent.
func (p Patch[T]) IsZero() bool { return !p.Set }

// Apply puts the value into target, or the zero value for null; an absent member leaves target as it is.
func (p Patch[T]) Apply(target *T) {
	if p.Set {
		*target = p.Value
	}
}

// UnmarshalJSON is called for a member that is there.
func (p *Patch[T]) UnmarshalJSON(data []byte) error {
	*p = Patch[T]{Set: true}
	if bytes.Equal(data, []byte("null")) {
		p.Null = true
		return nil
	}
	return json.Unmarshal(data, &p.Value)
}

// MarshalJSON writes the member as it came.
func (p Patch[T]) MarshalJSON() ([]byte, error) {
	if !p.Set || p.Null {
		return []byte("null"), nil
	}
	return json.Marshal(p.Value)
}

// Schema shows the member as its value. It is a copy, because the field's tags change it.
func (Patch[T]) Schema(r huma.Registry) *huma.Schema {
	s := *r.Schema(reflect.TypeFor[T](), false, "")
	return &s
}

func (p Patch[T]) isNull() bool { return p.Null }

type nullable interface{ isNull() bool }

// valueRequired lists the members of a merge patch that must not be null, by field index.
type valueRequired []struct {
	index    []int
	location string
}

// requiredValues finds the Patch members in the body of an input type.
func requiredValues(input reflect.Type) (found valueRequired) {
	body, ok := input.FieldByName("Body")
	if !ok || body.Type.Kind() != reflect.Struct {
		return nil
	}
	for _, f := range reflect.VisibleFields(body.Type) {
		if !f.IsExported() || !f.Type.Implements(reflect.TypeFor[nullable]()) || f.Tag.Get("nullable") == "true" {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		found = append(found, struct {
			index    []int
			location string
		}{append(append([]int(nil), body.Index...), f.Index...), "body." + name})
	}
	return found
}

func (v valueRequired) check(in any) error {
	if len(v) == 0 {
		return nil
	}
	var wrong []models.FieldError
	value := reflect.ValueOf(in).Elem()
	for _, member := range v {
		if value.FieldByIndex(member.index).Interface().(nullable).isNull() {
			wrong = append(wrong, models.FieldError{Location: member.location, Code: fieldNotNull})
		}
	}
	if wrong != nil {
		return models.InvalidFields(wrong)
	}
	return nil
}
