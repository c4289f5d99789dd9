package services

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"time"

	"lianqi/models"
	"lianqi/store"
)

const (
	// failuresPerAccount is how many wrong passwords an account may get from one address within failureWindow; then the
	// pair is locked for lockTime. Nobody can lock out somebody else, who comes from another address.
	failuresPerAccount = 5
	// failuresPerAddress is how many an address may send for whatever accounts: offices and carriers share addresses.
	failuresPerAddress = 100
	failureWindow      = 15 * time.Minute
	lockTime           = 15 * time.Minute
)

// gate counts attempts before they are made, so that a burst of parallel ones cannot slip past the limit, and takes
// back the count of one that succeeded.
type gate struct{ counters []gateCounter }

type gateCounter struct {
	key   string
	limit int
	// clears: a success proves that the failures before it were the owner's
	clears bool
}

func loginGate(phone, address string) gate {
	address = network(address)
	return gate{[]gateCounter{
		{gateKey("login", phone, address), failuresPerAccount, true},
		{gateKey("address", address), failuresPerAddress, false},
	}}
}

func passwordGate(user models.ID) gate {
	return gate{[]gateCounter{{gateKey("password", user.String()), failuresPerAccount, true}}}
}

// gateKey hashes what it is made of: the table need not know phone numbers.
func gateKey(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}

// network is the address as far as one party holds it: an IPv6 client holds a whole /64.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if a = a.Unmap(); a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// enter counts one attempt. Errors: login_locked with the time to wait, which is short when the limit is used up by
// attempts that are still being checked.
func (g gate) enter(ctx context.Context, db *store.DB) error {
	var wait time.Duration
	err := db.Write(ctx, func(tx *store.Tx) error {
		wait = 0
		attempts := make([]store.Attempts, len(g.counters))
		for i, c := range g.counters {
			a, err := tx.LoginAttempts(c.key)
			if err != nil {
				return err
			}
			now := tx.Now()
			if now.Sub(a.StartedAt) >= failureWindow || a.LockedUntil.After(a.StartedAt) && !now.Before(a.LockedUntil) {
				a = store.Attempts{StartedAt: now}
			}
			switch {
			case now.Before(a.LockedUntil):
				wait = max(wait, a.LockedUntil.Sub(now))
			case a.Failures >= c.limit:
				wait = max(wait, time.Second)
			}
			a.Failures++
			attempts[i] = a
		}
		if wait > 0 {
			return nil
		}
		return g.store(tx, attempts)
	})
	if err == nil && wait > 0 {
		return models.ErrLoginLocked.After(wait)
	}
	return err
}

func (g gate) store(tx *store.Tx, attempts []store.Attempts) error {
	for i, c := range g.counters {
		if err := tx.SetLoginAttempts(c.key, attempts[i]); err != nil {
			return err
		}
	}
	return nil
}

// fail lets the attempt stand and locks what has used up its limit.
func (g gate) fail(ctx context.Context, db *store.DB) error {
	return db.Write(ctx, func(tx *store.Tx) error {
		return g.each(tx, func(c gateCounter, a *store.Attempts) {
			if a.Failures >= c.limit && !tx.Now().Before(a.LockedUntil) {
				a.LockedUntil = tx.Now().Add(lockTime)
			}
		})
	})
}

// forgo takes the attempt back: it was not made.
func (g gate) forgo(ctx context.Context, db *store.DB) error {
	return db.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		return g.each(tx, func(_ gateCounter, a *store.Attempts) { a.Failures = max(a.Failures-1, 0) })
	})
}

// leave takes the attempt back: it succeeded.
func (g gate) leave(tx *store.Tx) error {
	return g.each(tx, func(c gateCounter, a *store.Attempts) {
		if a.Failures = max(a.Failures-1, 0); c.clears {
			*a = store.Attempts{StartedAt: tx.Now()}
		}
	})
}

func (g gate) each(tx *store.Tx, change func(c gateCounter, a *store.Attempts)) error {
	for _, c := range g.counters {
		a, err := tx.LoginAttempts(c.key)
		if err != nil {
			return err
		}
		change(c, &a)
		if err := tx.SetLoginAttempts(c.key, a); err != nil {
			return err
		}
	}
	return nil
}
