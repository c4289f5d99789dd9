package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lianqi/api"
	"lianqi/models"
	"lianqi/services"
)

const (
	// pingTime is how often a silent stream shows that it is alive, so that nobody on the way cuts it off.
	pingTime = 15 * time.Second
	// sendTime is how long a client may take to receive what is written to it at once.
	sendTime = 10 * time.Second
)

type streamInput struct {
	Ticket      string `query:"ticket" maxLength:"100" doc:"Instead of a token."`
	LastEventID string `header:"Last-Event-ID" maxLength:"100" doc:"The id of the last event that the client has got."`
}

func (h notificationHandler) stream(ctx context.Context, in *streamInput) (*huma.StreamResponse, error) {
	who := api.ActorOf(ctx)
	// Listening begins before the position is taken: what comes in between wakes the stream.
	woken, stop, err := h.notifications.Listen(who.UserID)
	if err != nil {
		return nil, err
	}
	seq, err := h.notifications.Resume(ctx, who, in.LastEventID)
	if err != nil {
		stop()
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer stop()
		c := api.Gin(hc)
		header := c.Writer.Header()
		header.Set("Content-Type", "text/event-stream")
		header.Set("Cache-Control", "no-store")
		header.Set("X-Accel-Buffering", "no")
		f := follower{h, newEventWriter(c.Writer), wireNotification(ctx), who, seq}
		f.follow(c.Request.Context(), woken)
	}}, nil
}

// follower carries the notifications of one user to one client.
type follower struct {
	notificationHandler
	out  *eventWriter
	wire func(models.Notification) notification
	who  models.Actor
	seq  int64
}

// follow runs until the client goes, the session ends, or the server stops.
func (f *follower) follow(ctx context.Context, woken <-chan struct{}) {
	ping := time.NewTicker(pingTime)
	defer ping.Stop()
	if !f.out.comment("welcome") {
		return
	}
	for {
		if _, err := f.sessions.Current(ctx, f.who.SessionID); err != nil {
			return
		}
		more, ok := f.send(ctx)
		if !ok {
			return
		}
		select {
		case <-ping.C:
			if !f.out.comment("ping") {
				return
			}
		default:
		}
		if !more && !f.notifications.Wait(ctx, woken) {
			return
		}
	}
}

// send writes what has come; more tells that there may be more to read at once.
func (f *follower) send(ctx context.Context) (more, ok bool) {
	events, next, err := f.notifications.After(ctx, f.who, f.seq)
	if err != nil {
		return false, false
	}
	for _, e := range events {
		if !f.out.event(e, f.wire(e.Notification)) {
			return false, false
		}
	}
	more = next != f.seq
	f.seq = next
	return more, true
}

// eventWriter writes an event stream. The server's own deadlines are for answers that end, so it sets its own for each
// write.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	buffer  bytes.Buffer
}

func newEventWriter(w http.ResponseWriter) *eventWriter {
	e := &eventWriter{w: w, control: http.NewResponseController(w)}
	// A writer without deadlines has none to lift.
	_ = e.control.SetReadDeadline(time.Time{})
	_ = e.control.SetWriteDeadline(time.Time{})
	return e
}

func (e *eventWriter) event(at services.Event, n notification) bool {
	text, err := json.Marshal(n)
	if err != nil {
		return false
	}
	e.buffer.WriteString("id: ")
	e.buffer.WriteString(strconv.FormatInt(at.Seq, 10))
	e.buffer.WriteString("\nevent: notification\ndata: ")
	e.buffer.Write(text)
	e.buffer.WriteString("\n\n")
	return e.flush()
}

func (e *eventWriter) comment(text string) bool {
	e.buffer.WriteString(": ")
	e.buffer.WriteString(text)
	e.buffer.WriteString("\n\n")
	return e.flush()
}

// flush tells whether the client took it in time.
func (e *eventWriter) flush() bool {
	defer e.buffer.Reset()
	expired := make(chan struct{})
	timer := time.AfterFunc(sendTime, func() {
		defer close(expired)
		_ = e.control.SetWriteDeadline(time.Unix(1, 0))
	})
	_, err := e.w.Write(e.buffer.Bytes())
	if err == nil {
		err = e.control.Flush()
	}
	if !timer.Stop() {
		// The writer belongs to another request once this one is over.
		<-expired
		return false
	}
	return err == nil
}
