package handlers_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"lianqi/api"
	"lianqi/internal/testkit"
	"lianqi/internal/testkit/world"
)

// FuzzRecordVisit sends bodies of any kind: every answer is as the contract says, and none is a fault of ours. MILL in
// a body stands for the enterprise that the cadre serves, whose id each process makes anew.
func FuzzRecordVisit(f *testing.F) {
	w := world.New(f)
	token, mill := w.As(w.Cadre).Token, w.Mill.ID.String()
	spec, _, err := w.API.Spec()
	if err != nil {
		f.Fatal(err)
	}
	contract, err := testkit.NewContract(spec)
	if err != nil {
		f.Fatal(err)
	}
	const whole = `{"enterprise_id":"MILL","started_at":"2026-03-02T00:30:00Z","ended_at":"2026-03-02T00:45:00+08:00","purpose":"routine","remark":"好",` +
		`"participants":["张"],"position":{"latitude":26.4,"longitude":112.8,"accuracy_m":5,"crs":"gcj02","mock":true},` +
		`"problems":[{"id":"01900000-0000-7000-8000-000000000001","category":"power","urgency":"urgent","title":"停电","description":""}],` +
		`"photo_ids":["01900000-0000-7000-8000-000000000002"]}`
	for _, seed := range []string{
		whole, "", "null", "[]", "{}", `"text"`, "{", whole[:len(whole)-1], whole + "}", "\xff\xfe", strings.Repeat("[", 10_000),
		`{"enterprise_id":"MILL","started_at":"2026-03-02T00:30:00Z","purpose":"routine"}`,
		`{"enterprise_id":"MILL","started_at":"0000-01-01T00:00:00Z","purpose":"routine"}`,
		`{"enterprise_id":"MILL","started_at":"9999-12-31T23:59:60Z","purpose":"routine"}`,
		`{"enterprise_id":"MILL","started_at":"2026-03-02T00:30:00.123456789+23:59","purpose":"other","remark":"\u0000\ud800"}`,
		`{"enterprise_id":"MILL","Enterprise_ID":"MILL","started_at":"2026-03-02T00:30:00Z","purpose":"routine"}`,
		`{"enterprise_id":null,"started_at":1e999,"purpose":{},"participants":[null],"problems":[[]],"position":"here"}`,
		strings.Replace(whole, "26.4", "1e400", 1), strings.Replace(whole, `"title":"停电"`, `"title":""`, 1),
		strings.Replace(whole, "00:30:00Z", "00:30:00z", 1), strings.Replace(whole, "MILL", "urn:uuid:MILL", 1), strings.Replace(whole, "MILL", "{MILL}", 1),
	} {
		f.Add([]byte(seed), "")
		f.Add([]byte(seed), "2026-03-02T01:00:01Z")
	}
	f.Add([]byte(whole), "0001-01-01T00:00:00Z")
	f.Add([]byte(whole), "9999-12-31T23:59:59+14:00")
	f.Add([]byte(whole), "yesterday")

	f.Fuzz(func(t *testing.T, sent []byte, clientTime string) {
		sent = bytes.ReplaceAll(sent, []byte("MILL"), []byte(mill))
		// Of one id come one visit's submissions only, whatever was sent before.
		path := api.Prefix + "/visits/" + uuid.NewSHA1(uuid.Nil, fmt.Append(nil, clientTime, sent)).String()
		put := func() *httptest.ResponseRecorder {
			request := httptest.NewRequest(http.MethodPut, path, bytes.NewReader(sent))
			request.Header.Set("Content-Type", "application/json")
			request.Header.Set("Authorization", "Bearer "+token)
			if clientTime != "" {
				request.Header.Set("Client-Time", clientTime)
			}
			answer := httptest.NewRecorder()
			w.API.ServeHTTP(answer, request)
			contract.Check(t, request, sent, answer.Result(), answer.Body.Bytes())
			return answer
		}
		answer := put()
		switch answer.Code {
		case http.StatusCreated, http.StatusOK:
			again := put()
			if again.Code != http.StatusOK || again.Body.String() != answer.Body.String() {
				t.Fatalf("answered %d %s, then %d %s", answer.Code, answer.Body, again.Code, again.Body)
			}
		case http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
			if media := answer.Header().Get("Content-Type"); media != "application/problem+json" {
				t.Fatalf("%d comes as %q: %s", answer.Code, media, answer.Body)
			}
		default:
			t.Fatalf("answered %d: %s", answer.Code, answer.Body)
		}
	})
}
