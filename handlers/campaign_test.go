package handlers_test

import (
	"net/http"
	"testing"
	"time"

	"lianqi/internal/testkit/world"
	"lianqi/models"
)

func TestCampaigns(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		admin := w.As(w.Admin)
		w.Clock.Advance(time.Second)
		sent := body{"operation_id": newID(), "name": "第二批", "activity": "百名干部联百企", "starts_on": "2026-03-01", "ends_on": "2026-06-30"}
		c := admin.Want(http.StatusCreated, http.MethodPost, "/campaigns", sent)
		same(t, "created", c.Text("name")+c.Text("activity")+c.Text("starts_on")+c.Text("ends_on")+c.Text("version"), "第二批百名干部联百企2026-03-012026-06-301")
		again := admin.Want(http.StatusCreated, http.MethodPost, "/campaigns", sent)
		same(t, "the answer to the same again", string(again.Body), string(c.Body))
		admin.Refused(http.StatusConflict, "id_conflict", http.MethodPost, "/campaigns", with(sent, body{"name": "第三批"}))
		admin.Refused(http.StatusConflict, "name_taken", http.MethodPost, "/campaigns", with(sent, body{"operation_id": newID(), "name": " 第二批 "}))
		for name, changes := range map[string]body{
			"ends before it starts": {"ends_on": "2026-02-28"}, "no first day": {"starts_on": nil}, "no name": {"name": ""}, "an instant for a day": {"starts_on": "2026-03-01T00:00:00Z"},
		} {
			t.Run(name, func(t *testing.T) {
				admin.Refused(http.StatusUnprocessableEntity, "validation_failed", http.MethodPost, "/campaigns", with(with(sent, body{"operation_id": newID(), "name": "第四批"}), changes))
			})
		}
		open := admin.Want(http.StatusCreated, http.MethodPost, "/campaigns", with(sent, body{"operation_id": newID(), "name": "长期", "ends_on": nil}))
		if open.Member("ends_on") != nil {
			t.Errorf("an open campaign ends: %s", open.Body)
		}
		for _, who := range []models.User{w.Cadre, w.Reviewer, w.Window, w.Leader} {
			same(t, "campaigns", len(pages(w.As(who), "/campaigns", 2)), 3)
			read := w.As(who).Want(http.StatusOK, http.MethodGet, "/campaigns/"+c.Text("id"), nil)
			same(t, "what is read", string(read.Body), string(c.Body))
		}
		admin.Want(http.StatusNotModified, http.MethodGet, "/campaigns/"+c.Text("id"), nil, `If-None-Match: "1"`)
		admin.Refused(http.StatusNotFound, "not_found", http.MethodGet, "/campaigns/"+newID(), nil)
		w.As(w.Boss).Refused(http.StatusForbidden, "forbidden", http.MethodGet, "/campaigns", nil)
		w.As(w.MainLeader).Refused(http.StatusForbidden, "forbidden", http.MethodPost, "/campaigns", sent)
	})
}

func TestAssignments(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		admin, path := w.As(w.Admin), "/campaigns/"+w.Campaign.ID.String()+"/assignments"
		sent := body{"operation_id": newID(), "enterprise_id": w.Quarry.ID, "cadre_id": w.Cadre.ID}
		cadre := w.As(w.Cadre)
		cadre.Want(http.StatusNotFound, http.MethodGet, "/enterprises/"+w.Quarry.ID.String(), nil)
		a := admin.Want(http.StatusCreated, http.MethodPost, path, sent)
		for member, want := range map[string]any{
			"campaign_id": w.Campaign.ID, "enterprise_id": w.Quarry.ID, "enterprise_name": w.Quarry.Name, "cadre_id": w.Cadre.ID,
			"cadre_name": w.Cadre.Name, "starts_at": rfc3339(w.Clock.Now()), "ends_at": "", "version": "1",
		} {
			same(t, member, a.Text(member), want)
		}
		// It is felt at once.
		cadre.Want(http.StatusOK, http.MethodGet, "/enterprises/"+w.Quarry.ID.String(), nil)
		again := admin.Want(http.StatusCreated, http.MethodPost, path, sent)
		same(t, "the answer to the same again", string(again.Body), string(a.Body))
		admin.Refused(http.StatusConflict, "already_assigned", http.MethodPost, path, with(sent, body{"operation_id": newID()}))
		admin.Refused(http.StatusConflict, "id_conflict", http.MethodPost, path, with(sent, body{"enterprise_id": w.Mill.ID}))
		for location, c := range map[string]struct {
			changes body
			code    string
		}{
			"body.enterprise_id": {body{"enterprise_id": newID()}, "unknown_enterprise"},
			"body.cadre_id":      {body{"cadre_id": newID()}, "unknown_user"},
		} {
			refused := admin.Refused(http.StatusUnprocessableEntity, "validation_failed", http.MethodPost, path, with(with(sent, body{"operation_id": newID()}), c.changes))
			same(t, "refusal", refused.Text("errors", 0, "location")+refused.Text("errors", 0, "code"), location+c.code)
		}
		refused := admin.Refused(http.StatusUnprocessableEntity, "validation_failed", http.MethodPost, path, with(sent, body{"operation_id": newID(), "cadre_id": w.Window.ID}))
		same(t, "refusal", refused.Text("errors", 0, "code"), "not_a_cadre")
		admin.Refused(http.StatusNotFound, "not_found", http.MethodPost, "/campaigns/"+newID()+"/assignments", with(sent, body{"operation_id": newID()}))

		end := path + "/" + a.Text("id") + "/end"
		act := body{"operation_id": newID(), "expected_version": 1}
		stale := admin.Refused(http.StatusConflict, "stale_version", http.MethodPost, end, with(act, body{"expected_version": 2}))
		same(t, "current", stale.Text("current", "id"), a.Text("id"))
		elsewhere := admin.Want(http.StatusCreated, http.MethodPost, "/campaigns", body{"operation_id": newID(), "name": "别批", "starts_on": "2026-03-01"}).Text("id")
		admin.Refused(http.StatusNotFound, "not_found", http.MethodPost, "/campaigns/"+elsewhere+"/assignments/"+a.Text("id")+"/end", act)
		admin.Refused(http.StatusNotFound, "not_found", http.MethodPost, path+"/"+newID()+"/end", with(act, body{"operation_id": newID()}))

		w.Clock.Advance(time.Second)
		ended := admin.Want(http.StatusOK, http.MethodPost, end, act)
		same(t, "ended", ended.Text("ends_at")+ended.Text("version"), rfc3339(w.Clock.Now())+"2")
		w.Clock.Advance(time.Second)
		repeated := admin.Want(http.StatusOK, http.MethodPost, end, act)
		same(t, "the answer to the same again", string(repeated.Body), string(ended.Body))
		admin.Refused(http.StatusConflict, "id_conflict", http.MethodPost, end, with(act, body{"expected_version": 2}))
		over := admin.Refused(http.StatusConflict, "assignment_ended", http.MethodPost, end, body{"operation_id": newID(), "expected_version": 2})
		same(t, "current", over.Text("current", "ends_at"), ended.Text("ends_at"))
		cadre.Want(http.StatusNotFound, http.MethodGet, "/enterprises/"+w.Quarry.ID.String(), nil)
		// Once over, it can begin anew.
		anew := admin.Want(http.StatusCreated, http.MethodPost, path, with(sent, body{"operation_id": newID()}))

		mine, others := []string{anew.Text("id"), a.Text("id"), w.Serving.ID.String()}, w.OtherServing.ID.String()
		for who, want := range map[*models.User]int{
			&w.Admin: 4, &w.MainLeader: 4, &w.Dispatcher: 4, &w.Window: 4, &w.Head: 3, &w.Leader: 3, &w.OtherLeader: 0, &w.Reviewer: 0, &w.OtherCadre: 3,
		} {
			same(t, "assignments that "+who.Name+" sees", len(pages(w.As(*who), path, 3)), want)
		}
		// The cadre sees their own and who else serves what they serve now: the quarry.
		same(t, "assignments that the cadre sees", len(pages(cadre, path, 1)), len(append(mine, others)))
		admin.Refused(http.StatusNotFound, "not_found", http.MethodGet, "/campaigns/"+newID()+"/assignments", nil)
		w.As(w.Boss).Refused(http.StatusForbidden, "forbidden", http.MethodGet, path, nil)
	})
}
