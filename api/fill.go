package api

import (
	"encoding/json"
	"reflect"
	"strings"
	"sync"
	"time"
)

// filler replaces what would be encoded as a null array by an empty one. Wire values are made for one answer, so they
// may be changed.
type filler func(v reflect.Value)

var fillers sync.Map // reflect.Type → filler, for what stands behind interfaces

// fillerOf makes the filler for a type, or nil when nothing of the type can be a null array.
func fillerOf(t reflect.Type) filler { return (&fillMaker{made: map[reflect.Type]*filler{}}).of(t) }

type fillMaker struct{ made map[reflect.Type]*filler }

func (m *fillMaker) of(t reflect.Type) filler {
	if t == reflect.TypeFor[time.Time]() || encodesItself(t) {
		return nil
	}
	switch t.Kind() {
	case reflect.Interface:
		return fillInterface
	case reflect.Pointer, reflect.Struct, reflect.Slice, reflect.Array, reflect.Map:
	default:
		return nil
	}
	if known, ok := m.made[t]; ok {
		// The type contains itself: its filler is complete by the time that this one runs.
		return func(v reflect.Value) {
			if *known != nil {
				(*known)(v)
			}
		}
	}
	slot := new(filler)
	m.made[t] = slot
	*slot = m.make(t)
	return *slot
}

func (m *fillMaker) make(t reflect.Type) filler {
	switch t.Kind() {
	case reflect.Pointer:
		if inner := m.of(t.Elem()); inner != nil {
			return func(v reflect.Value) {
				if !v.IsNil() {
					inner(v.Elem())
				}
			}
		}
	case reflect.Slice:
		inner := m.of(t.Elem())
		return func(v reflect.Value) {
			if v.IsNil() {
				v.Set(reflect.MakeSlice(t, 0, 0))
				return
			}
			fillItems(v, inner)
		}
	case reflect.Array:
		if inner := m.of(t.Elem()); inner != nil {
			return func(v reflect.Value) { fillItems(v, inner) }
		}
	case reflect.Map:
		if inner := m.of(t.Elem()); inner != nil {
			return func(v reflect.Value) {
				for _, key := range v.MapKeys() {
					v.SetMapIndex(key, filledCopy(v.MapIndex(key), inner))
				}
			}
		}
	case reflect.Struct:
		return m.makeStruct(t)
	}
	return nil
}

func (m *fillMaker) makeStruct(t reflect.Type) filler {
	type field struct {
		index int
		fill  filler
	}
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		inner := m.of(f.Type)
		if f.Type.Kind() == reflect.Slice && strings.Contains(options, "omit") {
			// Left out when nil; its items may hold arrays all the same.
			item := m.of(f.Type.Elem())
			inner = func(v reflect.Value) { fillItems(v, item) }
		}
		if inner != nil {
			fields = append(fields, field{i, inner})
		}
	}
	if fields == nil {
		return nil
	}
	return func(v reflect.Value) {
		for _, f := range fields {
			f.fill(v.Field(f.index))
		}
	}
}

func fillItems(v reflect.Value, inner filler) {
	if inner == nil {
		return
	}
	for i := range v.Len() {
		inner(v.Index(i))
	}
}

func fillInterface(v reflect.Value) {
	if v.IsNil() {
		return
	}
	held := v.Elem()
	known, ok := fillers.Load(held.Type())
	if !ok {
		known, _ = fillers.LoadOrStore(held.Type(), fillerOf(held.Type()))
	}
	if inner := known.(filler); inner != nil {
		v.Set(filledCopy(held, inner))
	}
}

func filledCopy(v reflect.Value, inner filler) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	inner(c)
	return c
}

func encodesItself(t reflect.Type) bool {
	marshaler := reflect.TypeFor[json.Marshaler]()
	return t.Implements(marshaler) || reflect.PointerTo(t).Implements(marshaler)
}
