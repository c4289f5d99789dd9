package handlers_test

import (
	"fmt"
	"testing"
	"time"

	"lianqi/internal/testkit/world"
	"lianqi/models"
)

func TestContactCard(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		path := "/enterprises/" + w.Mill.ID.String() + "/contact-card"
		card := w.As(w.Boss).Want(200, "GET", path, nil)
		same(t, "the enterprise", card.Text("enterprise_name"), w.Mill.Name)
		same(t, "officers", len(card.List("officers")), 1)
		for member, want := range map[string]string{
			"id": w.Cadre.ID.String(), "name": w.Cadre.Name, "phone": w.Cadre.Phone, "department": w.Liaison.Name, "campaign": w.Campaign.Name,
		} {
			same(t, member, card.Text("officers", 0, member), want)
		}
		for _, who := range []models.User{w.Cadre, w.Dispatcher, w.Admin} {
			same(t, "the number for "+who.Name, w.As(who).Want(200, "GET", path, nil).Text("officers", 0, "phone"), w.Cadre.Phone)
		}
		for _, who := range []models.User{w.MainLeader, w.Leader, w.Head, w.Window} {
			same(t, "the number for "+who.Name, w.As(who).Want(200, "GET", path, nil).Text("officers", 0, "phone"), "138****0011")
		}
		w.As(w.OtherBoss).Refused(404, "not_found", "GET", path, nil)
		w.As(w.OtherCadre).Refused(404, "not_found", "GET", path, nil)
	})
}

// The card shows who serves now: the latest first, nobody twice, nobody who is gone.
func TestContactCardFollowsAssignments(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		admin, path := w.As(w.Admin), "/enterprises/"+w.Mill.ID.String()+"/contact-card"
		officers := func() (names []string) {
			for _, o := range w.As(w.Boss).Want(200, "GET", path, nil).List("officers") {
				names = append(names, o.(map[string]any)["name"].(string))
			}
			return names
		}
		assign := func(campaign string, cadre models.User) string {
			w.Clock.Advance(time.Minute)
			assignments := "/campaigns/" + campaign + "/assignments"
			made := admin.Want(201, "POST", assignments, creation(body{"enterprise_id": w.Mill.ID, "cadre_id": cadre.ID}))
			return assignments + "/" + made.Text("id")
		}
		second := assign(w.Campaign.ID.String(), w.OtherCadre)
		same(t, "the latest first", fmt.Sprint(officers()), fmt.Sprint([]string{w.OtherCadre.Name, w.Cadre.Name}))
		again := admin.Want(201, "POST", "/campaigns", creation(body{"name": "第二批", "starts_on": "2026-03-01"})).Text("id")
		assign(again, w.Cadre)
		same(t, "nobody twice", fmt.Sprint(officers()), fmt.Sprint([]string{w.Cadre.Name, w.OtherCadre.Name}))
		admin.Want(200, "POST", second+"/end", action())
		same(t, "whoever serves no more is gone", fmt.Sprint(officers()), fmt.Sprint([]string{w.Cadre.Name}))
		admin.Want(200, "POST", "/users/"+w.Cadre.ID.String()+"/deactivate", action())
		same(t, "so is whoever is deactivated", len(officers()), 0)
	})
}
