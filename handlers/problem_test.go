package handlers_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"lianqi/internal/testkit/world"
	"lianqi/models"
	"lianqi/store"
)

func TestProblemsFindTheirDepartment(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		finance, power := problemOf("finance", "normal"), problemOf("power", "critical")
		id := newID()
		v := w.As(w.Cadre).Want(http.StatusCreated, http.MethodPut, "/visits/"+id, visitTo(w.Mill.ID, w.Clock.Now(), finance, power))
		same(t, "routed", v.Text("problems", 0, "department_id"), w.Finance.ID)
		same(t, "left with the dispatcher", v.Text("problems", 1, "department_id"), "")
		same(t, "order", v.Text("problems", 0, "id")+v.Text("problems", 1, "id"), finance["id"].(string)+power["id"].(string))

		p := w.As(w.Dispatcher).Want(http.StatusOK, http.MethodGet, "/problems/"+finance["id"].(string), nil)
		for member, want := range map[string]any{
			"enterprise_id": w.Mill.ID, "visit_id": id, "category": "finance", "urgency": "normal", "state": "reported",
			"department_id": w.Finance.ID, "reported_at": rfc3339(w.Clock.Now()), "overdue": "false", "version": "1", "title": "变压器容量不足",
		} {
			same(t, member, p.Text(member), want)
		}
		same(t, "ETag", p.Header.Get("ETag"), `"1"`)
		w.As(w.Dispatcher).Want(http.StatusNotModified, http.MethodGet, "/problems/"+finance["id"].(string), nil, `If-None-Match: "1"`)
	})
}

func TestProblemIDsAreUsedOnce(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		cadre, now := w.As(w.Cadre), w.Clock.Now()
		problem := problemOf("power", "normal")
		twice := visitTo(w.Mill.ID, now, problem, with(problem, body{"title": "另一个问题"}))
		refused := cadre.Refused(http.StatusUnprocessableEntity, "validation_failed", http.MethodPut, "/visits/"+newID(), twice)
		same(t, "refusal", refused.Text("errors", 0, "location")+" "+refused.Text("errors", 0, "code"), "body.problems duplicate_id")
		id := newID()
		cadre.Want(http.StatusUnprocessableEntity, http.MethodPut, "/visits/"+id, visitTo(w.Mill.ID, now, with(problem, body{"id": id})))

		cadre.Want(http.StatusCreated, http.MethodPut, "/visits/"+id, visitTo(w.Mill.ID, now, problem))
		// Another visit with a problem of the first.
		other := newID()
		cadre.Refused(http.StatusConflict, "id_conflict", http.MethodPut, "/visits/"+other, visitTo(w.Mill.ID, now, problemOf("gas", "normal"), problem))
		cadre.Want(http.StatusNotFound, http.MethodGet, "/visits/"+other, nil)
		stranger := w.As(w.OtherCadre).Refused(http.StatusConflict, "id_conflict", http.MethodPut, "/visits/"+newID(), visitTo(w.Quarry.ID, now, problem))
		if stranger.Member("current") != nil {
			t.Errorf("somebody else's problem is told: %s", stranger.Body)
		}
		same(t, "problems", len(pages(cadre, "/problems", 10)), 1)
		// The refused visit has not used up its id.
		cadre.Want(http.StatusCreated, http.MethodPut, "/visits/"+other, visitTo(w.Mill.ID, now, problemOf("gas", "normal")))
	})
}

func TestProblemsAreListed(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		started := w.Clock.Now().Add(-time.Hour)
		report := func(cadre models.User, enterprise models.Enterprise, category, urgency string) string {
			w.Clock.Advance(time.Second)
			p := problemOf(category, urgency)
			w.As(cadre).Want(http.StatusCreated, http.MethodPut, "/visits/"+newID(), visitTo(enterprise.ID, started, p))
			return p["id"].(string)
		}
		power := report(w.Cadre, w.Mill, "power", "critical")
		finance := report(w.Cadre, w.Mill, "finance", "normal")
		stone := report(w.OtherCadre, w.Quarry, "land", "urgent")
		for who, want := range map[*models.User][]string{
			&w.Admin: {stone, finance, power}, &w.MainLeader: {stone, finance, power}, &w.Dispatcher: {stone, finance, power},
			&w.Leader: {finance, power}, &w.Head: {finance, power}, &w.OtherLeader: {}, &w.Reviewer: {finance},
			&w.Cadre: {finance, power}, &w.OtherCadre: {stone}, &w.Boss: {finance, power}, &w.OtherBoss: {stone},
		} {
			same(t, "problems of "+who.Name, pages(w.As(*who), "/problems", 1), want)
			for _, id := range []string{power, finance, stone} {
				status := http.StatusNotFound
				if slices.Contains(want, id) {
					status = http.StatusOK
				}
				w.As(*who).Want(status, http.MethodGet, "/problems/"+id, nil)
			}
		}
		w.As(w.Window).Refused(http.StatusForbidden, "forbidden", http.MethodGet, "/problems", nil)
		for query, want := range map[string][]string{
			"category=finance":                         {finance},
			"urgency=urgent":                           {stone},
			"state=reported":                           {stone, finance, power},
			"department_id=" + w.Finance.ID.String():   {finance},
			"enterprise_id=" + w.Mill.ID.String():      {finance, power},
			"visit_id=" + newID():                      {},
			"category=power&urgency=critical&limit=20": {power},
		} {
			list := w.As(w.Dispatcher).Want(http.StatusOK, http.MethodGet, "/problems?"+query, nil)
			got := []string{}
			for i := range list.List("items") {
				got = append(got, list.Text("items", i, "id"))
			}
			same(t, query, got, want)
		}
		w.As(w.Dispatcher).Want(http.StatusUnprocessableEntity, http.MethodGet, "/problems?owner=me", nil)
	})
}

// told counts the notifications about a record in somebody's inbox.
func told(w *world.World, who models.User, subject string) (times int) {
	inbox := w.As(who).Want(http.StatusOK, http.MethodGet, "/me/notifications?limit=100", nil)
	for i := range inbox.List("items") {
		if inbox.Text("items", i, "subject", "id") == subject && inbox.Text("items", i, "subject", "type") == "visit" {
			times++
		}
	}
	return times
}

func TestWhoIsToldOfAVisit(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		head, dispatcher, leader, main := &w.Head, &w.Dispatcher, &w.Leader, &w.MainLeader
		everybody := []*models.User{
			head, dispatcher, leader, main, &w.Admin, &w.OtherLeader, &w.Window, &w.Reviewer, &w.Cadre, &w.OtherCadre, &w.Boss, &w.OtherBoss,
		}
		for name, c := range map[string]struct {
			urgencies []string
			told      []*models.User
		}{
			"no problem":       {nil, []*models.User{head}},
			"a normal problem": {[]string{"normal"}, []*models.User{head, dispatcher}},
			"an urgent one":    {[]string{"normal", "urgent"}, []*models.User{head, dispatcher, leader, main}},
			"a critical one":   {[]string{"critical", "normal"}, []*models.User{head, dispatcher, leader, main}},
		} {
			id := newID()
			var problems []body
			for _, u := range c.urgencies {
				problems = append(problems, problemOf("power", u))
			}
			sent := visitTo(w.Mill.ID, w.Clock.Now(), problems...)
			w.As(w.Cadre).Want(http.StatusCreated, http.MethodPut, "/visits/"+id, sent)
			w.As(w.Cadre).Want(http.StatusOK, http.MethodPut, "/visits/"+id, sent)
			for _, who := range everybody {
				want := 0
				if slices.Contains(c.told, who) {
					want = 1
				}
				same(t, name+": notifications of "+who.Name, told(w, *who, id), want)
			}
		}
	})
}

func TestNobodyIsToldTwiceNorOfTheirOwn(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		// One person with every post, who is a cadre as well.
		all := w.AddUser(models.User{
			Phone: "13800000098", DepartmentID: &w.Liaison.ID, MainLeader: true,
			Roles: []models.Role{models.RoleManager, models.RoleDispatcher, models.RoleCadre},
		})
		gone := w.AddUser(models.User{Phone: "13800000097", Roles: []models.Role{models.RoleDispatcher}})
		gone.Active, gone.Version = false, 2
		d := w.Liaison
		d.HeadID, d.LeaderID, d.Version = &all.ID, &all.ID, d.Version+1
		phones := []models.ID{uuid.New(), uuid.New()}
		w.Write(func(tx *store.Tx) error {
			for _, phone := range phones {
				if err := tx.PutDevice(models.Device{ID: phone, UserID: all.ID, Platform: "android", Provider: "log", PushToken: phone.String(), UpdatedAt: tx.Now()}); err != nil {
					return err
				}
			}
			if err := tx.UpdateUser(gone); err != nil {
				return err
			}
			if err := tx.UpdateDepartment(d); err != nil {
				return err
			}
			return tx.InsertAssignment(models.Assignment{
				ID: tx.NewID(), CampaignID: w.Campaign.ID, EnterpriseID: w.Quarry.ID, CadreID: all.ID, StartsAt: tx.Now(), Version: 1, CreatedAt: tx.Now(),
			})
		})
		theirs, own := newID(), newID()
		w.As(w.Cadre).Want(http.StatusCreated, http.MethodPut, "/visits/"+theirs, visitTo(w.Mill.ID, w.Clock.Now(), problemOf("gas", "critical")))
		w.As(all).Want(http.StatusCreated, http.MethodPut, "/visits/"+own, visitTo(w.Quarry.ID, w.Clock.Now(), problemOf("gas", "critical")))
		same(t, "notifications of another's visit", told(w, all, theirs), 1)
		same(t, "notifications of one's own", told(w, all, own), 0)
		same(t, "notifications of the dispatcher", told(w, w.Dispatcher, own), 1)
		inbox, _, err := w.DB.Read(context.Background()).Notifications(models.EverythingFor(gone.ID), false, models.Page{Limit: 10})
		if err != nil || len(inbox) != 0 {
			t.Errorf("somebody whose account is closed was told %v, %v", inbox, err)
		}

		var rings []store.Delivery
		w.Write(func(tx *store.Tx) (err error) {
			rings, err = tx.ClaimDeliveries("test", time.Minute, 100)
			return err
		})
		rung := map[models.ID]int{}
		for _, r := range rings {
			same(t, "subject", r.Notification.Subject.ID, theirs)
			rung[r.Device.ID]++
		}
		if len(rings) != 2 || rung[phones[0]] != 1 || rung[phones[1]] != 1 {
			t.Errorf("the phones ring %v, want each once", rung)
		}
	})
}
