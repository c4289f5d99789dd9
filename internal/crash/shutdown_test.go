//go:build linux

package crash

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lianqi/internal/product"
)

// shutdownLimit is how long the server may take to end.
const shutdownLimit = 10 * time.Second

// TestShutdown tells the server to end while phones record visits and people follow their inbox. Whatever it has
// accepted it answers: a visit is there exactly when its phone knows. The streams end in good order.
func TestShutdown(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s *site) {
		list := phones(s, 4)
		for round := range rounds() {
			s.start(t)
			logIn(t, s, list)
			streams := []*stream{follow(t, s, s.zone.Dispatcher), follow(t, s, s.zone.Departments[0].Head)}
			endUnderLoad(t, s, list, round)
			for _, f := range streams {
				if err := <-f.ended; err != nil {
					t.Errorf("a stream ended with %v", err)
				}
			}
			stored := check(t, s, list)
			for _, p := range list {
				for _, v := range p.sent {
					if stored[v.id] && !v.acknowledged {
						t.Errorf("visit %s was accepted and its phone was not told", v.id)
					}
				}
			}
			if t.Failed() {
				t.Fatalf("after shutdown %d", round+1)
			}
			t.Logf("shutdown %d: %d visits are there", round+1, len(stored))
		}
	})
}

// endUnderLoad ends the server a random while after a random number of visits.
func endUnderLoad(t *testing.T, s *site, list []*phone, round int) {
	t.Helper()
	chance := random(round)
	due, reached := 1+chance.Int64N(200), make(chan struct{})
	var acknowledged atomic.Int64
	working := workAll(list, s.server.Address, func() bool { return false }, func() {
		if acknowledged.Add(1) == due {
			close(reached)
		}
	})
	select {
	case <-reached:
	case <-time.After(time.Minute):
		faults(t, list)
		t.Fatalf("only %d visits were acknowledged within a minute\n%s", acknowledged.Load(), s.server.Log())
	}
	<-time.After(time.Duration(chance.Int64N(int64(20 * time.Millisecond))))
	must(t, s.server.Terminate())
	if err := s.server.Wait(shutdownLimit); err != nil {
		t.Fatalf("the end of the server: %v\n%s", err, s.server.Log())
	}
	working.Wait()
	faults(t, list)
}

// stream follows somebody's inbox; ended tells how it did, nil for an end in good order.
type stream struct{ ended chan error }

// follow opens a stream and waits for its first line.
func follow(t *testing.T, s *site, who product.Person) *stream {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, "http://"+s.server.Address+"/api/v1/me/notifications/stream", http.NoBody)
	must(t, err)
	request.Header.Set("Authorization", "Bearer "+login(t, s, who))
	answer, err := http.DefaultTransport.RoundTrip(request)
	must(t, err)
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("stream: %d", answer.StatusCode)
	}
	lines := bufio.NewReader(answer.Body)
	first, err := lines.ReadString('\n')
	must(t, err)
	if !strings.HasPrefix(first, ":") {
		t.Fatalf("a stream begins with %q", first)
	}
	f := &stream{ended: make(chan error, 1)}
	go func() {
		defer answer.Body.Close()
		_, err := io.Copy(io.Discard, lines)
		f.ended <- err
	}()
	return f
}
