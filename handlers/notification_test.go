package handlers_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"lianqi/internal/testkit/world"
	"lianqi/models"
	"lianqi/store"
)

// recordVisit has the cadre record a visit to the mill and answers its id.
func recordVisit(w *world.World, problems ...body) string {
	id := newID()
	w.As(w.Cadre).Want(201, "PUT", "/visits/"+id, visitTo(w.Mill.ID, w.Clock.Now().Add(-time.Hour), problems...))
	return id
}

func TestInbox(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		dispatcher := w.As(w.Dispatcher)
		empty := dispatcher.Want(200, "GET", "/me/notifications", nil)
		same(t, "unread", empty.Text("unread"), 0)
		var visits []string
		for range 3 {
			w.Clock.Advance(time.Minute)
			visits = append(visits, recordVisit(w, problemOf("power", "urgent")))
		}
		inbox := dispatcher.Want(200, "GET", "/me/notifications", nil)
		same(t, "unread", inbox.Text("unread"), 3)
		for i, visit := range visits {
			same(t, "the newest first", inbox.Text("items", 2-i, "subject", "id"), visit)
		}
		same(t, "the title", inbox.Text("items", 0, "title"), "紧急问题：蔡伦纸业")
		same(t, "the English title", dispatcher.Want(200, "GET", "/me/notifications", nil, "Accept-Language: en").Text("items", 0, "title"), "Urgent problem at 蔡伦纸业")
		same(t, "pages", len(pages(dispatcher, "/me/notifications", 2)), 3)

		read := "/me/notifications/" + inbox.Text("items", 1, "id") + "/read"
		w.As(w.Head).Refused(404, "not_found", "POST", read, nil)
		one := dispatcher.Want(200, "POST", read, nil)
		at := one.Text("read_at")
		if at == "" {
			t.Fatalf("not read: %s", one.Body)
		}
		w.Clock.Advance(time.Minute)
		same(t, "read again", dispatcher.Want(200, "POST", read, nil).Text("read_at"), at)
		unread := dispatcher.Want(200, "GET", "/me/notifications?unread=true", nil)
		same(t, "unread items", len(unread.List("items")), 2)
		same(t, "unread", unread.Text("unread"), 2)
		same(t, "read now", dispatcher.Want(200, "POST", "/me/notifications/read-all", nil).Text("read"), 2)
		same(t, "read again", dispatcher.Want(200, "POST", "/me/notifications/read-all", nil).Text("read"), 0)
		same(t, "unread of somebody else", w.As(w.Head).Want(200, "GET", "/me/notifications", nil).Text("unread"), 3)
		same(t, "of the author", len(w.As(w.Cadre).Want(200, "GET", "/me/notifications", nil).List("items")), 0)
		dispatcher.Refused(404, "not_found", "POST", "/me/notifications/"+newID()+"/read", nil)
		dispatcher.Refused(422, "validation_failed", "GET", "/me/notifications?state=read", nil)
	})
}

func idOf(t *testing.T, text string) models.ID {
	t.Helper()
	id, err := uuid.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// deliveries takes everything that is on its way to phones and answers to which.
func deliveries(w *world.World) map[models.ID]int {
	counts := map[models.ID]int{}
	w.Write(func(tx *store.Tx) error {
		clear(counts)
		claimed, err := tx.ClaimDeliveries("test", time.Minute, 100)
		for _, d := range claimed {
			counts[d.Device.ID]++
		}
		return err
	})
	return counts
}

func phoneWith(token string) body {
	return body{"platform": "android", "provider": "log", "push_token": token, "name": "工作手机"}
}

func TestDevices(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		head, id := w.Login(w.Head), newID()
		path := "/me/devices/" + id
		put := head.Want(200, "PUT", path, phoneWith("secret-1"))
		same(t, "id", put.Text("id"), id)
		if put.Member("push_token") != nil {
			t.Error("the push token is in the answer")
		}
		same(t, "the last one stands", head.Want(200, "PUT", path, body{"platform": "web", "provider": "webpush", "push_token": "secret-2"}).Text("platform"), "web")

		recordVisit(w)
		got := deliveries(w)
		if len(got) != 1 || got[idOf(t, id)] != 1 {
			t.Errorf("deliveries: %v", got)
		}
		w.As(w.Cadre).Refused(404, "not_found", "PUT", path, phoneWith("secret-3"))
		w.As(w.Cadre).Refused(404, "not_found", "DELETE", path, nil)
		head.Want(204, "DELETE", path, nil)
		head.Refused(404, "not_found", "DELETE", path, nil)
		recordVisit(w)
		same(t, "deliveries to a deleted phone", len(deliveries(w)), 0)
	})
}

func TestPhonesFallSilent(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		// A phone whose session has ended is told nothing more.
		head := w.Login(w.Head)
		head.Want(200, "PUT", "/me/devices/"+newID(), phoneWith("secret-1"))
		head.Want(204, "POST", "/auth/logout", nil)
		recordVisit(w)
		same(t, "deliveries after logout", len(deliveries(w)), 0)

		// A phone that changes hands takes its token along.
		theirs, mine := newID(), newID()
		w.Login(w.Head).Want(200, "PUT", "/me/devices/"+theirs, phoneWith("secret-2"))
		w.As(w.Dispatcher).Want(200, "PUT", "/me/devices/"+mine, phoneWith("secret-2"))
		recordVisit(w, problemOf("power", "normal"))
		got := deliveries(w)
		if len(got) != 1 || got[idOf(t, mine)] != 1 {
			t.Errorf("deliveries: %v, want one to %s", got, mine)
		}
	})
}

func TestDeviceLimitAndForm(t *testing.T) {
	w := world.New(t)
	c := w.As(w.Cadre)
	for range models.MaxDevices {
		c.Want(200, "PUT", "/me/devices/"+newID(), phoneWith(newID()))
	}
	c.Refused(409, "too_many_devices", "PUT", "/me/devices/"+newID(), phoneWith(newID()))
	for _, wrong := range []body{{"platform": "nokia"}, {"provider": "post"}, {"push_token": ""}, {"push_token": nil}, {"user_id": newID()}} {
		c.Refused(422, "validation_failed", "PUT", "/me/devices/"+newID(), with(phoneWith("x"), wrong))
	}
}

const stream = "/me/notifications/stream"

// visitOf is the visit that an event tells of.
func visitOf(t *testing.T, e world.Event) string {
	t.Helper()
	var n struct {
		Subject struct{ ID string }
	}
	if err := json.Unmarshal([]byte(e.Data), &n); err != nil || e.Name != "notification" || e.ID == "" {
		t.Fatalf("event %+v: %v", e, err)
	}
	return n.Subject.ID
}

func TestStreamResumesWithoutGapOrRepetition(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		head := w.As(w.Head)
		recordVisit(w) // before the stream, so not on it
		s := head.Stream(stream)
		first := recordVisit(w)
		e := s.Next()
		same(t, "the first event", visitOf(t, e), first)
		list := head.Want(200, "GET", "/me/notifications?limit=1", nil)
		listed, _ := json.Marshal(list.Member("items", 0))
		var fromList, fromStream map[string]any
		_ = json.Unmarshal(listed, &fromList)
		_ = json.Unmarshal([]byte(e.Data), &fromStream)
		same(t, "the data", fromStream, fromList)
		s.Close()

		missed := []string{recordVisit(w), recordVisit(w), recordVisit(w)}
		s = head.Stream(stream, "Last-Event-ID: "+e.ID)
		for _, visit := range missed {
			e = s.Next()
			same(t, "a missed event", visitOf(t, e), visit)
		}
		s.Close()
		// Reading moves the stream and tells nothing new.
		head.Want(200, "POST", "/me/notifications/read-all", nil)
		for _, last := range []string{e.ID, "not a number", "-5", "99999999999", ""} {
			s = head.Stream(stream, "Last-Event-ID: "+last)
			next := recordVisit(w)
			same(t, "the event after "+last, visitOf(t, s.Next()), next)
			s.Close()
			e.ID = ""
			head.Want(200, "POST", "/me/notifications/read-all", nil)
		}
	})
}

func TestStreamFollowsOtherServersAndOutlivesDeadlines(t *testing.T) {
	short := world.WithServer(func(s *http.Server) { s.ReadTimeout, s.WriteTimeout = 300*time.Millisecond, 300*time.Millisecond })
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		s := w.As(w.Head).On(w.Replica(short)).Stream(stream)
		// Each comes by the other server's next look, a second after the last.
		for range 3 {
			visit := recordVisit(w)
			same(t, "the event", visitOf(t, s.Next()), visit)
		}
	})
}

func TestStreamTicket(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		head := w.As(w.Head)
		ticket := head.Want(200, "POST", "/me/stream-ticket", nil)
		same(t, "expires_in", ticket.Text("expires_in"), 30)
		path := stream + "?ticket=" + ticket.Text("ticket")
		s := w.Anonymous().Stream(path)
		visit := recordVisit(w)
		same(t, "the event", visitOf(t, s.Next()), visit)
		w.Anonymous().Refused(401, "unauthenticated", "GET", path, nil)

		late := stream + "?ticket=" + head.Want(200, "POST", "/me/stream-ticket", nil).Text("ticket")
		w.Clock.Advance(30 * time.Second)
		w.Anonymous().Refused(401, "unauthenticated", "GET", late, nil)
		for _, wrong := range []string{"", "?ticket=", "?ticket=nonsense", "?ticket=" + head.Token[:90], "?token=x"} {
			w.Anonymous().Refused(401, "unauthenticated", "GET", stream+wrong, nil)
		}
		// A ticket opens the stream and nothing else.
		other := head.Want(200, "POST", "/me/stream-ticket", nil).Text("ticket")
		w.Anonymous().Refused(401, "unauthenticated", "GET", "/me/notifications?ticket="+other, nil)
		w.Anonymous().Stream(stream + "?ticket=" + other)
	})
}

func TestStreamEndsWithTheSession(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		replica := w.Replica()
		head := w.Login(w.Head)
		here, there := head.Stream(stream), head.On(replica).Stream(stream)
		head.Want(204, "POST", "/auth/logout", nil)
		w.Clock.Advance(time.Second)
		here.End()
		there.End()

		s := w.Login(w.Dispatcher).Stream(stream)
		w.Services.Notifications.EndStreams()
		s.End()
	})
}

func TestStreamsAreBounded(t *testing.T) {
	w := world.New(t)
	head := w.As(w.Head)
	var last *world.Stream
	for range 8 {
		last = head.Stream(stream)
	}
	refused := head.Refused(429, "too_many_streams", "GET", stream, nil)
	if refused.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	w.As(w.Dispatcher).Stream(stream)
	last.Close()
	// The server notices a departure a moment after it.
	limit, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for probe(t, w, head) != http.StatusOK {
		if limit.Err() != nil {
			t.Fatal("a stream that was left still counts")
		}
	}
}

// probe opens a stream, leaves it, and answers the status.
func probe(t *testing.T, w *world.World, c *world.Client) int {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	request, err := c.Request(ctx, http.MethodGet, stream, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := w.HTTP.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// TestEveryPhoneOfASessionFallsSilent: a session may have put several phones, and all of them go with it.
func TestEveryPhoneOfASessionFallsSilent(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		head := w.Login(w.Head)
		for range models.MaxDevices {
			head.Want(200, "PUT", "/me/devices/"+newID(), phoneWith(newID()))
		}
		head.Want(204, "POST", "/auth/logout", nil)
		recordVisit(w)
		same(t, "deliveries after logout", len(deliveries(w)), 0)
		again := w.Login(w.Head)
		for range models.MaxDevices {
			again.Want(200, "PUT", "/me/devices/"+newID(), phoneWith(newID()))
		}
	})
}

// TestPhoneInOtherHands: who brings id and token of a phone holds it.
func TestPhoneInOtherHands(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		id := newID()
		w.Login(w.Head).Want(200, "PUT", "/me/devices/"+id, phoneWith("secret"))
		w.Login(w.Dispatcher).Want(200, "PUT", "/me/devices/"+id, phoneWith("secret"))
		recordVisit(w) // of which the head is told, and the dispatcher is not
		same(t, "deliveries", len(deliveries(w)), 0)
	})
}

// Proxies and phones cut off a connection on which nothing comes.
func TestSilentStreamPings(t *testing.T) {
	t.Parallel() // it waits for the quarter of a minute that a stream may be silent
	w := world.New(t)
	w.As(w.Head).Stream("/me/notifications/stream").Ping()
}
