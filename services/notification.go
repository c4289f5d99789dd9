package services

import (
	"context"
	"strconv"
	"sync"
	"time"

	"lianqi/models"
	"lianqi/store"
)

// Notifications keeps the inboxes, the phones that ring for them, and the streams that follow them.
type Notifications struct {
	db  *store.DB
	bus *bus
}

func newNotifications(db *store.DB) *Notifications {
	n := &Notifications{db: db, bus: newBus()}
	db.OnCommit(n.bus.wake)
	return n
}

// List gives the actor's inbox, the newest first, and how many of all are unread.
func (s *Notifications) List(ctx context.Context, who models.Actor, unreadOnly bool, page models.Page) (list []models.Notification, next *models.Mark, unread int, err error) {
	q := s.db.Read(ctx)
	list, next, err = q.Notifications(who.Scope(), unreadOnly, page)
	if err != nil {
		return nil, nil, 0, err
	}
	unread, err = q.Unread(who.Scope())
	return list, next, unread, err
}

// Read marks one notification as read; again changes nothing. Errors: not_found.
func (s *Notifications) Read(ctx context.Context, who models.Actor, id models.ID) (n models.Notification, err error) {
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		n, err = tx.ReadNotification(who.Scope(), id)
		return err
	})
	return n, err
}

// ReadAll marks everything the actor has got so far as read and tells how many that were.
func (s *Notifications) ReadAll(ctx context.Context, who models.Actor) (read int, err error) {
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		read, err = tx.ReadNotifications(who.Scope())
		return err
	})
	return read, err
}

// PutDevice makes a phone ring for the actor. Errors: not_found when the id is another user's, too_many_devices.
func (s *Notifications) PutDevice(ctx context.Context, who models.Actor, d models.Device) (models.Device, error) {
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		d.UserID, d.SessionID, d.UpdatedAt = who.UserID, who.SessionID, tx.Now()
		return tx.PutDevice(d)
	})
	return d, err
}

// DeleteDevice makes a phone of the actor's silent. Errors: not_found.
func (s *Notifications) DeleteDevice(ctx context.Context, who models.Actor, id models.ID) error {
	return s.db.Write(ctx, func(tx *store.Tx) error { return tx.DeleteDevice(who.UserID, id) })
}

// Event is a notification as it comes on a stream; Seq is where to resume after it.
type Event struct {
	Seq          int64
	Notification models.Notification
}

const (
	// eventsAtOnce is how many changes one look reads.
	eventsAtOnce = 100
	// pollTime is how often a stream looks for what other servers have written.
	pollTime = time.Second
)

// Resume is where a stream of the actor's begins: after the event that the client names as its last, or with what comes
// next when it names none, or one that cannot have been.
func (s *Notifications) Resume(ctx context.Context, who models.Actor, lastEvent string) (seq int64, err error) {
	stream := models.UserStream(who.UserID)
	heads, err := s.db.Read(ctx).Heads([]models.Stream{stream})
	if err != nil {
		return 0, err
	}
	if last, err := strconv.ParseInt(lastEvent, 10, 64); err == nil && last >= 0 && last <= heads[stream] {
		return last, nil
	}
	return heads[stream], nil
}

// After gives the unread notifications of the actor that came after seq, and where to go on from.
func (s *Notifications) After(ctx context.Context, who models.Actor, seq int64) (events []Event, next int64, err error) {
	q := s.db.Read(ctx)
	changes, err := q.ChangesAfter(models.UserStream(who.UserID), seq, 0, eventsAtOnce)
	if err != nil || len(changes) == 0 {
		return nil, seq, err
	}
	next = changes[len(changes)-1].Seq
	var ids []models.ID
	for _, c := range changes {
		if c.Kind == models.KindNotification {
			ids = append(ids, c.RecordID)
		}
	}
	if len(ids) == 0 {
		return nil, next, nil
	}
	list, err := q.NotificationsByID(who.Scope(), ids)
	if err != nil {
		return nil, seq, err
	}
	byID := make(map[models.ID]models.Notification, len(list))
	for _, n := range list {
		byID[n.ID] = n
	}
	for _, c := range changes {
		if n, ok := byID[c.RecordID]; ok && n.ReadAt == nil {
			events = append(events, Event{c.Seq, n})
			// Of several changes to one notification the first says all there is to say.
			delete(byID, c.RecordID)
		}
	}
	return events, next, nil
}

// Wait returns true when something may have come for the user, after pollTime at the latest; false when the stream is
// over, because ctx has ended or the server stops. The channel is got from Listen.
func (s *Notifications) Wait(ctx context.Context, woken <-chan struct{}) bool {
	timer := time.NewTimer(pollTime)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-s.bus.stopped:
		return false
	case <-woken:
	case <-timer.C:
	}
	return true
}

// EndStreams ends every stream, now and from now on: an orderly stop of the server waits for requests, and a stream
// has no end of its own.
func (s *Notifications) EndStreams() { s.bus.stop() }

// Listen announces a stream of the user's; the channel gets a value whenever this server has written something for
// them. Errors: too_many_streams.
func (s *Notifications) Listen(user models.ID) (woken <-chan struct{}, stop func(), err error) {
	return s.bus.listen(user)
}

// maxStreams is how many streams one user may hold open: a phone and a few browsers.
const maxStreams = 8

// bus wakes the streams of users for whom this server has written something.
type bus struct {
	stopped chan struct{}
	stop    func()

	mu      sync.Mutex
	streams map[models.Stream]map[chan struct{}]struct{}
}

func newBus() *bus {
	b := &bus{stopped: make(chan struct{}), streams: map[models.Stream]map[chan struct{}]struct{}{}}
	b.stop = sync.OnceFunc(func() { close(b.stopped) })
	return b
}

func (b *bus) wake(streams []models.Stream) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range streams {
		for woken := range b.streams[s] {
			select {
			case woken <- struct{}{}:
			default:
			}
		}
	}
}

func (b *bus) listen(user models.ID) (<-chan struct{}, func(), error) {
	name, woken := models.UserStream(user), make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.streams[name]) >= maxStreams {
		return nil, nil, models.ErrTooManyStreams
	}
	if b.streams[name] == nil {
		b.streams[name] = map[chan struct{}]struct{}{}
	}
	b.streams[name][woken] = struct{}{}
	return woken, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.streams[name], woken)
		if len(b.streams[name]) == 0 {
			delete(b.streams, name)
		}
	}, nil
}
