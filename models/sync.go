package models

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
)

// A phone follows the streams of its owner's scope. How much of a stream it sees depends on why it follows it.
const (
	// FollowAll: everything on the stream is visible; what is not there any more is gone.
	FollowAll byte = 'a'
	// FollowVisible: only part of the stream is visible; of the rest the phone has never heard.
	FollowVisible byte = 'v'
	// FollowTenure: as FollowVisible, for an enterprise that a cadre served once.
	FollowTenure byte = 't'
	// Leaving: the stream has left the scope. What the phone may have is looked at once more up to Until, then the
	// stream is dropped or followed from there.
	Leaving byte = 'l'
)

// Followed is one stream and how far a phone has read it.
type Followed struct {
	Stream Stream
	Mode   byte
	// Was is the mode that a Leaving stream had.
	Was byte
	// Mark tells two scopes of the same mode apart: the tenures of FollowTenure, what a part of the zone is followed for.
	Mark uint32
	// Seq is the last change read; Until is where a Leaving walk ends.
	Seq, Until int64
}

// Follows lists the streams of the scope, in a fixed order: first the user's own.
func (s Scope) Follows() []Followed {
	list := []Followed{{Stream: UserStream(s.UserID), Mode: FollowAll}}
	if mode, mark := s.zoneMode(); mode != 0 {
		for _, z := range ZoneStreams() {
			list = append(list, Followed{Stream: z, Mode: mode, Mark: mark})
		}
	}
	if s.Everything {
		return list
	}
	if s.Cadre {
		for _, id := range s.Serves() {
			list = append(list, Followed{Stream: EnterpriseStream(id), Mode: FollowAll})
		}
		for _, t := range s.Served() {
			list = appendTenure(list, t)
		}
	}
	for _, d := range s.Departments {
		list = append(list, Followed{Stream: DepartmentStream(d), Mode: FollowAll})
	}
	if s.RoutedTo != nil && !contains(s.Departments, *s.RoutedTo) {
		list = append(list, Followed{Stream: DepartmentStream(*s.RoutedTo), Mode: FollowVisible})
	}
	if s.EnterpriseID != nil {
		list = append(list, Followed{Stream: EnterpriseStream(*s.EnterpriseID), Mode: FollowVisible})
	}
	return list
}

// Why a part of the zone is followed, as bits of Mark.
const (
	forEnterprises uint32 = 1 << iota
	forProblems
)

func (s Scope) zoneMode() (mode byte, mark uint32) {
	if s.Everything {
		return FollowAll, 0
	}
	if s.EveryEnterprise {
		mode, mark = FollowVisible, mark|forEnterprises
	}
	if s.EveryProblem {
		mode, mark = FollowVisible, mark|forProblems
	}
	return mode, mark
}

// Left is the scope by which the phone of who saw part of a stream that it is leaving; all is true when it saw
// everything there.
func (f Followed) Left(who Actor) (s Scope, all bool) {
	s = Scope{UserID: who.UserID}
	id := f.Stream.ID()
	switch {
	case f.Was == FollowAll:
		return s, true
	case f.Was == FollowTenure:
		s.Cadre = true
		for _, t := range who.Assignments {
			if t.EnterpriseID == id {
				s.Tenures = append(s.Tenures, t)
			}
		}
	case f.Stream[0] == 'd':
		s.RoutedTo = &id
	case f.Stream[0] == 'e':
		s.EnterpriseID = &id
	default:
		s.EveryEnterprise, s.EveryProblem = f.Mark&forEnterprises != 0, f.Mark&forProblems != 0
	}
	return s, false
}

// appendTenure adds a past tenure; several at one enterprise are one stream with a mark over all of them.
func appendTenure(list []Followed, t Tenure) []Followed {
	h := fnv.New32a()
	_, _ = fmt.Fprintf(h, "%d-%d", t.From.UnixMicro(), t.Until.UnixMicro())
	name := EnterpriseStream(t.EnterpriseID)
	for i := range list {
		if list[i].Stream == name {
			list[i].Mark = list[i].Mark*16777619 ^ h.Sum32()
			return list
		}
	}
	return append(list, Followed{Stream: name, Mode: FollowTenure, Mark: h.Sum32()})
}

func contains(ids []ID, id ID) bool {
	for _, i := range ids {
		if i == id {
			return true
		}
	}
	return false
}

// Resume joins what the scope follows now with how far a phone has read: streams it does not know yet begin at their
// beginning, streams that left the scope or changed their mode are walked once more, first of all.
func (s Scope) Resume(read []Followed) []Followed {
	known := map[Stream]Followed{}
	for _, f := range read {
		known[f.Stream] = f
	}
	var leaving, going []Followed
	for _, now := range s.Follows() {
		before, ok := known[now.Stream]
		delete(known, now.Stream)
		switch {
		case !ok, before.Mode == now.Mode && before.Mark == now.Mark:
			now.Seq = before.Seq
			going = append(going, now)
		case before.Mode == Leaving:
			leaving = append(leaving, before)
		case before.Mode != FollowAll && now.Mode == FollowAll:
			// More of it is visible than before: read it again.
			going = append(going, now)
		default:
			leaving = append(leaving, before.leave())
		}
	}
	for _, f := range read {
		if left, ok := known[f.Stream]; ok && left.Mode != Leaving {
			leaving = append(leaving, f.leave())
		} else if ok {
			leaving = append(leaving, left)
		}
	}
	return append(leaving, going...)
}

func (f Followed) leave() Followed {
	return Followed{Stream: f.Stream, Mode: Leaving, Was: f.Mode, Mark: f.Mark, Until: f.Seq}
}

// Cursor is how far a phone has read the history named by the epoch.
type Cursor struct {
	Epoch ID
	Read  []Followed
}

const cursorTag = 16

// Encode writes the cursor as text that only a holder of the key can have made.
func (c Cursor) Encode(key SigningKey) string {
	b := binary.BigEndian.AppendUint32(nil, uint32(key.ID)) //nolint:gosec // key ids count from 1
	b = append(b, c.Epoch[:]...)
	for _, f := range c.Read {
		b = append(b, byte(len(f.Stream)))
		b = append(b, f.Stream...)
		b = append(b, f.Mode, f.Was)
		b = binary.BigEndian.AppendUint32(b, f.Mark)
		b = binary.AppendVarint(b, f.Seq)
		b = binary.AppendVarint(b, f.Until)
	}
	return base64.RawURLEncoding.EncodeToString(append(b, tagOf(key, b)...))
}

// CursorKey tells which key a cursor says it was made with.
func CursorKey(text string) (id int64, ok bool) {
	b, ok := fromText(text)
	if !ok || len(b) < 4+16+cursorTag {
		return 0, false
	}
	return int64(binary.BigEndian.Uint32(b)), true
}

// DecodeCursor reads a cursor that was made with the key. Errors: ErrCursor.
func DecodeCursor(text string, key SigningKey) (c Cursor, err error) {
	b, ok := fromText(text)
	if !ok || len(b) < 4+16+cursorTag {
		return c, ErrCursor
	}
	body, tag := b[:len(b)-cursorTag], b[len(b)-cursorTag:]
	if !hmac.Equal(tag, tagOf(key, body)) {
		return c, ErrCursor
	}
	copy(c.Epoch[:], body[4:])
	r := reader{body[20:]}
	for len(r.b) > 0 {
		var f Followed
		f.Stream = Stream(r.bytes(int(r.byte())))
		f.Mode, f.Was = r.byte(), r.byte()
		f.Mark = r.uint32()
		f.Seq, f.Until = r.varint(), r.varint()
		if r.b == nil || !f.Stream.valid() {
			return Cursor{}, ErrCursor.Because(errors.New("signed cursor does not parse"))
		}
		c.Read = append(c.Read, f)
	}
	return c, nil
}

func tagOf(key SigningKey, body []byte) []byte {
	mac := hmac.New(sha256.New, key.Secret)
	mac.Write([]byte("sync cursor"))
	mac.Write(body)
	return mac.Sum(nil)[:cursorTag]
}

// valid tells whether the name is that of a user, an enterprise or a department, or of a part of the zone.
func (s Stream) valid() bool {
	switch len(s) {
	case 17:
		return s[0] == 'u' || s[0] == 'e' || s[0] == 'd'
	case 2:
		return s[0] == 'z' && strings.IndexByte(hexDigits, s[1]) >= 0
	}
	return false
}

// reader takes bytes off the front; after a fault it is empty and nil.
type reader struct{ b []byte }

func (r *reader) bytes(n int) []byte {
	if len(r.b) < n {
		r.b = nil
		return nil
	}
	taken := r.b[:n]
	r.b = r.b[n:]
	return taken
}

func (r *reader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.b = nil
		return 0
	}
	r.b = r.b[n:]
	return v
}
