package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestJSONThatReadsInTwoWays(t *testing.T) {
	k := newHostileKit()
	whole := func(more string) string {
		return `{"id":"01890000-0000-7000-8000-00000000000b","at":"2026-03-02T08:00:00Z"` + more + `}`
	}
	object := func(first, last int) string {
		var names []string
		for i := range last {
			names = append(names, fmt.Sprintf(`"n%d":"x"`, i))
		}
		return `{` + strings.Join(append(names, fmt.Sprintf(`"n%d":"y"`, first)), ",") + `}`
	}
	const malformed = "malformed_body"
	for body, want := range map[string]string{
		whole(``): "204",
		whole(`,"note":"\ud83d\ude00 \"\\ud800\" 好\n"`):                               "204",
		whole(`,"note":"a","note":"b"`):                                               malformed,
		whole(`,"note":"a","no\u0074e":"b"`):                                          malformed,
		whole(`,"inner":[` + whole(``) + `,` + whole(`,"note":"a","note":"a"`) + `]`): malformed,
		whole(`,"named":` + object(100, 99)):                                          "204",
		whole(`,"named":` + object(3, 10)):                                            malformed,
		whole(`,"named":` + object(3, 99)):                                            malformed,
		whole(`,"named":` + object(98, 99)):                                           malformed,
		whole(`,"note":"\ud800"`):                                                     malformed,
		whole(`,"note":"\ud800\u0041"`):                                               malformed,
		whole(`,"note":"\ude00\ud83d"`):                                               malformed,
		whole(`,"note":"\ud83d`):                                                      malformed,
		whole(",\"note\":\"\xff\""):                                                   malformed,
		whole(",\"note\":\"\xed\xa0\x80\""):                                           malformed,
		whole(",\"note\":\"\x00\""):                                                   malformed,
		whole(`,"note":` + strings.Repeat("[", 65) + strings.Repeat("]", 65)):         malformed,
		whole(`,"note":` + strings.Repeat("[", 60) + strings.Repeat("]", 60)):         "validation_failed, body.note expected_string",
		`]]}}"`:                     malformed,
		`{"note":"a"}}{"note":"b"}`: malformed,
		`{"note":"a","note`:         malformed,
		`"\`:                        malformed,
		`"\u12`:                     malformed,
	} {
		if got := k.send(t, "PUT", aNest, body).wrong(t); got != want {
			t.Errorf("%.200q: %s", body, got)
		}
	}
}

// FuzzScan holds the scan to what the decoder says: it refuses no sound body, and lets no name through twice.
func FuzzScan(f *testing.F) {
	k := newHostileKit()
	const whole = `{"id":"01890000-0000-7000-8000-00000000000b","at":"2026-03-02T08:00:00Z","note":"a\n","named":{"x":"1","y":"2"},"ids":[]}`
	for _, seed := range []string{whole, strings.Replace(whole, "ids", "n\\u006fte", 1), `{"name":"a"}`, `{"name":"a","name":"b"}`, `{"name":"\ud800"}`, `{"a":[{"b":"\\"}],"c":"\""}`, `"`, "{", "\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got := k.send(t, "PUT", aNest, string(body))
		if got.status >= 500 || got.status < 400 && twice(body) {
			t.Errorf("%q answered %d %s", body, got.status, got.body)
		}
	})
}

// twice tells whether an object names a member twice at the top.
func twice(body []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(body))
	seen := map[string]bool{}
	depth, name := 0, false
	for {
		token, err := decoder.Token()
		if err != nil {
			return false
		}
		switch token := token.(type) {
		case json.Delim:
			if token == '{' || token == '[' {
				depth++
			} else {
				depth--
			}
			name = depth == 1
		case string:
			if depth == 1 && name {
				if seen[token] {
					return true
				}
				seen[token] = true
				name = false
				continue
			}
			name = depth == 1
		default:
			name = depth == 1
		}
	}
}
