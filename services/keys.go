package services

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"lianqi/models"
	"lianqi/store"
)

const (
	issuer   = "lianqi"
	audience = "lianqi-api"
	// keyTime is how long the keys are believed without looking into the database, where another server or a command
	// may have added or removed one.
	keyTime = time.Second
)

// keyring holds the signing keys, as known at most keyTime ago.
type keyring struct {
	db *store.DB

	looking sync.Mutex

	mu     sync.RWMutex
	keys   []models.SigningKey // newest first
	looked time.Time
}

// openKeyring loads the keys and makes the first one on a new database.
func openKeyring(ctx context.Context, db *store.DB) (*keyring, error) {
	k := &keyring{db: db}
	if err := k.load(ctx); err != nil {
		return nil, err
	}
	if len(k.keys) > 0 {
		return k, nil
	}
	if err := addKey(ctx, db, 1); err != nil {
		return nil, err
	}
	if err := k.load(ctx); err != nil {
		return nil, err
	}
	return k, nil
}

func addKey(ctx context.Context, db *store.DB, id int64) error {
	secret := make([]byte, 32)
	randomBytes(secret)
	return db.Write(ctx, func(tx *store.Tx) error {
		return tx.InsertSigningKey(models.SigningKey{ID: id, Secret: secret, CreatedAt: tx.Now()})
	})
}

// RotateKeys adds a signing key; tokens of the older keys stay good. With forget the older keys are removed, which
// ends every session.
func RotateKeys(ctx context.Context, db *store.DB, forget bool) error {
	keys, err := db.Read(ctx).SigningKeys()
	if err != nil {
		return err
	}
	next := int64(1)
	if len(keys) > 0 {
		next = keys[0].ID + 1
	}
	if err := addKey(ctx, db, next); err != nil || !forget {
		return err
	}
	return db.Write(ctx, func(tx *store.Tx) error { return tx.DeleteSigningKeysBefore(next) })
}

// RotateAgedKeys adds a signing key when the newest is older than age, and removes those that no live token can be of.
func RotateAgedKeys(ctx context.Context, db *store.DB, now time.Time, age time.Duration) error {
	keys, err := db.Read(ctx).SigningKeys()
	if err != nil || len(keys) == 0 || now.Sub(keys[0].CreatedAt) < age {
		return err
	}
	if err := addKey(ctx, db, keys[0].ID+1); err != nil {
		return err
	}
	// A key is of use until the last token made with it has expired: RefreshTime after its successor came.
	for i := 1; i < len(keys); i++ {
		if now.Sub(keys[i-1].CreatedAt) > models.RefreshTime {
			return db.Write(ctx, func(tx *store.Tx) error { return tx.DeleteSigningKeysBefore(keys[i-1].ID) })
		}
	}
	return nil
}

func (k *keyring) load(ctx context.Context) error {
	keys, err := k.db.Read(ctx).SigningKeys()
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(keys) == 0 && len(k.keys) > 0 {
		return errors.New("the signing keys are gone")
	}
	k.keys, k.looked = keys, k.db.Now()
	return nil
}

// current gives the keys, the newest first. When the database does not answer, those last known must do.
func (k *keyring) current(ctx context.Context) []models.SigningKey {
	k.mu.RLock()
	keys, stale := k.keys, k.db.Now().Sub(k.looked) >= keyTime
	k.mu.RUnlock()
	if !stale {
		return keys
	}
	// Of those who find the keys stale at the same moment one looks; the others go on with what there is.
	if k.looking.TryLock() {
		defer k.looking.Unlock()
		if k.load(context.WithoutCancel(ctx)) == nil {
			k.mu.RLock()
			defer k.mu.RUnlock()
			return k.keys
		}
	}
	return keys
}

func (k *keyring) newest(ctx context.Context) models.SigningKey { return k.current(ctx)[0] }

func (k *keyring) find(ctx context.Context, id int64) (models.SigningKey, bool) {
	for _, key := range k.current(ctx) {
		if key.ID == id {
			return key, true
		}
	}
	return models.SigningKey{}, false
}

// claims of an access token. Roles are not among them: they come from the store, so that a change of them is felt at once.
type claims struct {
	jwt.RegisteredClaims
	SessionID string `json:"sid"`
}

// signAccess makes an access token for the session.
func (k *keyring) signAccess(ctx context.Context, session, user models.ID, now time.Time) (string, error) {
	key := k.newest(ctx)
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: user.String(),
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(models.AccessTime)),
		},
		SessionID: session.String(),
	})
	token.Header["kid"] = strconv.FormatInt(key.ID, 10)
	return token.SignedString(key.Secret)
}
