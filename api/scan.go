package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"sync"
	"unicode/utf8"
)

// What a JSON body may consist of at most. Validation makes an error of every wrong member and compares the items of
// unique lists with each other, so the work that a body causes is bounded by these and not by its bytes.
const (
	mostDepth      = 64
	mostValues     = 20_000 // members and items
	mostContainers = 1_000  // objects and arrays
)

var (
	errTooMuch   = errors.New(keyTooMuch)
	errMalformed = errors.New(keyInvalidValue)
)

// scan refuses what a decoder would read in its own way or at a price: text that is not UTF-8, surrogates without
// their other half, a name twice in one object, absurd depth, absurd numbers of values. Whether the rest is JSON is
// the decoder's to say.
func scan(data []byte) error {
	if !utf8.Valid(data) {
		return errMalformed
	}
	s := scanners.Get().(*scanner)
	err := s.run(data)
	// Nothing of one body is kept for the next.
	clear(s.names[:cap(s.names)])
	clear(s.open[:cap(s.open)])
	scanners.Put(s)
	return err
}

var scanners = sync.Pool{New: func() any { return &scanner{} }}

type scanner struct {
	open  []container
	names [][]byte // those of all open objects that have few
	// values and containers are how many there were up to here.
	values, containers int
}

type container struct {
	object bool
	// name tells that the next text is a name and not a value.
	name  bool
	first int // where its names begin in scanner.names
	many  map[string]bool
}

// few is up to how many names comparing each with each is cheaper than a map.
const few = 24

func (s *scanner) run(data []byte) error {
	s.open, s.names, s.values, s.containers = s.open[:0], s.names[:0], 0, 0
	for at := 0; at < len(data); at++ {
		switch b := data[at]; b {
		case '"':
			end, escaped, ok := closing(data, at)
			if !ok {
				return errMalformed
			}
			if top := len(s.open) - 1; top >= 0 && s.open[top].name {
				s.open[top].name = false
				if !s.add(&s.open[top], data[at:end+1], escaped) {
					return errMalformed
				}
			}
			at = end
		case '{', '[':
			if s.containers++; s.containers > mostContainers {
				return errTooMuch
			}
			if len(s.open) == mostDepth {
				return errMalformed
			}
			s.values++
			s.open = append(s.open, container{object: b == '{', name: b == '{', first: len(s.names)})
		case '}', ']':
			if top := len(s.open) - 1; top >= 0 {
				s.names = s.names[:s.open[top].first]
				s.open = s.open[:top]
			}
		case ',':
			if s.values++; s.values > mostValues {
				return errTooMuch
			}
			if top := len(s.open) - 1; top >= 0 {
				s.open[top].name = s.open[top].object
			}
		}
	}
	return nil
}

// add notes a name, quoted as it came, and tells whether it is the object's first of that spelling.
func (s *scanner) add(c *container, quoted []byte, escaped bool) bool {
	name := quoted[1 : len(quoted)-1]
	if escaped {
		var plain string
		if json.Unmarshal(quoted, &plain) != nil {
			return false
		}
		name = []byte(plain)
	}
	if c.many != nil {
		if c.many[string(name)] {
			return false
		}
		c.many[string(name)] = true
		return true
	}
	for _, other := range s.names[c.first:] {
		if bytes.Equal(other, name) {
			return false
		}
	}
	s.names = append(s.names, name)
	if len(s.names)-c.first > few {
		c.many = make(map[string]bool, 4*few)
		for _, other := range s.names[c.first:] {
			c.many[string(other)] = true
		}
	}
	return true
}

// closing finds the closing quote of the text that begins at start. It is not ok when there is none, or when the text
// holds half a surrogate pair.
func closing(data []byte, start int) (end int, escaped, ok bool) {
	for at := start + 1; at < len(data); at++ {
		switch data[at] {
		case '"':
			return at, escaped, true
		case '\\':
			escaped = true
			at++
			if at >= len(data) || data[at] != 'u' {
				continue
			}
			unit, found := hex4(data, at+1)
			if !found || unit >= 0xDC00 && unit <= 0xDFFF {
				return 0, true, false
			}
			at += 4
			if unit < 0xD800 || unit > 0xDBFF {
				continue
			}
			low, found := uint32(0), false
			if at+2 < len(data) && data[at+1] == '\\' && data[at+2] == 'u' {
				low, found = hex4(data, at+3)
			}
			if !found || low < 0xDC00 || low > 0xDFFF {
				return 0, true, false
			}
			at += 6
		}
	}
	return 0, escaped, false
}

func hex4(data []byte, at int) (unit uint32, ok bool) {
	if at+4 > len(data) {
		return 0, false
	}
	for _, b := range data[at : at+4] {
		switch {
		case b >= '0' && b <= '9':
			b -= '0'
		case b >= 'a' && b <= 'f':
			b -= 'a' - 10
		case b >= 'A' && b <= 'F':
			b -= 'A' - 10
		default:
			return 0, false
		}
		unit = unit<<4 | uint32(b)
	}
	return unit, true
}
