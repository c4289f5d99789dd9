package services

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"lianqi/models"
	"lianqi/store"
)

const (
	// actorTime is how long an actor is believed without asking the store: what ends a session or changes a role on
	// another server is felt within it.
	actorTime = time.Second
	// maxActors bounds the cache; beyond it what is out of date is dropped.
	maxActors = 10_000
)

// actorCache remembers for a moment who calls in a session, so that a burst of requests asks the store once.
type actorCache struct {
	db     *store.DB
	flight singleflight.Group

	mu     sync.RWMutex
	actors map[models.ID]cachedActor
	// forgotten counts the calls of forget: an actor that was being loaded meanwhile is not remembered.
	forgotten uint64
}

type cachedActor struct {
	actor models.Actor
	at    time.Time
}

func newActorCache(db *store.DB) *actorCache {
	return &actorCache{db: db, actors: map[models.ID]cachedActor{}}
}

func (c *actorCache) get(ctx context.Context, session models.ID) (models.Actor, error) {
	now := c.db.Now()
	c.mu.RLock()
	hit, ok := c.actors[session]
	c.mu.RUnlock()
	if ok && now.Sub(hit.at) < actorTime {
		return hit.actor, nil
	}
	// The load is shared, so it must not end with the one request that began it.
	loaded, err, _ := c.flight.Do(string(session[:]), func() (any, error) {
		return c.load(context.WithoutCancel(ctx), session)
	})
	if err != nil {
		return models.Actor{}, err
	}
	return loaded.(models.Actor), nil
}

func (c *actorCache) load(ctx context.Context, session models.ID) (models.Actor, error) {
	c.mu.RLock()
	forgotten := c.forgotten
	c.mu.RUnlock()
	at := c.db.Now()
	actor, err := c.db.Read(ctx).Actor(session)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		delete(c.actors, session)
		return actor, err
	}
	if c.forgotten == forgotten {
		if len(c.actors) >= maxActors {
			c.drop(func(a cachedActor) bool { return at.Sub(a.at) >= actorTime })
		}
		c.actors[session] = cachedActor{actor, at}
	}
	return actor, nil
}

func (c *actorCache) drop(which func(cachedActor) bool) {
	for id, a := range c.actors {
		if which(a) {
			delete(c.actors, id)
		}
	}
}

// forget makes the next request of the session ask the store.
func (c *actorCache) forget(session models.ID) {
	c.forgetIf(func(a cachedActor) bool { return a.actor.SessionID == session })
}

// forgetUser does so for all sessions of a user.
func (c *actorCache) forgetUser(user models.ID) {
	c.forgetIf(func(a cachedActor) bool { return a.actor.UserID == user })
}

// forgetAll does so for everybody: posts have changed hands.
func (c *actorCache) forgetAll() { c.forgetIf(func(cachedActor) bool { return true }) }

func (c *actorCache) forgetIf(which func(cachedActor) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgotten++
	c.drop(which)
}
