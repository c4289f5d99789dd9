package models

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// Session is one login; refreshing keeps it alive, its end takes every token of it away.
type Session struct {
	ID           ID
	UserID       ID
	DeviceID     *ID
	Generation   int64
	RefreshHash  []byte
	PreviousHash []byte
	CreatedAt    time.Time
	UsedAt       time.Time
	ExpiresAt    time.Time
	EndedAt      *time.Time
	EndReason    string
}

const (
	// AccessTime is how long an access token is good.
	AccessTime = 15 * time.Minute
	// RefreshTime is how long a session lives without being refreshed.
	RefreshTime = 60 * 24 * time.Hour
)

// Reasons for which a session ended.
const (
	EndedByLogout         = "logout"
	EndedByOwner          = "ended_by_owner"
	EndedByPasswordChange = "password_changed"
	EndedByAdministrator  = "administrator"
	EndedByReuse          = "refresh_token_reused"
)

// SigningKey signs access tokens and derives refresh tokens; the newest signs, the older ones still verify.
type SigningKey struct {
	ID        int64
	Secret    []byte
	CreatedAt time.Time
}

// RefreshToken is opaque to clients: key id, session, generation, secret, and a tag that only the server can make. The
// tag tells a token that was once ours from an invented one, so that nobody can end a session by guessing its id.
type RefreshToken struct {
	KeyID      uint32
	SessionID  ID
	Generation uint32
	Secret     [32]byte
	tag        [16]byte
}

const refreshTokenSize = 4 + 16 + 4 + 32 + 16

// NewRefreshToken makes the first token of a session from a random secret.
func NewRefreshToken(key SigningKey, session ID, secret [32]byte) RefreshToken {
	return newRefreshToken(key, session, 0, secret)
}

func newRefreshToken(key SigningKey, session ID, generation uint32, secret [32]byte) RefreshToken {
	t := RefreshToken{KeyID: uint32(key.ID), SessionID: session, Generation: generation, Secret: secret} //nolint:gosec // key ids count from 1
	t.tag = t.makeTag(key)
	return t
}

// Successor derives the next token: the same one however often it is asked for.
func (t RefreshToken) Successor(key SigningKey) RefreshToken {
	mac := hmac.New(sha256.New, key.Secret)
	mac.Write([]byte("refresh successor"))
	mac.Write(t.bytes())
	return newRefreshToken(key, t.SessionID, t.Generation+1, [32]byte(mac.Sum(nil)))
}

// Authentic tells whether the key made the token.
func (t RefreshToken) Authentic(key SigningKey) bool {
	tag := t.makeTag(key)
	return t.KeyID == uint32(key.ID) && subtle.ConstantTimeCompare(tag[:], t.tag[:]) == 1 //nolint:gosec // key ids count from 1
}

// Hash is what is stored of the token.
func (t RefreshToken) Hash() []byte {
	h := sha256.Sum256(t.bytes())
	return h[:]
}

func (t RefreshToken) String() string { return base64.RawURLEncoding.EncodeToString(t.bytes()) }

func (t RefreshToken) bytes() []byte {
	b := make([]byte, 0, refreshTokenSize)
	b = binary.BigEndian.AppendUint32(b, t.KeyID)
	b = append(b, t.SessionID[:]...)
	b = binary.BigEndian.AppendUint32(b, t.Generation)
	b = append(b, t.Secret[:]...)
	return append(b, t.tag[:]...)
}

func (t RefreshToken) makeTag(key SigningKey) [16]byte {
	mac := hmac.New(sha256.New, key.Secret)
	mac.Write([]byte("refresh tag"))
	mac.Write(t.SessionID[:])
	mac.Write(binary.BigEndian.AppendUint32(nil, t.Generation))
	mac.Write(t.Secret[:])
	return [16]byte(mac.Sum(nil)[:16])
}

// ParseRefreshToken reads a token from a client; ok is false for anything that cannot be one.
func ParseRefreshToken(s string) (t RefreshToken, ok bool) {
	b, ok := fromText(s)
	if !ok || len(b) != refreshTokenSize {
		return t, false
	}
	t.KeyID = binary.BigEndian.Uint32(b)
	copy(t.SessionID[:], b[4:])
	t.Generation = binary.BigEndian.Uint32(b[20:])
	copy(t.Secret[:], b[24:])
	copy(t.tag[:], b[56:])
	return t, true
}

// Presented is what a refresh token turns out to be.
type Presented int

const (
	// PresentedCurrent is used for the first time: the session moves on to the successor. So it does for a token that
	// is ahead of the session, which there only is after a backup has been restored: the phone must not pay for that.
	PresentedCurrent Presented = iota
	// PresentedAgain was used and its answer may have been lost: the successor has not been used yet.
	PresentedAgain
	// PresentedReused was used and so was its successor: somebody has a copy.
	PresentedReused
)

// Judge tells what an authentic token of the session is.
func (s Session) Judge(t RefreshToken) Presented {
	switch hash := t.Hash(); {
	case bytes.Equal(hash, s.RefreshHash):
		return PresentedCurrent
	case bytes.Equal(hash, s.PreviousHash):
		return PresentedAgain
	case int64(t.Generation) > s.Generation:
		return PresentedCurrent
	}
	return PresentedReused
}

// Alive tells whether the session can still be used.
func (s Session) Alive(now time.Time) bool { return s.EndedAt == nil && now.Before(s.ExpiresAt) }
