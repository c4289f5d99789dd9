package services

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"lianqi/models"
	"lianqi/store"
)

// TicketTime is how long a one-time ticket for a stream is good.
const TicketTime = 30 * time.Second

// Tokens are what a login or a refresh answers.
type Tokens struct {
	Access, Refresh    string
	ExpiresIn          time.Duration
	MustChangePassword bool
}

// Sessions logs people in and out and tells who calls.
type Sessions struct {
	db      *store.DB
	keys    *keyring
	actors  *actorCache
	hashing hashing
	log     *slog.Logger
	parser  *jwt.Parser
}

func newSessions(db *store.DB, keys *keyring, log *slog.Logger) *Sessions {
	return &Sessions{
		db: db, keys: keys, actors: newActorCache(db), hashing: newHashing(), log: log,
		parser: jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
			jwt.WithExpirationRequired(), jwt.WithTimeFunc(db.Now)),
	}
}

// Login opens a session. Errors: wrong_credentials for whatever is wrong with phone or password, login_locked after
// too many failures, unavailable when too many logins wait.
func (s *Sessions) Login(ctx context.Context, phone, password string, device *models.ID, address string) (Tokens, error) {
	gate := loginGate(phone, address)
	if err := gate.enter(ctx, s.db); err != nil {
		return Tokens{}, err
	}
	user, err := s.check(ctx, phone, password)
	switch {
	case errors.Is(err, models.ErrCredentials):
		return Tokens{}, errors.Join(err, gate.fail(ctx, s.db))
	case err != nil:
		return Tokens{}, errors.Join(err, gate.forgo(ctx, s.db))
	}
	ctx = models.WithCause(ctx, models.Cause{ActorID: user.ID, Operation: "login", RequestID: models.CauseOf(ctx).RequestID})
	t, err := s.open(ctx, user, device, gate)
	if err != nil {
		err = errors.Join(err, gate.forgo(ctx, s.db))
	}
	return t, err
}

// check finds the account that phone and password belong to. Errors: wrong_credentials for whatever is wrong with
// them, unavailable when too many wait.
func (s *Sessions) check(ctx context.Context, phone, password string) (models.User, error) {
	user, err := s.db.Read(ctx).UserByPhone(phone)
	known := err == nil && user.Active
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return user, err
	}
	// An unknown account costs the same hash as a known one.
	matches, err := s.hashing.matches(ctx, password, user.PasswordHash, known)
	if err == nil && !matches {
		err = models.ErrCredentials
	}
	return user, err
}

func (s *Sessions) open(ctx context.Context, user models.User, device *models.ID, gate gate) (t Tokens, err error) {
	key := s.keys.newest(ctx)
	var secret [32]byte
	randomBytes(secret[:])
	var session models.ID
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		// The account may have been changed while its password was being checked.
		now, err := tx.User(user.ID)
		if err != nil || !now.Active || now.PasswordHash != user.PasswordHash {
			return models.ErrCredentials.Because(err)
		}
		if err := gate.leave(tx); err != nil {
			return err
		}
		session = tx.NewID()
		refresh := models.NewRefreshToken(key, session, secret)
		t = Tokens{Refresh: refresh.String(), ExpiresIn: models.AccessTime, MustChangePassword: now.MustChangePassword}
		return tx.InsertSession(models.Session{
			ID: session, UserID: user.ID, DeviceID: device, RefreshHash: refresh.Hash(),
			CreatedAt: tx.Now(), UsedAt: tx.Now(), ExpiresAt: tx.Now().Add(models.RefreshTime),
		})
	})
	if err != nil {
		return Tokens{}, err
	}
	t.Access, err = s.keys.signAccess(ctx, session, user.ID, s.db.Now())
	return t, err
}

// errRotated tells that another request moved the session on at the same moment.
var errRotated = errors.New("session was refreshed by another request")

// Refresh moves a session on to the next refresh token. The same token again gets the same successor until that has
// been used; any older one ends the session and alerts its owner. Errors: unauthenticated, session_ended.
func (s *Sessions) Refresh(ctx context.Context, token string) (Tokens, error) {
	presented, ok := models.ParseRefreshToken(token)
	if !ok {
		return Tokens{}, models.ErrUnauthenticated
	}
	key, ok := s.keys.find(ctx, int64(presented.KeyID))
	if !ok || !presented.Authentic(key) {
		return Tokens{}, models.ErrUnauthenticated
	}
	for {
		t, err := s.refresh(ctx, presented)
		if !errors.Is(err, errRotated) {
			return t, err
		}
	}
}

func (s *Sessions) refresh(ctx context.Context, presented models.RefreshToken) (t Tokens, err error) {
	newest := s.keys.newest(ctx)
	var session models.Session
	var reused bool
	err = s.db.Write(models.WithCause(ctx, models.Cause{Operation: "refresh", RequestID: models.CauseOf(ctx).RequestID}), func(tx *store.Tx) error {
		reused = false
		session, err = tx.Session(presented.SessionID)
		if err != nil {
			return models.ErrSessionEnded.Because(err)
		}
		user, err := tx.User(session.UserID)
		if err != nil {
			return err
		}
		if !session.Alive(tx.Now()) || !user.Active {
			return models.ErrSessionEnded
		}
		t = Tokens{ExpiresIn: models.AccessTime, MustChangePassword: user.MustChangePassword}
		switch session.Judge(presented) {
		case models.PresentedCurrent:
			next := presented.Successor(newest)
			t.Refresh = next.String()
			err := tx.RotateSession(session, presented, next, tx.Now().Add(models.RefreshTime))
			if errors.Is(err, models.ErrNotFound) {
				return errRotated
			}
			return err
		case models.PresentedAgain:
			t.Refresh = s.successorOf(ctx, presented, session)
			return nil
		default:
			reused = true
			if err := tx.EndSession(session.UserID, session.ID, models.EndedByReuse); err != nil {
				return err
			}
			return tx.Notify(models.SessionReused(session.UserID, session.ID))
		}
	})
	switch {
	case err != nil:
		return Tokens{}, err
	case reused:
		s.actors.forget(session.ID)
		s.log.WarnContext(ctx, "a used refresh token came again; its session was ended", "session_id", session.ID, "user_id", session.UserID)
		return Tokens{}, models.ErrSessionEnded
	}
	t.Access, err = s.keys.signAccess(ctx, session.ID, session.UserID, s.db.Now())
	return t, err
}

// successorOf derives the token that the session has moved on to; it was made with whatever key was the newest then.
func (s *Sessions) successorOf(ctx context.Context, presented models.RefreshToken, session models.Session) string {
	for _, key := range s.keys.current(ctx) {
		if next := presented.Successor(key); session.Judge(next) == models.PresentedCurrent {
			return next.String()
		}
	}
	return ""
}

// Authenticate finds who an access token stands for. What was changed about them, or ended, is felt within a second.
// Errors: token_expired, session_ended, unauthenticated.
func (s *Sessions) Authenticate(ctx context.Context, token string) (models.Actor, error) {
	var c claims
	_, err := s.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		id, err := strconv.ParseInt(kid, 10, 64)
		if err != nil {
			return nil, err
		}
		key, ok := s.keys.find(ctx, id)
		if !ok {
			return nil, errors.New("unknown key")
		}
		return key.Secret, nil
	})
	if errors.Is(err, jwt.ErrTokenExpired) && !errors.Is(err, jwt.ErrTokenSignatureInvalid) {
		return models.Actor{}, models.ErrTokenExpired
	}
	if err != nil {
		return models.Actor{}, models.ErrUnauthenticated
	}
	session, err := uuid.Parse(c.SessionID)
	if err != nil {
		return models.Actor{}, models.ErrUnauthenticated
	}
	return s.actors.get(ctx, session)
}

// Current finds the actor of a session again, for streams that outlive a request. Errors: session_ended.
func (s *Sessions) Current(ctx context.Context, session models.ID) (models.Actor, error) {
	return s.actors.get(ctx, session)
}

// Logout ends the actor's own session. Ending it twice is no error.
func (s *Sessions) Logout(ctx context.Context, who models.Actor) error {
	err := s.End(ctx, who, who.SessionID, models.EndedByLogout)
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	return err
}

// List gives the actor's live sessions, the newest first.
func (s *Sessions) List(ctx context.Context, who models.Actor) ([]models.Session, error) {
	return s.db.Read(ctx).Sessions(who.UserID)
}

// End ends one of the actor's sessions. Errors: not_found.
func (s *Sessions) End(ctx context.Context, who models.Actor, session models.ID, reason string) error {
	err := s.db.Write(ctx, func(tx *store.Tx) error { return tx.EndSession(who.UserID, session, reason) })
	if err == nil {
		s.actors.forget(session)
	}
	return err
}

// ChangePassword replaces the actor's password and ends their other sessions. Errors: validation_failed for a wrong
// current password or an unfit new one, login_locked after too many wrong ones.
func (s *Sessions) ChangePassword(ctx context.Context, who models.Actor, current, replacement string) error {
	user, err := s.db.Read(ctx).User(who.UserID)
	if err != nil {
		return err
	}
	if err := models.CheckPassword("body.new_password", replacement, user.Phone); err != nil {
		return err
	}
	if current == replacement {
		return models.ErrPasswordUnchanged
	}
	gate := passwordGate(who.UserID)
	if err := gate.enter(ctx, s.db); err != nil {
		return err
	}
	matches, err := s.hashing.matches(ctx, current, user.PasswordHash, true)
	if err == nil && !matches {
		return errors.Join(models.ErrCurrentPassword, gate.fail(ctx, s.db))
	}
	if err != nil {
		return errors.Join(err, gate.forgo(ctx, s.db))
	}
	hash, err := s.hashing.hash(ctx, replacement)
	if err != nil {
		return errors.Join(err, gate.forgo(ctx, s.db))
	}
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		if err := gate.leave(tx); err != nil {
			return err
		}
		now, err := tx.User(who.UserID)
		if err != nil {
			return err
		}
		if now.PasswordHash != user.PasswordHash {
			return models.ErrCurrentPassword
		}
		now.PasswordHash, now.MustChangePassword = hash, false
		now.Version, now.UpdatedAt = now.Version+1, tx.Now()
		if err := tx.UpdateUser(now); err != nil {
			return err
		}
		return tx.EndSessions(who.UserID, who.SessionID, models.EndedByPasswordChange)
	})
	if err == nil {
		s.actors.forgetUser(who.UserID)
	}
	return err
}

// Ticket makes a one-time ticket for a stream of the actor's.
func (s *Sessions) Ticket(ctx context.Context, who models.Actor) (ticket string, err error) {
	var secret [32]byte
	randomBytes(secret[:])
	hash := sha256.Sum256(secret[:])
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		return tx.InsertStreamTicket(hash[:], who.SessionID, tx.Now().Add(TicketTime))
	})
	return base64.RawURLEncoding.EncodeToString(secret[:]), err
}

// RedeemTicket finds who a ticket stands for and makes it worthless. Errors: unauthenticated, session_ended.
func (s *Sessions) RedeemTicket(ctx context.Context, ticket string) (models.Actor, error) {
	secret, err := base64.RawURLEncoding.Strict().DecodeString(ticket)
	if err != nil || len(secret) != 32 {
		return models.Actor{}, models.ErrUnauthenticated
	}
	hash := sha256.Sum256(secret)
	var session models.ID
	err = s.db.Write(ctx, func(tx *store.Tx) (err error) {
		session, err = tx.TakeStreamTicket(hash[:])
		return err
	})
	if err != nil {
		return models.Actor{}, err
	}
	return s.actors.get(ctx, session)
}
