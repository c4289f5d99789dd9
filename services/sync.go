package services

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"lianqi/models"
	"lianqi/store"
)

// Sync tells a phone everything in its scope that changed since it asked last.
type Sync struct {
	db   *store.DB
	keys *keyring
}

const (
	// MaxSync is how many changes one answer holds at most.
	MaxSync = 500
	// maxWalk is how many entries of streams one request looks at: more than it answers when most are out of scope.
	maxWalk = 4 * MaxSync
)

// SyncChange is one record that the phone must store, or forget when Gone. Record is the model of the kind.
type SyncChange struct {
	Kind   models.RecordKind
	ID     models.ID
	Gone   bool
	Record any
}

// syncKind is a kind of record that phones keep, and how those in a scope are found.
type syncKind struct {
	kind models.RecordKind
	find func(q *store.Queries, scope models.Scope, ids []models.ID, found map[models.ID]SyncChange) error
}

// syncKinds are all kinds of records that phones keep.
var syncKinds = []syncKind{
	syncs(models.KindEnterprise, (*store.Queries).EnterprisesByID, func(e models.Enterprise) models.ID { return e.ID }),
	syncs(models.KindAssignment, (*store.Queries).AssignmentsByID, func(a models.Assignment) models.ID { return a.ID }),
	syncs(models.KindVisit, (*store.Queries).VisitsByID, func(v models.Visit) models.ID { return v.ID }),
	syncs(models.KindProblem, (*store.Queries).ProblemsByID, func(p models.Problem) models.ID { return p.ID }),
	syncs(models.KindNotification, (*store.Queries).NotificationsByID, func(n models.Notification) models.ID { return n.ID }),
}

func syncs[M any](kind models.RecordKind, find func(*store.Queries, models.Scope, []models.ID) ([]M, error), id func(M) models.ID) syncKind {
	return syncKind{kind, func(q *store.Queries, scope models.Scope, ids []models.ID, found map[models.ID]SyncChange) error {
		list, err := find(q, scope, ids)
		for _, record := range list {
			found[id(record)] = SyncChange{Kind: kind, ID: id(record), Record: record}
		}
		return err
	}}
}

// SyncPage is a piece of what changed; More says to ask again at once.
type SyncPage struct {
	Changes []SyncChange
	Cursor  string
	More    bool
	// Restart says that the cursor was of another epoch or unreadable history: what the phone has must be replaced by
	// what follows.
	Restart bool
}

// Changes gives up to limit changes after the cursor; an empty cursor begins at the beginning. It never misses a
// change and may repeat one. Errors: invalid_cursor.
func (s *Sync) Changes(ctx context.Context, who models.Actor, text string, limit int) (page SyncPage, err error) {
	q := s.db.Read(ctx)
	epoch, err := s.epoch(q)
	if err != nil {
		return page, err
	}
	cursor := models.Cursor{Epoch: epoch}
	if text != "" {
		if cursor, err = s.decode(ctx, text); err != nil {
			return page, err
		}
		if cursor.Epoch != epoch || len(cursor.Read) > 0 && !ownedBy(cursor, who) {
			cursor = models.Cursor{Epoch: epoch}
			page.Restart = true
		}
	}
	w := walk{q: q, who: who, scope: who.Scope(), limit: limit, told: map[models.ID]bool{}}
	cursor.Read, err = w.run(cursor.Read)
	if err != nil {
		return page, err
	}
	page.Changes, page.More = w.changes, w.more
	page.Cursor = cursor.Encode(s.keys.newest(ctx))
	return page, nil
}

func (s *Sync) epoch(q *store.Queries) (models.ID, error) {
	text, err := q.Epoch()
	if err != nil {
		return models.ID{}, err
	}
	return uuid.Parse(text)
}

func (s *Sync) decode(ctx context.Context, text string) (models.Cursor, error) {
	id, ok := models.CursorKey(text)
	if !ok {
		return models.Cursor{}, models.ErrCursor
	}
	key, ok := s.keys.find(ctx, id)
	if !ok {
		return models.Cursor{}, models.ErrCursor
	}
	return models.DecodeCursor(text, key)
}

// ownedBy tells whether the cursor was made for the actor: every cursor follows its owner's own stream.
func ownedBy(c models.Cursor, who models.Actor) bool {
	own := models.UserStream(who.UserID)
	for _, f := range c.Read {
		if f.Stream == own {
			return true
		}
	}
	return false
}

// walk reads streams from where the phone stands, at most limit records and maxWalk entries.
type walk struct {
	q       *store.Queries
	who     models.Actor
	scope   models.Scope
	limit   int
	changes []SyncChange
	more    bool
	// told are the records of this answer: one that stands on several streams is told once.
	told   map[models.ID]bool
	looked int
}

func (w *walk) run(read []models.Followed) ([]models.Followed, error) {
	plan := w.scope.Resume(read)
	names := make([]models.Stream, len(plan))
	for i, f := range plan {
		names[i] = f.Stream
	}
	heads, err := w.q.Heads(names)
	if err != nil {
		return nil, err
	}
	after := make([]models.Followed, 0, len(plan))
	for _, f := range plan {
		ended, err := w.stream(&f, heads[f.Stream])
		if err != nil {
			return nil, err
		}
		if ended {
			// The rest of a stream that is still in scope is followed from where the walk ended.
			if again, ok := w.goesOn(f); ok {
				after = append(after, again)
				w.more = w.more || heads[f.Stream] > again.Seq
			}
			continue
		}
		after = append(after, f)
	}
	return after, nil
}

// goesOn gives the stream in the mode it has now, when it left its old mode and not the scope.
func (w *walk) goesOn(left models.Followed) (models.Followed, bool) {
	for _, f := range w.scope.Follows() {
		if f.Stream == left.Stream {
			f.Seq = left.Until
			return f, true
		}
	}
	return models.Followed{}, false
}

// stream reads one stream as far as the limits allow; ended tells that a Leaving walk is through.
func (w *walk) stream(f *models.Followed, head int64) (ended bool, err error) {
	end := head
	if f.Mode == models.Leaving {
		end = f.Until
	}
	for f.Seq < end {
		room := min(w.limit-len(w.changes), maxWalk-w.looked)
		if room <= 0 {
			w.more = true
			return false, nil
		}
		entries, err := w.q.ChangesAfter(f.Stream, f.Seq, end, room)
		if err != nil {
			return false, err
		}
		if err := w.tell(f, entries); err != nil {
			return false, err
		}
		w.looked += len(entries)
		if len(entries) < room {
			f.Seq = end
		} else {
			f.Seq = entries[len(entries)-1].Seq
		}
	}
	return f.Mode == models.Leaving, nil
}

// tell loads the records of the entries and decides for each whether the phone stores it, forgets it, or never knew.
func (w *walk) tell(f *models.Followed, entries []models.Change) error {
	ids := map[models.RecordKind][]models.ID{}
	var fresh []models.Change
	listed := map[models.ID]bool{}
	for _, c := range entries {
		if !w.told[c.RecordID] && !listed[c.RecordID] {
			listed[c.RecordID] = true
			fresh = append(fresh, c)
			ids[c.Kind] = append(ids[c.Kind], c.RecordID)
		}
	}
	found, err := w.load(w.scope, ids)
	if err != nil {
		return err
	}
	had, err := w.had(f, ids)
	if err != nil {
		return err
	}
	for _, c := range fresh {
		change, visible := found[c.RecordID]
		switch {
		case visible && f.Mode != models.Leaving:
		case !visible && had(c):
			change = SyncChange{Kind: c.Kind, ID: c.RecordID, Gone: true}
		default:
			continue
		}
		w.told[c.RecordID] = true
		w.changes = append(w.changes, change)
	}
	return nil
}

// had tells which records of a stream the phone may have: of one that it followed in part, those that it saw by what
// it followed it for.
func (w *walk) had(f *models.Followed, ids map[models.RecordKind][]models.ID) (func(models.Change) bool, error) {
	all := f.Mode == models.FollowAll
	if f.Mode == models.Leaving {
		left, everything := f.Left(w.who)
		if !everything {
			seen, err := w.load(left, ids)
			return func(c models.Change) bool { _, ok := seen[c.RecordID]; return ok }, err
		}
		all = true
	}
	return func(c models.Change) bool { return all && syncable(c.Kind) }, nil
}

func syncable(kind models.RecordKind) bool {
	return slices.ContainsFunc(syncKinds, func(k syncKind) bool { return k.kind == kind })
}

// load finds which of the records are in the scope, one query a kind (two for visits, which carry their problems).
func (w *walk) load(scope models.Scope, ids map[models.RecordKind][]models.ID) (map[models.ID]SyncChange, error) {
	found := map[models.ID]SyncChange{}
	for _, k := range syncKinds {
		if len(ids[k.kind]) == 0 {
			continue
		}
		if err := k.find(w.q, scope, ids[k.kind], found); err != nil {
			return nil, err
		}
	}
	return found, nil
}
