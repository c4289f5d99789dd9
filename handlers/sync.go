package handlers

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lianqi/api"
	"lianqi/models"
	"lianqi/services"
)

type syncHandler struct {
	sync *services.Sync
	now  func() time.Time
}

func registerSync(a *api.API, h syncHandler) {
	api.Register(a, api.Op{
		ID: "sync", Method: http.MethodGet, Path: "/sync", Tag: tagSync, Summary: "Get what changed in one's scope since the cursor",
		Description: "Without a cursor it begins at the beginning. No change is ever missed; one may come twice.",
		Needs:       models.Roles,
	}, h.changes)
}

type syncInput struct {
	Cursor string `query:"cursor" maxLength:"16384" doc:"cursor of the answer before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"200" doc:"How many changes one answer holds at most."`
}

// syncPage is a piece of what changed.
type syncPage struct {
	Changes []change `json:"changes"`
	Cursor  string   `json:"cursor" doc:"Where the next answer begins."`
	More    bool     `json:"more" doc:"There is more: ask again at once."`
	Restart bool     `json:"restart" doc:"The cursor is of no use any more: drop everything, what is stored comes again from here."`
}

// change is a record that the phone stores or forgets.
type change struct {
	Kind   string    `json:"kind" enum:"enterprise,assignment,visit,problem,notification"`
	ID     models.ID `json:"id"`
	Change string    `json:"change" enum:"upsert,gone" doc:"Store the record, or forget it: it was removed, or has left the scope."`
	Record any       `json:"record,omitempty" doc:"The record of the kind, as it is now; missing when it is gone."`
}

// TransformSchema says what the record can be.
func (change) TransformSchema(r huma.Registry, s *huma.Schema) *huma.Schema {
	record := *s.Properties["record"]
	for _, kind := range []reflect.Type{
		reflect.TypeFor[enterprise](), reflect.TypeFor[assignment](), reflect.TypeFor[visit](), reflect.TypeFor[problem](), reflect.TypeFor[notification](),
	} {
		record.OneOf = append(record.OneOf, r.Schema(kind, true, ""))
	}
	s.Properties["record"] = &record
	return s
}

type syncOutput struct{ Body syncPage }

func (h syncHandler) changes(ctx context.Context, in *syncInput) (*syncOutput, error) {
	page, err := h.sync.Changes(ctx, api.ActorOf(ctx), in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	out := syncPage{Changes: make([]change, len(page.Changes)), Cursor: page.Cursor, More: page.More, Restart: page.Restart}
	for i, c := range page.Changes {
		out.Changes[i] = h.wire(ctx, c)
	}
	return &syncOutput{out}, nil
}

func (h syncHandler) wire(ctx context.Context, c services.SyncChange) change {
	w := change{Kind: string(c.Kind), ID: c.ID, Change: "upsert"}
	if c.Gone {
		w.Change = "gone"
		return w
	}
	switch record := c.Record.(type) {
	case models.Enterprise:
		w.Record = wireEnterprise(record)
	case models.Assignment:
		w.Record = wireAssignment(record)
	case models.Visit:
		w.Record = wireVisit(record, h.now())
	case models.Problem:
		w.Record = wireProblem(record)
	case models.Notification:
		w.Record = wireNotification(ctx)(record)
	}
	return w
}
