package store

import (
	"time"

	"lianqi/models"
)

type sessionRow struct {
	ID           models.ID
	UserID       models.ID
	DeviceID     *models.ID
	Generation   int64
	RefreshHash  []byte
	PreviousHash []byte
	CreatedAt    int64
	UsedAt       int64
	ExpiresAt    int64
	EndedAt      *int64
	EndReason    *string
}

const sessionColumns = "id, user_id, device_id, generation, refresh_hash, previous_hash, created_at, used_at, expires_at, ended_at, end_reason"

func (r sessionRow) model() models.Session {
	return models.Session{
		ID: r.ID, UserID: r.UserID, DeviceID: r.DeviceID, Generation: r.Generation, RefreshHash: r.RefreshHash, PreviousHash: r.PreviousHash,
		CreatedAt: instant(r.CreatedAt), UsedAt: instant(r.UsedAt), ExpiresAt: instant(r.ExpiresAt),
		EndedAt: instantOrNil(r.EndedAt), EndReason: textOrEmpty(r.EndReason),
	}
}

// InsertSession stores a new login.
func (tx *Tx) InsertSession(s models.Session) error {
	err := tx.exec("INSERT INTO sessions ("+sessionColumns+") VALUES (?, ?, ?, ?, ?, NULL, ?, ?, ?, NULL, NULL)",
		s.ID, s.UserID, s.DeviceID, s.Generation, s.RefreshHash, micros(s.CreatedAt), micros(s.UsedAt), micros(s.ExpiresAt))
	if err != nil {
		return err
	}
	tx.Changed(models.KindSession, s.ID)
	return nil
}

// RotateSession moves a session on from the token that was presented to the next. Errors: models.ErrNotFound when
// somebody else moved it.
func (tx *Tx) RotateSession(s models.Session, presented, next models.RefreshToken, expires time.Time) error {
	return tx.execOne(models.ErrNotFound, `UPDATE sessions SET previous_hash = ?, refresh_hash = ?, generation = ?, used_at = ?, expires_at = ?
		WHERE id = ? AND generation = ? AND ended_at IS NULL`,
		presented.Hash(), next.Hash(), next.Generation, micros(tx.now), micros(expires), s.ID, s.Generation)
}

// Session finds one session. Errors: models.ErrNotFound.
func (q *Queries) Session(id models.ID) (models.Session, error) {
	var row sessionRow
	err := q.first(&row, "SELECT "+sessionColumns+" FROM sessions WHERE id = ?", id)
	return row.model(), err
}

// Sessions lists the live sessions of a user, the newest first.
func (q *Queries) Sessions(user models.ID) ([]models.Session, error) {
	var rows []sessionRow
	err := q.all(&rows, "SELECT "+sessionColumns+" FROM sessions WHERE user_id = ? AND ended_at IS NULL AND expires_at > ? ORDER BY created_at DESC, id DESC",
		user, micros(q.now))
	list := make([]models.Session, len(rows))
	for i, r := range rows {
		list[i] = r.model()
	}
	return list, err
}

// EndSession ends one session of a user. Errors: models.ErrNotFound when there is no such live session.
func (tx *Tx) EndSession(user, session models.ID, reason string) error {
	err := tx.execOne(models.ErrNotFound, "UPDATE sessions SET ended_at = ?, end_reason = ? WHERE id = ? AND user_id = ? AND ended_at IS NULL",
		micros(tx.now), reason, session, user)
	if err != nil {
		return err
	}
	tx.Changed(models.KindSession, session, models.UserStream(user))
	return tx.forgetDevices(user)
}

// EndSessions ends every session of a user but the one kept; the zero id keeps none.
func (tx *Tx) EndSessions(user, kept models.ID, reason string) error {
	err := tx.exec("UPDATE sessions SET ended_at = ?, end_reason = ? WHERE user_id = ? AND id <> ? AND ended_at IS NULL",
		micros(tx.now), reason, user, kept)
	if err != nil {
		return err
	}
	tx.announce(models.KindSession, user, models.UserStream(user))
	return tx.forgetDevices(user)
}

// Actor gathers who calls in a session: account, roles, posts and assignments. Errors: models.ErrSessionEnded when the
// session is over or its account is not active.
func (q *Queries) Actor(session models.ID) (models.Actor, error) {
	var row struct {
		UserID             models.ID
		Name               string
		DepartmentID       *models.ID
		EnterpriseID       *models.ID
		MainLeader         bool
		MustChangePassword bool
	}
	err := q.first(&row, `SELECT u.id AS user_id, u.name, u.department_id, u.enterprise_id, u.main_leader, u.must_change_password
		FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = ? AND s.ended_at IS NULL AND s.expires_at > ? AND u.active = 1`,
		session, micros(q.now))
	if err != nil {
		if models.AsError(err).Code == models.ErrNotFound.Code {
			err = models.ErrSessionEnded
		}
		return models.Actor{}, err
	}
	a := models.Actor{
		UserID: row.UserID, SessionID: session, Name: row.Name, DepartmentID: row.DepartmentID, EnterpriseID: row.EnterpriseID,
		MainLeader: row.MainLeader, MustChangePassword: row.MustChangePassword,
	}
	if err := q.all(&a.Roles, "SELECT role FROM user_roles WHERE user_id = ? ORDER BY role", a.UserID); err != nil {
		return a, err
	}
	if err := q.all(&a.Leads, "SELECT id FROM departments WHERE head_id = ? OR leader_id = ? ORDER BY id", a.UserID, a.UserID); err != nil {
		return a, err
	}
	if a.EnterpriseID == nil {
		a.Assignments, err = q.tenures(a.UserID)
	}
	return a, err
}

func (q *Queries) tenures(cadre models.ID) ([]models.Tenure, error) {
	var rows []struct {
		EnterpriseID models.ID
		StartsAt     int64
		EndsAt       *int64
	}
	err := q.all(&rows, "SELECT enterprise_id, starts_at, ends_at FROM assignments WHERE cadre_id = ? ORDER BY enterprise_id, starts_at", cadre)
	list := make([]models.Tenure, len(rows))
	for i, r := range rows {
		list[i] = models.Tenure{EnterpriseID: r.EnterpriseID, From: instant(r.StartsAt), Until: instantOrNil(r.EndsAt)}
	}
	return list, err
}

// SigningKeys lists the keys, the newest first.
func (q *Queries) SigningKeys() ([]models.SigningKey, error) {
	var rows []struct {
		ID        int64
		Secret    []byte
		CreatedAt int64
	}
	err := q.all(&rows, "SELECT id, secret, created_at FROM signing_keys ORDER BY id DESC")
	keys := make([]models.SigningKey, len(rows))
	for i, r := range rows {
		keys[i] = models.SigningKey{ID: r.ID, Secret: r.Secret, CreatedAt: instant(r.CreatedAt)}
	}
	return keys, err
}

// InsertSigningKey adds a key. A key of that id that is already there stays: servers that start together agree on one.
func (tx *Tx) InsertSigningKey(k models.SigningKey) error {
	return tx.insertOnce("INSERT INTO signing_keys (id, secret, created_at) VALUES (?, ?, ?)", "id", k.ID, k.Secret, micros(k.CreatedAt))
}

// DeleteSigningKeysBefore forgets the keys made before the given one.
func (tx *Tx) DeleteSigningKeysBefore(id int64) error {
	return tx.exec("DELETE FROM signing_keys WHERE id < ?", id)
}

// Attempts counts failed logins under one key: an account from an address, or an address.
type Attempts struct {
	Failures    int
	StartedAt   time.Time
	LockedUntil time.Time
}

// LoginAttempts reads the counter of a key, and locks its row on a MySQL-compatible server. A key that is not there
// counts from now.
func (tx *Tx) LoginAttempts(key string) (Attempts, error) {
	err := tx.insertOnce("INSERT INTO login_attempts (id, failures, started_at, locked_until) VALUES (?, 0, ?, 0)", "id", key, micros(tx.now))
	if err != nil {
		return Attempts{}, err
	}
	lock := ""
	if tx.driver == driverMySQL {
		lock = " FOR UPDATE"
	}
	var row struct {
		Failures    int
		StartedAt   int64
		LockedUntil int64
	}
	err = tx.first(&row, "SELECT failures, started_at, locked_until FROM login_attempts WHERE id = ?"+lock, key)
	return Attempts{row.Failures, instant(row.StartedAt), instant(row.LockedUntil)}, err
}

// SetLoginAttempts stores the counter of a key.
func (tx *Tx) SetLoginAttempts(key string, a Attempts) error {
	return tx.exec("UPDATE login_attempts SET failures = ?, started_at = ?, locked_until = ? WHERE id = ?",
		a.Failures, micros(a.StartedAt), micros(a.LockedUntil), key)
}

// InsertStreamTicket stores the hash of a one-time ticket.
func (tx *Tx) InsertStreamTicket(hash []byte, session models.ID, expires time.Time) error {
	return tx.exec("INSERT INTO stream_tickets (hash, session_id, expires_at) VALUES (?, ?, ?)", hash, session, micros(expires))
}

// TakeStreamTicket redeems a ticket: of two who bring it one wins. Errors: models.ErrUnauthenticated.
func (tx *Tx) TakeStreamTicket(hash []byte) (session models.ID, err error) {
	var row struct{ SessionID models.ID }
	err = tx.first(&row, "SELECT session_id FROM stream_tickets WHERE hash = ? AND expires_at > ?", hash, micros(tx.now))
	if err != nil {
		return row.SessionID, models.ErrUnauthenticated.Because(err)
	}
	return row.SessionID, tx.execOne(models.ErrUnauthenticated, "DELETE FROM stream_tickets WHERE hash = ?", hash)
}

// Sweep removes what has no use any more: redeemed or expired tickets, old counters of failed logins, phones on which
// nobody is logged in, and sessions that ended long ago.
func (tx *Tx) Sweep(attemptsBefore, sessionsBefore time.Time) error {
	if err := tx.exec("DELETE FROM stream_tickets WHERE expires_at < ?", micros(tx.now)); err != nil {
		return err
	}
	if err := tx.exec("DELETE FROM login_attempts WHERE started_at < ? AND locked_until < ?", micros(attemptsBefore), micros(tx.now)); err != nil {
		return err
	}
	err := tx.exec("DELETE FROM devices WHERE session_id NOT IN (SELECT id FROM sessions WHERE ended_at IS NULL AND expires_at > ?)", micros(tx.now))
	if err != nil {
		return err
	}
	return tx.exec("DELETE FROM sessions WHERE expires_at < ?", micros(sessionsBefore))
}
