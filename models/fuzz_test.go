package models

import (
	"encoding/base64"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func FuzzListCursor(f *testing.F) {
	f.Add("")
	f.Add(Mark{At: 1_772_413_200_000_000, ID: uuid.MustParse("01900000-0000-7000-8000-000000000001")}.String())
	f.Add(Mark{At: -1}.String() + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		mark, err := ParseMark(text)
		if err != nil {
			if !errors.Is(err, ErrCursor) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if mark.String() != text {
			t.Fatalf("%q is another spelling of %q", text, mark.String())
		}
	})
}

func FuzzSyncCursor(f *testing.F) {
	key := SigningKey{ID: 7, Secret: []byte("a secret of thirty-two bytes ...")}
	id := uuid.MustParse("01900000-0000-7000-8000-000000000001")
	whole := Cursor{Epoch: id, Read: []Followed{
		{Stream: UserStream(id), Mode: FollowAll, Seq: 12},
		{Stream: ZoneStream(id), Mode: FollowVisible, Seq: 1 << 40},
		{Stream: EnterpriseStream(id), Mode: Leaving, Mark: 0xffffffff, Seq: 3, Until: -9},
	}}.Encode(key)
	signed, _ := base64.RawURLEncoding.DecodeString(whole)
	f.Add(signed[:len(signed)-cursorTag], whole)
	f.Add([]byte{}, "")
	f.Add(make([]byte, 20), whole[1:])
	f.Fuzz(func(t *testing.T, body []byte, forged string) {
		// What nobody signed is refused, whatever it is.
		_, _ = CursorKey(forged)
		if c, err := DecodeCursor(forged, key); forged != whole && err == nil {
			t.Fatalf("%q was taken for %+v", forged, c)
		}
		// What is signed either parses and survives a round trip, or is refused.
		text := base64.RawURLEncoding.EncodeToString(append(body[:len(body):len(body)], tagOf(key, body)...))
		c, err := DecodeCursor(text, key)
		if err != nil {
			if !errors.Is(err, ErrCursor) {
				t.Fatalf("%x: %v", body, err)
			}
			return
		}
		again, err := DecodeCursor(c.Encode(key), key)
		if err != nil || !reflect.DeepEqual(again, c) {
			t.Fatalf("%+v became %+v, %v", c, again, err)
		}
		other := SigningKey{ID: 7, Secret: []byte("another secret of thirty-two byte")}
		if _, err := DecodeCursor(text, other); !errors.Is(err, ErrCursor) {
			t.Fatalf("a cursor signed with another key: %v", err)
		}
	})
}

func FuzzRefreshToken(f *testing.F) {
	key := SigningKey{ID: 1, Secret: []byte("a secret of thirty-two bytes ...")}
	token := NewRefreshToken(key, uuid.MustParse("01900000-0000-7000-8000-000000000001"), [32]byte{1, 2, 3})
	f.Add(token.String())
	f.Add(token.String() + "=")
	f.Add(token.Successor(key).String()[1:])
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, ok := ParseRefreshToken(text)
		if !ok {
			return
		}
		if parsed.String() != text {
			t.Fatalf("%q is another spelling of %q", text, parsed.String())
		}
		if parsed.Authentic(key) && text != token.String() && text != token.Successor(key).String() {
			t.Fatalf("%q was never made with the key", text)
		}
	})
}

func FuzzCreditCode(f *testing.F) {
	f.Add("91430481MA4L00001")
	f.Add("９１４３０４８１ｍａ４ｌ００００１")
	f.Add("91430481000000001X")
	f.Add(" \u2003911\x00")
	f.Fuzz(func(t *testing.T, text string) {
		code := NormalCreditCode(text)
		if ValidCreditCode(code) {
			checkCreditCode(t, code)
			if again := NormalCreditCode(code); again != code {
				t.Fatalf("%q is normalised to %q and then to %q", text, code, again)
			}
		}
		if whole := CompleteCreditCode(code); whole != "" {
			if !ValidCreditCode(whole) {
				t.Fatalf("%q was completed to %q", code, whole)
			}
			checkCreditCode(t, whole)
		}
	})
}

// checkCreditCode holds what the check character is for: one wrong character or two that changed places are noticed.
func checkCreditCode(t *testing.T, code string) {
	t.Helper()
	if len(code) != 18 || strings.Trim(code, creditCodeAlphabet) != "" || CompleteCreditCode(code[:17]) != code {
		t.Fatalf("%q is taken for a credit code", code)
	}
	for i := range code {
		for _, c := range creditCodeAlphabet {
			if wrong := code[:i] + string(c) + code[i+1:]; wrong != code && ValidCreditCode(wrong) {
				t.Fatalf("%q passes for %q", wrong, code)
			}
		}
		if i > 0 {
			turned := code[:i-1] + code[i:i+1] + code[i-1:i] + code[i+1:]
			if turned != code && ValidCreditCode(turned) {
				t.Fatalf("%q passes for %q", turned, code)
			}
		}
	}
}
