package handlers_test

import (
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"lianqi/internal/testkit/world"
	"lianqi/models"
)

// One visit is sent a thousand times at once, as by phones that never hear the answer.
func TestManySendsAreOneVisit(t *testing.T) {
	const sends, phones = 1000, 100
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		w.HTTP.Transport = &http.Transport{MaxIdleConnsPerHost: phones} // the contract would let one answer through at a time
		id, problems := newID(), []body{problemOf("finance", "urgent"), problemOf("power", "normal"), problemOf("gas", "critical")}
		sent := visitTo(w.Mill.ID, w.Clock.Now(), problems...)
		cadre := w.As(w.Cadre)
		var answers [sends]int
		var taken atomic.Int64
		var all sync.WaitGroup
		for range phones {
			all.Go(func() {
				for n := taken.Add(1) - 1; n < sends; n = taken.Add(1) - 1 {
					answer, err := cadre.Try(http.MethodPut, "/visits/"+id, sent)
					if err != nil {
						t.Errorf("send %d: %v", n, err)
					}
					answers[n] = answer.Status
				}
			})
		}
		all.Wait()

		times := map[int]int{}
		for _, status := range answers {
			times[status]++
			switch status {
			case http.StatusCreated, http.StatusOK, http.StatusTooManyRequests, http.StatusServiceUnavailable:
			default:
				t.Errorf("answered %d", status)
			}
		}
		t.Logf("answers: %v", times)
		same(t, "times created", times[http.StatusCreated], 1)

		same(t, "visits", pages(w.As(w.Admin), "/visits", 10), []string{id})
		same(t, "problems", len(pages(w.As(w.Admin), "/problems", 10)), len(problems))
		for _, who := range []models.User{w.Head, w.Dispatcher, w.Leader, w.MainLeader} {
			same(t, "notifications of "+who.Name, told(w, who, id), 1)
		}
		for _, who := range []models.User{w.Cadre, w.OtherCadre, w.Admin, w.OtherLeader} {
			same(t, "notifications of "+who.Name, told(w, who, id), 0)
		}
		audit, err := w.DB.Read(t.Context()).AuditOf(uuid.MustParse(id))
		if err != nil || len(audit) != 1 {
			t.Errorf("audit is %+v, %v", audit, err)
		}
		changes, err := w.DB.Read(t.Context()).ChangesAfter(models.EnterpriseStream(w.Mill.ID), 0, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		visits := slices.DeleteFunc(changes, func(c models.Change) bool { return c.RecordID != uuid.MustParse(id) })
		same(t, "changes of the visit on the enterprise's stream", len(visits), 1)
	})
}

// Two submissions under one id meet: the first one stands, and each later one is told which it is.
func TestRivalsForOneID(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		const each = 50
		id, cadre := newID(), w.As(w.Cadre)
		submissions := [2]body{visitTo(w.Mill.ID, w.Clock.Now()), with(visitTo(w.Mill.ID, w.Clock.Now()), body{"remark": "另一次"})}
		var answers [2][each]world.Answer
		var all sync.WaitGroup
		for rival := range submissions {
			for n := range each {
				all.Go(func() {
					var err error
					if answers[rival][n], err = cadre.Try(http.MethodPut, "/visits/"+id, submissions[rival]); err != nil {
						t.Error(err)
					}
				})
			}
		}
		all.Wait()
		stored := cadre.Want(http.StatusOK, http.MethodGet, "/visits/"+id, nil)
		for rival := range submissions {
			times := map[int]int{}
			for _, a := range answers[rival] {
				times[a.Status]++
				if a.Status == http.StatusConflict {
					same(t, "current", a.Text("current", "remark"), stored.Text("remark"))
				}
			}
			want := map[int]int{http.StatusConflict: each}
			if submissions[rival]["remark"] == stored.Text("remark") {
				want = map[int]int{http.StatusCreated: 1, http.StatusOK: each - 1}
			}
			same(t, "answers", times, want)
		}
	})
}
