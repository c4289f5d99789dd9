//go:build linux

package crash

import (
	"sync/atomic"
	"testing"
	"time"
)

// tokenAge is when phones log in again: an access token is good for a quarter of an hour.
const tokenAge = 10 * time.Minute

// TestKill kills the server at random moments while phones record visits. What was acknowledged is there afterwards,
// what is there is whole, and once the phones have sent again what they got no answer to, every visit is there once.
func TestKill(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s *site) {
		list := phones(s, 4)
		s.start(t)
		logged := time.Time{}
		for round := range rounds() {
			if time.Since(logged) > tokenAge {
				logIn(t, s, list)
				logged = time.Now()
			}
			killUnderLoad(t, s, list, round)
			s.start(t)
			stored := check(t, s, list)
			if t.Failed() {
				t.Fatalf("after kill %d", round+1)
			}
			lost, kept := unanswered(list, stored)
			t.Logf("kill %d: %d visits are there; %d phones got no answer, for %d of them the visit is there", round+1, len(stored), lost, kept)
		}
		enough := func() bool { return true }
		workAll(list, s.server.Address, enough, func() {}).Wait()
		faults(t, list)
		if lost, _ := unanswered(list, nil); lost > 0 {
			t.Fatalf("%d visits are not acknowledged by a server that nobody kills", lost)
		}
		check(t, s, list)
		must(t, s.server.Stop())
	})
}

// killUnderLoad kills the server, and on some rounds of a soak the database server before it, a random while after a
// random number of visits.
func killUnderLoad(t *testing.T, s *site, list []*phone, round int) {
	t.Helper()
	chance := random(round)
	due, reached := 1+chance.Int64N(300), make(chan struct{})
	var acknowledged atomic.Int64
	never := func() bool { return false }
	working := workAll(list, s.server.Address, never, func() {
		if acknowledged.Add(1) == due {
			close(reached)
		}
	})
	select {
	case <-reached:
	case <-s.server.Ended():
		t.Fatalf("the server ended by itself:\n%s", s.server.Log())
	case <-time.After(time.Minute):
		faults(t, list)
		t.Fatalf("only %d visits were acknowledged within a minute\n%s", acknowledged.Load(), s.server.Log())
	}
	<-time.After(time.Duration(chance.Int64N(int64(50 * time.Millisecond))))
	powerCut := s.maria != nil && round%5 == 4
	if powerCut {
		s.maria.Kill()
	}
	s.server.Kill()
	working.Wait()
	faults(t, list)
	if powerCut {
		s.restartMariaDB(t)
	}
}

// unanswered counts the visits that their phones have yet to send again, and those of them that are there already.
func unanswered(list []*phone, stored map[string]bool) (lost, kept int) {
	for _, p := range list {
		for _, v := range p.sent {
			if v.acknowledged {
				continue
			}
			lost++
			if stored[v.id] {
				kept++
			}
		}
	}
	return lost, kept
}
