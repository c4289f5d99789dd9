package handlers_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"lianqi/internal/testkit/world"
	"lianqi/models"
	"lianqi/store"
)

// newID is the id that a phone gives to what it creates.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// body is a request as a phone writes it.
type body = map[string]any

// with is the body with other members; a nil takes one away.
func with(b body, changes body) body {
	b = maps.Clone(b)
	for name, value := range changes {
		if value == nil {
			delete(b, name)
		} else {
			b[name] = value
		}
	}
	return b
}

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// visitTo is a visit to the enterprise that began at started.
func visitTo(enterprise models.ID, started time.Time, problems ...body) body {
	return body{
		"enterprise_id": enterprise, "started_at": rfc3339(started), "purpose": "routine", "remark": "一切正常",
		"participants": []string{"张厂长"}, "problems": append([]body{}, problems...),
	}
}

func problemOf(category, urgency string) body {
	return body{"id": newID(), "category": category, "urgency": urgency, "title": "变压器容量不足", "description": "夏季负荷高"}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func TestVisitIsRecordedOnce(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		cadre, id := w.As(w.Cadre), newID()
		photo, started := newID(), w.Clock.Now().Add(-time.Hour)
		problem := problemOf("power", "urgent")
		sent := with(visitTo(w.Mill.ID, started, problem), body{
			"ended_at": rfc3339(started.Add(30 * time.Minute)), "photo_ids": []string{photo},
			"position": body{"latitude": 26.4, "longitude": 112.8, "accuracy_m": 12.5, "crs": "gcj02", "mock": true},
		})
		first := cadre.Want(http.StatusCreated, http.MethodPut, "/visits/"+id, sent)
		for member, want := range map[string]any{
			"id": id, "enterprise_id": w.Mill.ID, "campaign_id": w.Campaign.ID, "author_id": w.Cadre.ID, "started_at": rfc3339(started),
			"ended_at": rfc3339(started.Add(30 * time.Minute)), "received_at": rfc3339(w.Clock.Now()), "version": "1", "state": "amendable",
			"clock_skew_ms": "0", "clock_suspect": "false", "remark": "一切正常",
		} {
			same(t, member, first.Text(member), want)
		}
		same(t, "ETag", first.Header.Get("ETag"), `"1"`)
		same(t, "photos", first.Text("photos", "expected")+first.Text("photos", "present"), "10")
		same(t, "position.mock", first.Text("position", "mock"), "true")
		same(t, "problems[0].state", first.Text("problems", 0, "state"), "reported")

		again := cadre.Want(http.StatusOK, http.MethodPut, "/visits/"+id, sent)
		same(t, "the answer to the same visit again", string(again.Body), string(first.Body))
		// The same submission in another spelling.
		spelled := with(sent, body{"started_at": started.In(time.FixedZone("", 8*3600)).Format(time.RFC3339Nano)})
		cadre.Want(http.StatusOK, http.MethodPut, "/visits/"+id, spelled)
		// What is stored is answered as it is now, to however late a repetition.
		cadre.Want(http.StatusOK, http.MethodPatch, "/visits/"+id, body{"remark": "补充"}, `If-Match: "1"`)
		w.Clock.Advance(48 * time.Hour)
		cadre = w.Login(w.Cadre)
		late := cadre.Want(http.StatusOK, http.MethodPut, "/visits/"+id, sent)
		same(t, "late answer", late.Text("version")+late.Text("remark")+late.Text("state"), "2补充locked")

		other := cadre.Refused(http.StatusConflict, "id_conflict", http.MethodPut, "/visits/"+id, with(sent, body{"remark": "另一次"}))
		same(t, "current", other.Text("current", "id"), id)
		stranger := w.Login(w.OtherCadre).Refused(http.StatusConflict, "id_conflict", http.MethodPut, "/visits/"+id, sent)
		if stranger.Member("current") != nil {
			t.Errorf("a cadre who may not see the visit is told it: %s", stranger.Body)
		}
		list := cadre.Want(http.StatusOK, http.MethodGet, "/visits", nil)
		same(t, "visits", len(list.List("items")), 1)
	})
}

func TestDefaultsCountAsSaid(t *testing.T) {
	w := world.New(t)
	cadre, id, problem := w.As(w.Cadre), newID(), newID()
	brief := body{
		"enterprise_id": w.Mill.ID, "started_at": rfc3339(w.Clock.Now()), "purpose": "safety",
		"problems": []body{{"id": problem, "category": "safety", "title": "消防通道堵塞"}},
	}
	cadre.Want(http.StatusCreated, http.MethodPut, "/visits/"+id, brief)
	full := with(brief, body{"problems": []body{{"id": problem, "category": "safety", "title": "消防通道堵塞", "urgency": "normal"}}})
	cadre.Want(http.StatusOK, http.MethodPut, "/visits/"+id, full)
}

func TestVisitMadeOffline(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		cadre, id := w.As(w.Cadre), newID()
		started := w.Clock.Now().Add(-5 * 24 * time.Hour)
		v := cadre.Want(http.StatusCreated, http.MethodPut, "/visits/"+id, visitTo(w.Mill.ID, started))
		same(t, "started_at", v.Text("started_at"), rfc3339(started))
		same(t, "received_at", v.Text("received_at"), rfc3339(w.Clock.Now()))
		same(t, "state", v.Text("state"), "amendable")
		w.Clock.Advance(models.AmendmentTime - time.Microsecond)
		cadre = w.Login(w.Cadre)
		cadre.Want(http.StatusOK, http.MethodPatch, "/visits/"+id, body{"remark": "还来得及"}, `If-Match: "1"`)
		w.Clock.Advance(time.Microsecond)
		locked := cadre.Refused(http.StatusConflict, "visit_locked", http.MethodPatch, "/visits/"+id, body{"remark": "晚了"}, `If-Match: "2"`)
		if strings.Contains(string(locked.Body), "晚了") {
			t.Errorf("the refusal repeats what was sent: %s", locked.Body)
		}
		same(t, "remark", cadre.Want(http.StatusOK, http.MethodGet, "/visits/"+id, nil).Text("remark"), "还来得及")
	})
}

func TestPhoneClockIsCorrected(t *testing.T) {
	w := world.New(t)
	cadre := w.As(w.Cadre)
	for name, c := range map[string]struct {
		ahead   time.Duration // of the phone
		suspect bool
	}{
		"exact":                      {0, false},
		"a minute and a half behind": {-90 * time.Second, false},
		"two minutes ahead":          {2 * time.Minute, false},
		"two minutes behind":         {-2 * time.Minute, false},
		"a little more ahead":        {2*time.Minute + time.Millisecond, true},
		"a little more behind":       {-2*time.Minute - time.Millisecond, true},
		"a year behind":              {-366 * 24 * time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			started := w.Clock.Now().Add(-time.Hour)
			phone := func(real time.Time) time.Time { return real.Add(c.ahead) }
			id, sent := newID(), with(visitTo(w.Mill.ID, phone(started)), body{"ended_at": rfc3339(phone(started.Add(time.Minute)))})
			v := cadre.Want(http.StatusCreated, http.MethodPut, "/visits/"+id, sent, "Client-Time: "+rfc3339(phone(w.Clock.Now())))
			same(t, "started_at", v.Text("started_at"), rfc3339(started))
			same(t, "ended_at", v.Text("ended_at"), rfc3339(started.Add(time.Minute)))
			same(t, "clock_skew_ms", v.Text("clock_skew_ms"), (-c.ahead).Milliseconds())
			same(t, "clock_suspect", v.Member("clock_suspect"), c.suspect)
			// Sent again later, with the clock of then: still the same visit.
			cadre.Want(http.StatusOK, http.MethodPut, "/visits/"+id, sent, "Client-Time: "+rfc3339(phone(w.Clock.Now().Add(time.Minute))))

			amended := cadre.Want(http.StatusOK, http.MethodPatch, "/visits/"+id, body{"started_at": rfc3339(phone(started.Add(-time.Minute)))},
				`If-Match: "1"`, "Client-Time: "+rfc3339(phone(w.Clock.Now())))
			same(t, "amended started_at", amended.Text("started_at"), rfc3339(started.Add(-time.Minute)))
		})
	}
	cadre.Refused(http.StatusUnprocessableEntity, "validation_failed", http.MethodPut, "/visits/"+newID(), visitTo(w.Mill.ID, w.Clock.Now()), "Client-Time: noon")
}

func TestImpossibleTimesAreRefused(t *testing.T) {
	w := world.New(t)
	cadre, now := w.As(w.Cadre), w.Clock.Now()
	for name, c := range map[string]struct {
		started, ended time.Duration // from now; 0 for no end
		location, code string
	}{
		"as far ahead as is tolerated":        {5 * time.Minute, 0, "", ""},
		"further ahead":                       {5*time.Minute + time.Microsecond, 0, "body.started_at", "in_the_future"},
		"ends as far ahead as tolerated":      {-time.Hour, 5 * time.Minute, "", ""},
		"ends further ahead":                  {-time.Hour, 5*time.Minute + time.Microsecond, "body.ended_at", "in_the_future"},
		"as long ago as is accepted":          {-models.OldestVisit, 0, "", ""},
		"longer ago":                          {-models.OldestVisit - time.Microsecond, 0, "body.started_at", "too_long_ago"},
		"ends before it begins":               {-time.Hour, -time.Hour - time.Microsecond, "body.ended_at", "before_start"},
		"ends the moment it begins":           {-time.Hour, -time.Hour, "", ""},
		"finer than can be stored is cut off": {-time.Hour + time.Nanosecond, -time.Hour, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			id, sent := newID(), visitTo(w.Mill.ID, now.Add(c.started))
			if c.ended != 0 {
				sent["ended_at"] = rfc3339(now.Add(c.ended))
			}
			if c.code == "" {
				cadre.Want(http.StatusCreated, http.MethodPut, "/visits/"+id, sent)
				return
			}
			refused := cadre.Refused(http.StatusUnprocessableEntity, "validation_failed", http.MethodPut, "/visits/"+id, sent)
			same(t, "location", refused.Text("errors", 0, "location"), c.location)
			same(t, "code", refused.Text("errors", 0, "code"), c.code)
			cadre.Want(http.StatusNotFound, http.MethodGet, "/visits/"+id, nil)
			// A refused submission does not use up its id.
			cadre.Want(http.StatusCreated, http.MethodPut, "/visits/"+id, visitTo(w.Mill.ID, now))
		})
	}
}

// endServing ends an assignment as the administrator does.
func endServing(w *world.World, a models.Assignment) {
	path := "/campaigns/" + a.CampaignID.String() + "/assignments/" + a.ID.String() + "/end"
	w.As(w.Admin).Want(http.StatusOK, http.MethodPost, path, body{"operation_id": newID(), "expected_version": a.Version})
}

func TestCadreServesThenOrNow(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		cadre, began, now := w.As(w.Cadre), w.Serving.StartsAt, w.Clock.Now()
		put := func(status int, enterprise models.ID, started time.Time) string {
			id := newID()
			cadre.Want(status, http.MethodPut, "/visits/"+id, visitTo(enterprise, started))
			return id
		}
		mine := put(http.StatusCreated, w.Mill.ID, began.Add(-24*time.Hour)) // serves it now
		put(http.StatusNotFound, w.Quarry.ID, now)
		put(http.StatusNotFound, uuid.New(), now)

		endServing(w, w.Serving)
		ended := w.Clock.Now()
		w.Clock.Advance(time.Minute)
		put(http.StatusCreated, w.Mill.ID, began)
		put(http.StatusNotFound, w.Mill.ID, began.Add(-time.Microsecond))
		put(http.StatusCreated, w.Mill.ID, ended.Add(-time.Microsecond))
		put(http.StatusNotFound, w.Mill.ID, ended)
		put(http.StatusNotFound, w.Mill.ID, w.Clock.Now())
		cadre.Want(http.StatusOK, http.MethodGet, "/visits/"+mine, nil) // what one wrote one may read
		cadre.Want(http.StatusOK, http.MethodPatch, "/visits/"+mine, body{"remark": "补记"}, `If-Match: "1"`)
		w.As(w.OtherCadre).Want(http.StatusNotFound, http.MethodGet, "/visits/"+mine, nil)
	})
}

func TestVisitIsAmendedByItsAuthor(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		cadre, id, started := w.As(w.Cadre), newID(), w.Clock.Now().Add(-time.Hour)
		cadre.Want(http.StatusCreated, http.MethodPut, "/visits/"+id, with(visitTo(w.Mill.ID, started, problemOf("power", "normal")), body{
			"ended_at": rfc3339(started.Add(time.Minute)), "position": body{"latitude": 26.4, "longitude": 112.8, "crs": "wgs84"},
		}))
		path := "/visits/" + id
		cadre.Refused(http.StatusPreconditionRequired, "precondition_required", http.MethodPatch, path, body{"remark": "改"})
		stale := cadre.Refused(http.StatusPreconditionFailed, "stale_version", http.MethodPatch, path, body{"remark": "改"}, `If-Match: "7"`)
		same(t, "current.version", stale.Text("current", "version"), "1")
		cadre.Refused(http.StatusPreconditionFailed, "stale_version", http.MethodPatch, path, body{"remark": "改"}, `If-Match: W/"1"`)
		for member := range map[string]bool{"started_at": true, "purpose": true, "remark": true, "participants": true} {
			refused := cadre.Refused(http.StatusUnprocessableEntity, "validation_failed", http.MethodPatch, path, `{"`+member+`":null}`, `If-Match: "1"`)
			same(t, "location", refused.Text("errors", 0, "location"), "body."+member)
		}
		cadre.Want(http.StatusUnprocessableEntity, http.MethodPatch, path, body{"enterprise_id": w.Quarry.ID}, `If-Match: "1"`)
		cadre.Want(http.StatusUnprocessableEntity, http.MethodPatch, path, body{"started_at": rfc3339(w.Clock.Now().Add(time.Hour))}, `If-Match: "1"`)

		w.Clock.Advance(time.Minute)
		v := cadre.Want(http.StatusOK, http.MethodPatch, path, `{"remark":"改过","participants":["李主任","王工"],"ended_at":null}`, `If-Match: "1"`)
		same(t, "ended_at", v.Text("ended_at"), "")
		same(t, "untouched", v.Text("started_at")+v.Text("position", "crs")+v.Text("purpose"), rfc3339(started)+"wgs84routine")
		same(t, "amended", v.Text("remark")+v.Text("participants", 1)+v.Text("version")+v.Header.Get("ETag"), `改过王工2"2"`)
		same(t, "problems", len(v.List("problems")), 1)
		v = cadre.Want(http.StatusOK, http.MethodPatch, path, `{"position":null}`, `If-Match: "2"`)
		if v.Member("position") != nil {
			t.Errorf("the position is still there: %s", v.Body)
		}
		read := cadre.Want(http.StatusOK, http.MethodGet, path, nil)
		same(t, "what is read", string(read.Body), string(v.Body))
		cadre.Want(http.StatusNotModified, http.MethodGet, path, nil, `If-None-Match: "3"`)
		cadre.Want(http.StatusOK, http.MethodGet, path, nil, `If-None-Match: "2"`)

		id0 := uuid.MustParse(id)
		history, err := w.DB.Read(context.Background()).VisitHistory(id0)
		if err != nil || len(history) != 2 || history[0].Remark != "一切正常" || history[0].EndedAt == nil || history[1].Remark != "改过" || history[1].Position == nil {
			t.Errorf("history is %+v, %v", history, err)
		}

		// Nobody else, though they see it.
		colleague := w.AddUser(models.User{Phone: "13800000099", Roles: []models.Role{models.RoleCadre}})
		w.Write(func(tx *store.Tx) error {
			return tx.InsertAssignment(models.Assignment{
				ID: tx.NewID(), CampaignID: w.Campaign.ID, EnterpriseID: w.Mill.ID, CadreID: colleague.ID, StartsAt: tx.Now(), Version: 1, CreatedAt: tx.Now(),
			})
		})
		w.As(colleague).Want(http.StatusOK, http.MethodGet, path, nil)
		w.As(colleague).Refused(http.StatusForbidden, "forbidden", http.MethodPatch, path, body{"remark": "代改"}, `If-Match: "3"`)
		w.As(w.OtherCadre).Refused(http.StatusNotFound, "not_found", http.MethodPatch, path, body{"remark": "代改"}, `If-Match: "3"`)
		w.As(w.MainLeader).Refused(http.StatusForbidden, "forbidden", http.MethodPatch, path, body{"remark": "代改"}, `If-Match: "3"`)
	})
}
