package handlers_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"lianqi/internal/testkit/world"
	"lianqi/models"
)

func TestVisitWritesAuditAndChanges(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		cadre, id, problem := w.As(w.Cadre), newID(), problemOf("finance", "normal")
		ctx := context.Background()
		streams := []models.Stream{
			models.EnterpriseStream(w.Mill.ID), models.ZoneStream(w.Mill.ID), models.UserStream(w.Cadre.ID),
			models.DepartmentStream(w.Liaison.ID), models.DepartmentStream(w.Finance.ID),
		}
		before, err := w.DB.Read(ctx).Heads(streams)
		if err != nil {
			t.Fatal(err)
		}
		// A refused one leaves nothing.
		cadre.Want(http.StatusNotFound, http.MethodPut, "/visits/"+id, visitTo(w.Quarry.ID, w.Clock.Now(), problem))
		if after, err := w.DB.Read(ctx).Heads(streams); err != nil || !maps.Equal(before, after) {
			t.Errorf("a refused visit moved the streams from %v to %v, %v", before, after, err)
		}
		answer := cadre.Want(http.StatusCreated, http.MethodPut, "/visits/"+id, visitTo(w.Mill.ID, w.Clock.Now(), problem))
		cadre.Want(http.StatusOK, http.MethodPut, "/visits/"+id, visitTo(w.Mill.ID, w.Clock.Now(), problem))

		for _, record := range []any{id, problem["id"]} {
			recordID := uuid.MustParse(record.(string))
			audit, err := w.DB.Read(ctx).AuditOf(recordID)
			if err != nil || len(audit) != 1 {
				t.Fatalf("audit of %v is %+v, %v", record, audit, err)
			}
			same(t, "actor", *audit[0].ActorID, w.Cadre.ID)
			same(t, "operation", audit[0].Operation, "record-visit")
			same(t, "request", audit[0].RequestID, answer.Header.Get("X-Request-Id"))
			for _, s := range streams {
				changes, err := w.DB.Read(ctx).ChangesAfter(s, before[s], 0, 100)
				if err != nil {
					t.Fatal(err)
				}
				times := 0
				for _, c := range changes {
					if c.RecordID == recordID {
						times++
					}
				}
				want := 1
				if s == models.DepartmentStream(w.Finance.ID) && record == id {
					want = 0 // the finance office sees the problem, not the visit
				}
				same(t, fmt.Sprintf("changes of %v on %s", record, s), times, want)
			}
		}
	})
}

func TestVisitsAreListed(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		now := w.Clock.Now()
		var mill []string // oldest first
		for i := range 5 {
			if i%2 == 0 {
				w.Clock.Advance(time.Second) // some are received at the same instant
			}
			id := newID()
			sent := visitTo(w.Mill.ID, now.Add(-time.Duration(i)*24*time.Hour))
			if i == 3 {
				sent["purpose"] = "safety"
			}
			w.As(w.Cadre).Want(http.StatusCreated, http.MethodPut, "/visits/"+id, sent)
			mill = append(mill, id)
		}
		quarry := newID()
		w.Clock.Advance(time.Second)
		w.As(w.OtherCadre).Want(http.StatusCreated, http.MethodPut, "/visits/"+quarry, visitTo(w.Quarry.ID, now, problemOf("finance", "normal")))

		slices.Reverse(mill)
		all := append([]string{quarry}, mill...)
		for _, limit := range []int{1, 2, 3, 5, 6, 100} {
			same(t, fmt.Sprintf("pages of %d", limit), pages(w.As(w.MainLeader), "/visits", limit), all)
			same(t, fmt.Sprintf("the cadre's pages of %d", limit), pages(w.As(w.Cadre), "/visits", limit), mill)
		}
		for query, want := range map[string][]string{
			"enterprise_id=" + w.Mill.ID.String():                 mill,
			"enterprise_id=" + newID():                            {},
			"author_id=" + w.OtherCadre.ID.String():               {quarry},
			"campaign_id=" + w.Campaign.ID.String():               all,
			"purpose=safety":                                      {mill[1]},
			"started_after=" + rfc3339(now):                       {quarry, mill[4]},
			"started_before=" + rfc3339(now.Add(-3*24*time.Hour)): {mill[0]},
			"purpose=routine&author_id=" + w.Cadre.ID.String():    {mill[0], mill[2], mill[3], mill[4]},
		} {
			same(t, query, pages(w.As(w.Admin), "/visits?"+query, 2), want)
		}
		// Who sees which.
		for who, want := range map[*models.User][]string{
			&w.Head: {}, &w.Leader: mill, &w.OtherLeader: {}, &w.Dispatcher: {quarry}, &w.Window: {}, &w.Reviewer: {}, &w.OtherCadre: {quarry},
		} {
			if who == &w.Head {
				want = mill
			}
			same(t, "visits of "+who.Name, pages(w.As(*who), "/visits", 10), want)
		}
		w.As(w.Boss).Refused(http.StatusForbidden, "forbidden", http.MethodGet, "/visits", nil)

		admin := w.As(w.Admin)
		unknown := admin.Refused(http.StatusUnprocessableEntity, "validation_failed", http.MethodGet, "/visits?colour=red", nil)
		same(t, "unknown filter", unknown.Text("errors", 0, "code"), "unknown_parameter")
		for _, query := range []string{"limit=0", "limit=101", "limit=many", "purpose=holiday", "enterprise_id=7", "started_after=yesterday"} {
			admin.Refused(http.StatusUnprocessableEntity, "validation_failed", http.MethodGet, "/visits?"+query, nil)
		}
		cursor := admin.Want(http.StatusOK, http.MethodGet, "/visits?limit=2", nil).Text("next_cursor")
		for _, tampered := range []string{cursor[1:], cursor + "AAAA", "!" + cursor[1:], "x"} {
			admin.Refused(http.StatusUnprocessableEntity, "invalid_cursor", http.MethodGet, "/visits?cursor="+tampered, nil)
		}
		// A cursor of somebody else's list is harmless.
		list := w.As(w.OtherCadre).Want(http.StatusOK, http.MethodGet, "/visits?cursor="+cursor, nil)
		same(t, "items after a foreign cursor", len(list.List("items")), 0)
	})
}

func TestTextsOfAnyKindAreKept(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		for name, text := range map[string]string{
			"quotes and comments":        `'; DROP TABLE visits; -- "\\ ? %s $1 /*`,
			"line breaks":                "a\r\n\tb",
			"beyond the basic plane":     "👩‍🏭𠮷𪚥",
			"marks":                      "e\u0301",
			"blanks around it":           " \u3000 ",
			"as much as there may be":    strings.Repeat("🏭", 100),
			"what JSON writes at length": strings.Repeat("<", 100),
		} {
			t.Run(name, func(t *testing.T) {
				id, problem := newID(), with(problemOf("other", "normal"), body{"title": text, "description": strings.Repeat(text, 40)})
				sent := with(visitTo(w.Mill.ID, w.Clock.Now(), problem), body{
					"remark": strings.Repeat(text, 40), "participants": slices.Repeat([]string{text}, 50),
				})
				w.As(w.Cadre).Want(http.StatusCreated, http.MethodPut, "/visits/"+id, sent)
				w.As(w.Cadre).Want(http.StatusOK, http.MethodPut, "/visits/"+id, sent)
				v := w.As(w.Head).Want(http.StatusOK, http.MethodGet, "/visits/"+id, nil)
				for what, got := range map[string]string{
					"remark": v.Text("remark"), "description": v.Text("problems", 0, "description"),
				} {
					if got != strings.Repeat(text, 40) {
						t.Errorf("the %s came back as %q", what, got)
					}
				}
				if v.Text("problems", 0, "title") != text || v.Text("participants", 49) != text {
					t.Errorf("title and participant came back as %q and %q", v.Text("problems", 0, "title"), v.Text("participants", 49))
				}
				w.As(w.Cadre).Want(http.StatusOK, http.MethodPatch, "/visits/"+id, body{"remark": text}, `If-Match: "1"`)
			})
		}
	})
}

// pages reads a list to its end and gives the ids in their order.
func pages(c *world.Client, path string, limit int) []string {
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	ids, cursor := []string{}, ""
	for {
		page := c.Want(http.StatusOK, http.MethodGet, fmt.Sprintf("%s%slimit=%d%s", path, separator, limit, cursor), nil)
		for i := range page.List("items") {
			ids = append(ids, page.Text("items", i, "id"))
		}
		next := page.Text("next_cursor")
		if next == "" {
			return ids
		}
		cursor = "&cursor=" + next
	}
}

func TestAmendmentStaysWithinTheTenure(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		cadre, id := w.As(w.Cadre), newID()
		path := "/visits/" + id
		cadre.Want(http.StatusCreated, http.MethodPut, path, visitTo(w.Mill.ID, w.Clock.Now().Add(-time.Hour)))
		endServing(w, w.Serving)
		before := body{"started_at": rfc3339(w.Serving.StartsAt.Add(-time.Hour))}
		refused := cadre.Refused(http.StatusUnprocessableEntity, "validation_failed", http.MethodPatch, path, before, `If-Match: "1"`)
		same(t, "code", refused.Text("errors", 0, "code"), "not_served_then")
		within := body{"started_at": rfc3339(w.Serving.StartsAt)}
		cadre.Want(http.StatusOK, http.MethodPatch, path, within, `If-Match: "1"`)
	})
}

func TestCampaignIsOneOfTheCadres(t *testing.T) {
	w := world.New(t)
	other := w.As(w.Admin).Want(http.StatusCreated, http.MethodPost, "/campaigns",
		body{"operation_id": newID(), "name": "另一批", "activity": "联企", "starts_on": "2030-01-01"}).Text("id")
	visit := with(visitTo(w.Mill.ID, w.Clock.Now().Add(-time.Hour)), body{"campaign_id": other})
	refused := w.As(w.Cadre).Refused(http.StatusUnprocessableEntity, "validation_failed", http.MethodPut, "/visits/"+newID(), visit)
	same(t, "code", refused.Text("errors", 0, "code"), "unknown_campaign")
}

func TestAmendmentCorrectsTheClock(t *testing.T) {
	w := world.New(t)
	cadre, path := w.As(w.Cadre), "/visits/"+newID()
	cadre.Want(http.StatusCreated, http.MethodPut, path, visitTo(w.Mill.ID, w.Clock.Now().Add(-time.Hour)))
	started := w.Clock.Now().Add(-2 * time.Hour)
	fast := w.Clock.Now().Add(2 * time.Hour)
	v := cadre.Want(http.StatusOK, http.MethodPatch, path, body{"started_at": rfc3339(started.Add(2 * time.Hour))}, `If-Match: "1"`, "Client-Time: "+rfc3339(fast))
	same(t, "started_at", v.Text("started_at"), rfc3339(started))
	same(t, "clock_skew_ms", v.Text("clock_skew_ms"), -2*60*60*1000)
	same(t, "clock_suspect", v.Text("clock_suspect"), true)
	same(t, "an empty amendment", cadre.Want(http.StatusOK, http.MethodPatch, path, body{}, `If-Match: "2"`).Text("version"), 2)
}

// TestLockingIsSeen: a visit locks without a new version, and whoever has the open one is told.
func TestLockingIsSeen(t *testing.T) {
	w := world.New(t)
	cadre, path := w.As(w.Cadre), "/visits/"+newID()
	cadre.Want(http.StatusCreated, http.MethodPut, path, visitTo(w.Mill.ID, w.Clock.Now().Add(-time.Hour)))
	cadre.Want(http.StatusNotModified, http.MethodGet, path, nil, `If-None-Match: "1"`)
	w.Clock.Advance(24 * time.Hour)
	cadre = w.Login(w.Cadre)
	locked := cadre.Want(http.StatusOK, http.MethodGet, path, nil, `If-None-Match: "1"`)
	same(t, "state", locked.Text("state"), "locked")
	etag := locked.Header.Get("ETag")
	cadre.Want(http.StatusNotModified, http.MethodGet, path, nil, "If-None-Match: "+etag)
	cadre.Refused(http.StatusConflict, "visit_locked", http.MethodPatch, path, body{"remark": "晚了"}, "If-Match: "+etag)
}
