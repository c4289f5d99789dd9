package models

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
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
	ID ID
}

const markSize = 8 + 16

// String is the mark as an opaque cursor.
func (m Mark) String() string {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, markSize), uint64(m.At)) //nolint:gosec // the bits round-trip
	return base64.RawURLEncoding.EncodeToString(append(b, m.ID[:]...))
}

// ParseMark reads a cursor. Errors: ErrCursor for anything that String has not made.
func ParseMark(cursor string) (Mark, error) {
	b, ok := fromText(cursor)
	if !ok || len(b) != markSize {
		return Mark{}, ErrCursor
	}
	return Mark{At: int64(binary.BigEndian.Uint64(b)), ID: ID(b[8:])}, nil //nolint:gosec // the bits round-trip
}

// fromText reads bytes that were written as text in one piece. The decoder alone would skip line breaks, and one token
// would have many spellings.
func fromText(text string) (b []byte, ok bool) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return b, err == nil
}
