package handlers

import (
	"context"
	"net/http"
	"time"

	"lianqi/api"
	"lianqi/models"
	"lianqi/services"
)

type notificationHandler struct {
	notifications *services.Notifications
	sessions      *services.Sessions
}

func registerNotifications(a *api.API, h notificationHandler) {
	api.Register(a, api.Op{
		ID: "list-notifications", Method: http.MethodGet, Path: "/me/notifications", Tag: tagInbox, Summary: "List one's own notifications, the newest first",
		Needs: models.Roles,
	}, h.list)
	api.Register(a, api.Op{
		ID: "read-notification", Method: http.MethodPost, Path: "/me/notifications/{id}/read", Tag: tagInbox, Summary: "Mark a notification as read",
		Description: "Again changes nothing.",
		Needs:       models.Roles, Errors: []int{http.StatusNotFound},
	}, h.read)
	api.Register(a, api.Op{
		ID: "read-all-notifications", Method: http.MethodPost, Path: "/me/notifications/read-all", Tag: tagInbox,
		Summary: "Mark everything that has come so far as read", Needs: models.Roles,
	}, h.readAll)
	api.Register(a, api.Op{
		ID: "create-stream-ticket", Method: http.MethodPost, Path: "/me/stream-ticket", Tag: tagInbox, Summary: "Get a ticket for the stream",
		Description: "Good once and for a short time, for clients that cannot send headers.",
		Needs:       models.Roles,
	}, h.ticket)
	api.Register(a, api.Op{
		ID: "stream-notifications", Method: http.MethodGet, Path: "/me/notifications/stream", Tag: tagInbox, Summary: "Follow one's own notifications",
		Description: "Server-sent events: each has a number as its id, the name notification, and as its data a notification as in the list. " +
			"Without Last-Event-ID it begins with what comes next, with it after that event. A comment comes every 15 seconds. It ends when the session does.",
		Needs: models.Roles, Ticket: true, Produces: "text/event-stream",
	}, h.stream)
}

// notification is one line of an inbox.
type notification struct {
	ID        models.ID  `json:"id"`
	Kind      string     `json:"kind" enum:"visit_recorded,refresh_token_reused"`
	Title     string     `json:"title" doc:"In the language asked for."`
	Body      string     `json:"body" doc:"In the language asked for."`
	Subject   subject    `json:"subject"`
	CreatedAt time.Time  `json:"created_at"`
	ReadAt    *time.Time `json:"read_at,omitempty" doc:"Missing while it is unread."`
}

// subject names the record that a notification is about.
type subject struct {
	Type string    `json:"type" enum:"visit,session"`
	ID   models.ID `json:"id"`
}

// wireNotification gives the mapping into the caller's language.
func wireNotification(ctx context.Context) func(models.Notification) notification {
	language := services.DefaultLanguage
	if api.English(ctx) {
		language = "en"
	}
	return func(n models.Notification) notification {
		title, body := n.Text(language)
		return notification{n.ID, n.Kind, title, body, subject{n.Subject.Type, n.Subject.ID}, n.CreatedAt, n.ReadAt}
	}
}

type listNotificationsInput struct {
	PageInput
	Unread bool `query:"unread" doc:"Only those that are unread."`
}

// inbox is a page of notifications with the number of all that are unread.
type inbox struct {
	api.Page[notification]
	Unread int `json:"unread" doc:"How many are unread, on whatever page."`
}

type listNotificationsOutput struct{ Body inbox }

func (h notificationHandler) list(ctx context.Context, in *listNotificationsInput) (*listNotificationsOutput, error) {
	page, err := in.page()
	if err != nil {
		return nil, err
	}
	list, next, unread, err := h.notifications.List(ctx, api.ActorOf(ctx), in.Unread, page)
	if err != nil {
		return nil, err
	}
	return &listNotificationsOutput{inbox{listOf(list, next, wireNotification(ctx)), unread}}, nil
}

type notificationOutput struct{ Body notification }

func (h notificationHandler) read(ctx context.Context, in *IDInput) (*notificationOutput, error) {
	n, err := h.notifications.Read(ctx, api.ActorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &notificationOutput{wireNotification(ctx)(n)}, nil
}

type readAllOutput struct {
	Body struct {
		Read int `json:"read" doc:"How many were unread."`
	}
}

func (h notificationHandler) readAll(ctx context.Context, _ *struct{}) (*readAllOutput, error) {
	read, err := h.notifications.ReadAll(ctx, api.ActorOf(ctx))
	if err != nil {
		return nil, err
	}
	out := &readAllOutput{}
	out.Body.Read = read
	return out, nil
}

type ticketOutput struct {
	Body struct {
		Ticket    string `json:"ticket" doc:"For the query parameter of that name."`
		ExpiresIn int    `json:"expires_in" doc:"Seconds for which it is good."`
	}
}

func (h notificationHandler) ticket(ctx context.Context, _ *struct{}) (*ticketOutput, error) {
	ticket, err := h.sessions.Ticket(ctx, api.ActorOf(ctx))
	if err != nil {
		return nil, err
	}
	out := &ticketOutput{}
	out.Body.Ticket, out.Body.ExpiresIn = ticket, int(services.TicketTime/time.Second)
	return out, nil
}
