// Package services holds the use cases: each is one transaction that checks the policy, makes the change, and leaves
// notifications, audit and change streams to the store's mechanisms.
package services

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"log/slog"

	"lianqi/models"
	"lianqi/store"
)

// Services are all use cases on one database.
type Services struct {
	Sessions      *Sessions
	Users         *Users
	Departments   *Departments
	Enterprises   *Enterprises
	Campaigns     *Campaigns
	Visits        *Visits
	Problems      *Problems
	Notifications *Notifications
	Sync          *Sync
}

// New makes the use cases. The database must have been migrated; the first start makes the signing key.
func New(ctx context.Context, db *store.DB, log *slog.Logger) (*Services, error) {
	keys, err := openKeyring(ctx, db)
	if err != nil {
		return nil, err
	}
	sessions := newSessions(db, keys, log)
	return &Services{
		Sessions:      sessions,
		Users:         &Users{db, sessions},
		Departments:   &Departments{db, sessions},
		Enterprises:   &Enterprises{db},
		Campaigns:     &Campaigns{db, sessions},
		Visits:        &Visits{db},
		Problems:      &Problems{db},
		Notifications: newNotifications(db),
		Sync:          &Sync{db, keys},
	}, nil
}

// Submission identifies one request that must be carried out at most once.
type Submission struct {
	// OperationID is made by the client; a creation by PUT uses the id of what it creates.
	OperationID models.ID
	// Fingerprint is FingerprintOf the decoded, defaulted request.
	Fingerprint []byte
}

// FingerprintOf hashes a decoded request. Secrets must have been taken out: a hash of a password is as good as the
// password to somebody with a word list.
func FingerprintOf(request any) []byte {
	text, err := json.Marshal(request)
	if err != nil {
		panic("services: request cannot be encoded: " + err.Error())
	}
	h := sha256.Sum256(text)
	return h[:]
}

// randomBytes fills b from the system's source, which does not fail on any supported system.
func randomBytes(b []byte) { _, _ = rand.Read(b) }

// set takes over a member of a change, if it is given.
func set[T any](member *T, change *T) {
	if change != nil {
		*member = *change
	}
}

func sameID(a, b *models.ID) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}
