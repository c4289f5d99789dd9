package handlers_test

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"lianqi/internal/testkit/world"
	"lianqi/models"
	"lianqi/store"
)

// syncAll reads until there is no more: what was told of each record last, by "kind id", and the cursor.
func syncAll(t *testing.T, c *world.Client, cursor string, limit int) (told map[string]string, next string) {
	t.Helper()
	told = map[string]string{}
	for range 1000 {
		a := c.Want(200, "GET", fmt.Sprintf("/sync?limit=%d&cursor=%s", limit, url.QueryEscape(cursor)), nil)
		if len(a.List("changes")) > limit {
			t.Fatalf("%d changes, more than %d", len(a.List("changes")), limit)
		}
		for i := range a.List("changes") {
			told[a.Text("changes", i, "kind")+" "+a.Text("changes", i, "id")] = a.Text("changes", i, "change")
		}
		cursor = a.Text("cursor")
		if a.Member("more") != true {
			return told, cursor
		}
	}
	t.Fatal("sync does not come to an end")
	return nil, ""
}

func tells(t *testing.T, when string, got map[string]string, want ...string) {
	t.Helper()
	var list []string
	for _, record := range slices.Sorted(maps.Keys(got)) {
		list = append(list, record+" "+got[record])
	}
	slices.Sort(want)
	if !slices.Equal(list, want) {
		t.Errorf("%s: told\n %s\nwant\n %s", when, strings.Join(list, "\n "), strings.Join(want, "\n "))
	}
}

func upsert(kind models.RecordKind, id any) string { return fmt.Sprintf("%s %v upsert", kind, id) }
func gone(kind models.RecordKind, id any) string   { return fmt.Sprintf("%s %v gone", kind, id) }

func TestSyncTellsWhatChanged(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		cadre, admin := w.As(w.Cadre), w.As(w.Admin)
		got, cursor := syncAll(t, cadre, "", 200)
		tells(t, "at first", got, upsert(models.KindEnterprise, w.Mill.ID), upsert(models.KindAssignment, w.Serving.ID))
		got, cursor = syncAll(t, cadre, cursor, 200)
		tells(t, "again", got)

		problem := problemOf("finance", "urgent")
		visit := recordVisit(w, problem)
		got, cursor = syncAll(t, cadre, cursor, 200)
		tells(t, "after a visit", got, upsert(models.KindVisit, visit), upsert(models.KindProblem, problem["id"]))
		got, _ = syncAll(t, w.As(w.OtherCadre), "", 200)
		tells(t, "the other cadre", got, upsert(models.KindEnterprise, w.Quarry.ID), upsert(models.KindAssignment, w.OtherServing.ID))

		mill := "/enterprises/" + w.Mill.ID.String()
		changed := admin.Want(200, "PATCH", mill, body{"address": "新址"}, "If-Match: "+admin.Want(200, "GET", mill, nil).Header.Get("ETag"))
		got, cursor = syncAll(t, cadre, cursor, 200)
		tells(t, "after a change", got, upsert(models.KindEnterprise, w.Mill.ID))
		same(t, "version", changed.Text("version"), 2)

		w.Clock.Advance(time.Minute)
		end := fmt.Sprintf("/campaigns/%s/assignments/%s/end", w.Campaign.ID, w.Serving.ID)
		admin.Want(200, "POST", end, body{"operation_id": newID(), "expected_version": 1})
		got, cursor = syncAll(t, cadre, cursor, 200)
		tells(t, "after the assignment's end", got, gone(models.KindEnterprise, w.Mill.ID), upsert(models.KindAssignment, w.Serving.ID))
		cadre.Want(404, "GET", mill, nil)
		cadre.Want(200, "GET", "/visits/"+visit, nil)

		again := admin.Want(201, "POST", fmt.Sprintf("/campaigns/%s/assignments", w.Campaign.ID), body{
			"operation_id": newID(), "enterprise_id": w.Mill.ID, "cadre_id": w.Cadre.ID,
		})
		got, _ = syncAll(t, cadre, cursor, 200)
		if got[fmt.Sprintf("enterprise %s", w.Mill.ID)] != "upsert" || got["assignment "+again.Text("id")] != "upsert" {
			t.Errorf("after a new assignment: %v", got)
		}
	})
}

func TestSyncComesInPieces(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		for range 5 {
			recordVisit(w, problemOf("power", "normal"), problemOf("water", "normal"))
		}
		for _, u := range []models.User{w.Cadre, w.MainLeader, w.Dispatcher} {
			whole, _ := syncAll(t, w.As(u), "", 500)
			for _, limit := range []int{1, 3} {
				pieces, cursor := syncAll(t, w.As(u), "", limit)
				if !maps.Equal(whole, pieces) {
					t.Errorf("in pieces of %d: %v, want %v", limit, pieces, whole)
				}
				rest, _ := syncAll(t, w.As(u), cursor, 500)
				tells(t, "afterwards", rest)
			}
		}
		for _, wrong := range []string{"0", "501", "x"} {
			w.As(w.Cadre).Refused(422, "validation_failed", "GET", "/sync?limit="+wrong, nil)
		}
	})
}

func TestSyncRestartsAndRefuses(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		cadre := w.As(w.Cadre)
		whole, cursor := syncAll(t, cadre, "", 200)

		// Somebody else's cursor is of no use, and tells nothing.
		foreign := w.As(w.OtherCadre).Want(200, "GET", "/sync?cursor="+cursor, nil)
		same(t, "restart with a foreign cursor", foreign.Member("restart"), true)
		same(t, "changes with a foreign cursor", len(foreign.List("changes")), 2)

		for i := 0; i < len(cursor); i += 7 {
			tampered := []byte(cursor)
			tampered[i] = map[bool]byte{true: 'B', false: 'A'}[tampered[i] == 'A']
			cadre.Refused(422, "invalid_cursor", "GET", "/sync?cursor="+string(tampered), nil)
		}
		for _, wrong := range []string{"x", cursor[:40], cursor + "AAAA", "_____"} {
			cadre.Refused(422, "invalid_cursor", "GET", "/sync?cursor="+wrong, nil)
		}
		for _, wrong := range []string{"%00", strings.Repeat("A", 16385)} {
			cadre.Refused(422, "validation_failed", "GET", "/sync?cursor="+wrong, nil)
		}

		w.Write(func(tx *store.Tx) error { return tx.RenewEpoch() })
		a := cadre.Want(200, "GET", "/sync?cursor="+cursor, nil)
		same(t, "restart after a restore", a.Member("restart"), true)
		same(t, "changes after a restore", len(a.List("changes")), len(whole))
		same(t, "restart with the new cursor", cadre.Want(200, "GET", "/sync?cursor="+a.Text("cursor"), nil).Member("restart"), false)
	})
}

func TestSyncKeepsToTheScope(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		finance, power := problemOf("finance", "urgent"), problemOf("power", "normal")
		visit, otherVisit := recordVisit(w, finance), newID()
		w.As(w.OtherCadre).Want(201, "PUT", "/visits/"+otherVisit, visitTo(w.Quarry.ID, w.Clock.Now().Add(-time.Hour), power))

		mill, quarry := upsert(models.KindEnterprise, w.Mill.ID), upsert(models.KindEnterprise, w.Quarry.ID)
		serving, otherServing := upsert(models.KindAssignment, w.Serving.ID), upsert(models.KindAssignment, w.OtherServing.ID)
		visited, otherVisited := upsert(models.KindVisit, visit), upsert(models.KindVisit, otherVisit)
		heard, otherHeard := upsert(models.KindProblem, finance["id"]), upsert(models.KindProblem, power["id"])
		everything := []string{mill, quarry, serving, otherServing, visited, otherVisited, heard, otherHeard}
		ours := []string{mill, serving, visited, heard}
		for _, x := range []struct {
			user          models.User
			notifications int
			want          []string
		}{
			{w.Admin, 0, everything},
			{w.MainLeader, 1, everything},
			{w.Dispatcher, 2, everything},
			{w.Leader, 1, ours},
			{w.Head, 1, ours},
			{w.OtherLeader, 0, nil},
			{w.Window, 0, []string{mill, quarry, serving, otherServing}},
			{w.Reviewer, 0, []string{mill, heard}},
			{w.Cadre, 0, ours},
			{w.OtherCadre, 0, []string{quarry, otherServing, otherVisited, otherHeard}},
			{w.Boss, 0, []string{mill, serving, heard}},
			{w.OtherBoss, 0, []string{quarry, otherServing, otherHeard}},
		} {
			got, _ := syncAll(t, w.As(x.user), "", 200)
			notifications := 0
			for record := range got {
				if strings.HasPrefix(record, string(models.KindNotification)) {
					notifications++
					delete(got, record)
				}
			}
			tells(t, x.user.Name, got, slices.Clone(x.want)...)
			same(t, "notifications of "+x.user.Name, notifications, x.notifications)
		}
	})
}

// TestSyncTellsNothingOfWhatWasNeverSeen: a reviewer who moves loses what was routed to the old department, and does not
// learn what else went on there.
func TestSyncTellsNothingOfWhatWasNeverSeen(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		finance := problemOf("finance", "normal")
		recordVisit(w, finance)
		w.As(w.OtherCadre).Want(201, "PUT", "/visits/"+newID(), visitTo(w.Quarry.ID, w.Clock.Now().Add(-time.Hour), problemOf("power", "normal")))
		c := w.As(w.Reviewer)
		_, cursor := syncAll(t, c, "", 200)
		w.As(w.Admin).Want(200, "PATCH", "/users/"+w.Reviewer.ID.String(), body{"department_id": w.Liaison.ID}, `If-Match: "1"`)
		w.Clock.Advance(time.Second)
		got, cursor := syncAll(t, c, cursor, 200)
		tells(t, "after the move", got, gone(models.KindProblem, finance["id"]), gone(models.KindEnterprise, w.Mill.ID))
		got, _ = syncAll(t, c, cursor, 200)
		tells(t, "again", got)
	})
}

// TestSyncForgetsByRole: a dispatcher who is one no more loses the problems and the visits that brought them.
func TestSyncForgetsByRole(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		power := problemOf("power", "normal")
		visit := recordVisit(w, power)
		recordVisit(w)
		c := w.As(w.Dispatcher)
		_, cursor := syncAll(t, c, "", 200)
		w.As(w.Admin).Want(200, "PATCH", "/users/"+w.Dispatcher.ID.String(), body{"roles": []string{"window"}}, `If-Match: "1"`)
		w.Clock.Advance(time.Second)
		got, _ := syncAll(t, c, cursor, 200)
		for record := range got {
			if strings.HasSuffix(got[record], "upsert") {
				delete(got, record) // may be told again
			}
		}
		tells(t, "after the change", got, gone(models.KindVisit, visit), gone(models.KindProblem, power["id"]))
	})
}
