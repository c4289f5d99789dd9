package services

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/alexedwards/argon2id"
	"golang.org/x/sync/semaphore"

	"lianqi/models"
)

// hashCost follows the first recommendation of OWASP for argon2id: 19 MiB, two passes, one lane.
var hashCost = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

const (
	// hashesAtOnce bounds the memory that logins take: 19 MiB each.
	hashesAtOnce = 2
	// hashesWaiting bounds the queue behind them, so that a flood of logins is turned away rather than piled up.
	hashesWaiting = 64
)

// nobody is the hash that an unknown account is checked against, made with hashCost from a password nobody has.
const nobody = "$argon2id$v=19$m=19456,t=2,p=1$QUFBQUFBQUFBQUFBQUFBQQ$Zs1bZ1tCqI9xkJ0h4eT2p1bq8mVj3y5o7uYc6nWd0aE"

// hashing runs a bounded number of password hashes at once.
type hashing struct {
	slots   *semaphore.Weighted
	waiting *atomic.Int32
}

func newHashing() hashing {
	return hashing{semaphore.NewWeighted(hashesAtOnce), new(atomic.Int32)}
}

func (h hashing) enter(ctx context.Context) error {
	if h.waiting.Add(1) > hashesWaiting {
		h.waiting.Add(-1)
		return models.ErrUnavailable.After(2 * time.Second)
	}
	defer h.waiting.Add(-1)
	return h.slots.Acquire(ctx, 1)
}

// matches compares a password with a hash; for an account that is not known it takes as long and says no.
func (h hashing) matches(ctx context.Context, password, hash string, known bool) (bool, error) {
	if err := h.enter(ctx); err != nil {
		return false, err
	}
	defer h.slots.Release(1)
	if !known {
		hash = nobody
	}
	matches, err := argon2id.ComparePasswordAndHash(password, hash)
	return matches && known, err
}

func (h hashing) hash(ctx context.Context, password string) (string, error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.slots.Release(1)
	return argon2id.CreateHash(password, hashCost)
}

// HashPassword hashes a password for an account made outside of a request.
func HashPassword(ctx context.Context, password string) (string, error) {
	return newHashing().hash(ctx, password)
}

// RandomPassword makes up a password that can be read out and typed: no character looks like another.
func RandomPassword() string {
	const alphabet = "abcdefghjkmnpqrstuvwxyz23456789" // 31: five bits a character, the odd one out is rejected
	var password [14]byte
	for i := range password {
		var b [1]byte
		for {
			randomBytes(b[:])
			if v := b[0] & 31; int(v) < len(alphabet) {
				password[i] = alphabet[v]
				break
			}
		}
	}
	return string(password[:])
}
