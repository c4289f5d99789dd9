package api

import (
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"lianqi/models"
)

// An inspection looks in a decoded value for what no schema can refuse: instants outside the years 1 to 9999, nil ids,
// control characters in texts; and for items twice in a list, which the adapter finds at a quadratic price. Given tells that the caller sent the value: the zero instant and the nil id are then
// wrong, else they mean that there is none.
type inspection func(i *inspector, v reflect.Value, given bool)

// inspector is one look at one input.
type inspector struct {
	path  []step
	found []models.FieldError
}

// step is one part of a location: a name, or an index where there is no name.
type step struct {
	name  string
	index int
}

func (i *inspector) push(s step) { i.path = append(i.path, s) }

func (i *inspector) pop() { i.path = i.path[:len(i.path)-1] }

func (i *inspector) report(code string) {
	if len(i.found) == mostFieldProblems {
		return
	}
	var location strings.Builder
	for at, s := range i.path {
		switch {
		case s.name == "":
			location.WriteString("[" + strconv.Itoa(s.index) + "]")
		case at > 0:
			location.WriteString("." + s.name)
		default:
			location.WriteString(s.name)
		}
	}
	i.found = append(i.found, models.FieldError{Location: location.String(), Code: code})
}

// inputPlan are the inspections of an input type.
type inputPlan struct {
	params []inspectedParam
	body   inspection
	at     []int
}

type inspectedParam struct {
	in, name string
	index    []int
	inspect  inspection
}

// planOf makes the plan for an input type, at registration.
func planOf(input reflect.Type) (p inputPlan) {
	m := inspectMaker{made: map[reflect.Type]*inspection{}}
	for _, f := range reflect.VisibleFields(input) {
		if f.Anonymous || !f.IsExported() {
			continue
		}
		if f.Name == "Body" {
			p.body, p.at = m.of(f.Type), f.Index
			continue
		}
		for _, in := range []string{"path", "query", "header"} {
			name, _, _ := strings.Cut(f.Tag.Get(in), ",")
			if name == "" {
				continue
			}
			if inner := m.param(f.Type); inner != nil {
				p.params = append(p.params, inspectedParam{in, name, f.Index, inner})
			}
		}
	}
	return p
}

// check inspects an input. Errors: validation_failed.
func (p inputPlan) check(x *exchange, in any) error {
	var i inspector
	value := reflect.ValueOf(in).Elem()
	for _, param := range p.params {
		v := value.FieldByIndex(param.index)
		i.path = append(i.path[:0], step{name: param.in}, step{name: param.name})
		param.inspect(&i, v, !v.IsZero() || x.sent(param.in, param.name))
	}
	if p.body != nil {
		i.path = append(i.path[:0], step{name: "body"})
		p.body(&i, value.FieldByIndex(p.at), true)
	}
	if i.found != nil {
		return models.InvalidFields(i.found)
	}
	return nil
}

// sent tells whether the request has the parameter; an empty one counts as absent.
func (x *exchange) sent(in, name string) bool {
	switch in {
	case "query":
		return x.gin.Query(name) != ""
	case "header":
		return x.gin.GetHeader(name) != ""
	default:
		return true
	}
}

type inspectMaker struct{ made map[reflect.Type]*inspection }

// param makes the inspection of a parameter, which may be wrapped to tell whether it was sent.
func (m inspectMaker) param(t reflect.Type) inspection {
	if !reflect.PointerTo(t).Implements(reflect.TypeFor[huma.ParamWrapper]()) {
		return m.of(t)
	}
	inner := m.of(reflect.New(t).Interface().(huma.ParamWrapper).Receiver().Type())
	if inner == nil {
		return nil
	}
	return func(i *inspector, v reflect.Value, given bool) {
		inner(i, v.Addr().Interface().(huma.ParamWrapper).Receiver(), given)
	}
}

// of makes the inspection of a type, nil when nothing of it can be wrong. What stands behind an interface is not seen.
func (m inspectMaker) of(t reflect.Type) inspection {
	switch t {
	case reflect.TypeFor[time.Time]():
		return inspectTime
	case reflect.TypeFor[uuid.UUID]():
		return inspectID
	}
	switch t.Kind() {
	case reflect.String:
		return inspectText
	case reflect.Pointer, reflect.Struct, reflect.Slice, reflect.Array, reflect.Map:
	default:
		return nil
	}
	if known, ok := m.made[t]; ok {
		// The type contains itself: its inspection is complete by the time that this one runs.
		return func(i *inspector, v reflect.Value, given bool) {
			if *known != nil {
				(*known)(i, v, given)
			}
		}
	}
	slot := new(inspection)
	m.made[t] = slot
	*slot = m.make(t)
	return *slot
}

func (m inspectMaker) make(t reflect.Type) inspection {
	if t.Kind() == reflect.Struct {
		if t.Implements(reflect.TypeFor[nullable]()) {
			return m.makePatch(t)
		}
		return m.makeStruct(t)
	}
	inner := m.of(t.Elem())
	if t.Kind() == reflect.Map && t.Key().Kind() == reflect.String {
		return inspectMap(inner)
	}
	if inner == nil {
		return nil
	}
	if t.Kind() == reflect.Pointer {
		return func(i *inspector, v reflect.Value, _ bool) {
			if !v.IsNil() {
				inner(i, v.Elem(), true)
			}
		}
	}
	return func(i *inspector, v reflect.Value, _ bool) {
		for at := range v.Len() {
			i.push(step{index: at})
			inner(i, v.Index(at), true)
			i.pop()
		}
	}
}

// inspectMap reports wrong names and values at the map itself: the names are the caller's.
func inspectMap(inner inspection) inspection {
	return func(i *inspector, v reflect.Value, _ bool) {
		for entries := v.MapRange(); entries.Next(); {
			inspectText(i, entries.Key(), true)
			if inner != nil {
				inner(i, entries.Value(), true)
			}
		}
	}
}

func (m inspectMaker) makePatch(t reflect.Type) inspection {
	field, _ := t.FieldByName("Value")
	inner := m.of(field.Type)
	if inner == nil {
		return nil
	}
	return func(i *inspector, v reflect.Value, _ bool) {
		if !v.IsZero() && !v.Interface().(nullable).isNull() {
			inner(i, v.FieldByIndex(field.Index), true)
		}
	}
}

func (m inspectMaker) makeStruct(t reflect.Type) inspection {
	type field struct {
		index   int
		step    step
		given   bool // it is there whenever the struct is
		inspect inspection
	}
	var fields []field
	for at := range t.NumField() {
		f := t.Field(at)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() && !f.Anonymous {
			continue
		}
		if name == "" && !f.Anonymous {
			name = strings.ToLower(f.Name)
		}
		inner := m.of(f.Type)
		if f.Tag.Get("uniqueItems") == "true" {
			inner = unique(f.Type, inner)
		}
		if inner != nil {
			required := f.Tag.Get("required") != "false" && !strings.Contains(options, "omit")
			fields = append(fields, field{at, step{name: name}, required, inner})
		}
	}
	if fields == nil {
		return nil
	}
	return func(i *inspector, v reflect.Value, _ bool) {
		for _, f := range fields {
			inner := v.Field(f.index)
			if f.step.name == "" {
				f.inspect(i, inner, true)
				continue
			}
			i.push(f.step)
			f.inspect(i, inner, f.given)
			i.pop()
		}
	}
}

// unique adds to the inspection of a list, or of a patch of one, that no item is in it twice.
func unique(list reflect.Type, inner inspection) inspection {
	var value []int
	if list.Implements(reflect.TypeFor[nullable]()) {
		field, _ := list.FieldByName("Value")
		list, value = field.Type, field.Index
	}
	if list.Kind() != reflect.Slice || !list.Elem().Comparable() {
		panic("api: items of " + list.String() + " cannot be held to be unique")
	}
	return func(i *inspector, v reflect.Value, given bool) {
		if inner != nil {
			inner(i, v, given)
		}
		if value != nil {
			v = v.FieldByIndex(value)
		}
		seen := make(map[any]bool, v.Len())
		for at := range v.Len() {
			item := v.Index(at).Interface()
			if seen[item] {
				i.report(fieldNotUnique)
				return
			}
			seen[item] = true
		}
	}
}

// leaveUnique takes from the adapter what the inspections do of the schema, and leaves it in the spec.
func leaveUnique(r huma.Registry, s *huma.Schema, visited map[*huma.Schema]bool) {
	if s == nil || visited[s] {
		return
	}
	visited[s] = true
	if s.Ref != "" {
		leaveUnique(r, r.SchemaFromRef(s.Ref), visited)
		return
	}
	if s.UniqueItems {
		s.UniqueItems = false
		s.Extensions = map[string]any{"uniqueItems": true}
	}
	leaveUnique(r, s.Items, visited)
	for _, property := range s.Properties {
		leaveUnique(r, property, visited)
	}
}

func inspectTime(i *inspector, v reflect.Value, given bool) {
	if !given && v.IsZero() {
		return
	}
	at := v.Interface().(time.Time)
	if year := at.UTC().Year(); at.IsZero() || year < 1 || year > 9999 {
		i.report(fieldOutOfRange)
	}
}

func inspectID(i *inspector, v reflect.Value, given bool) {
	if given && v.IsZero() {
		i.report(fieldUUID)
	}
}

func inspectText(i *inspector, v reflect.Value, _ bool) {
	if !readable(v.String()) {
		i.report(fieldUnreadable)
	}
}

// readable tells whether a text is UTF-8 without control characters, line breaks and tabs excepted, and without
// characters that change the direction of what follows: they make a text read as another than it is.
func readable(s string) bool {
	for at := range len(s) {
		switch b := s[at]; {
		case b < 0x20 && b != '\n' && b != '\r' && b != '\t', b == 0x7F:
			return false
		case b == 0xE2 && at+2 < len(s) && turns(rune(s[at+1]&0x3F)<<6|rune(s[at+2]&0x3F)|0x2000):
			return false
		}
	}
	return utf8.ValidString(s)
}

// turns tells whether a character embeds, overrides or isolates a direction.
func turns(r rune) bool { return r >= '\u202A' && r <= '\u202E' || r >= '\u2066' && r <= '\u2069' }
