package services

import (
	"context"

	"lianqi/models"
	"lianqi/store"
)

// Users keeps the accounts.
type Users struct {
	db       *store.DB
	sessions *Sessions
}

// DefaultLanguage is what people are written to in until they choose.
const DefaultLanguage = "zh-CN"

// Create makes an account that must change the password it is given. The submission's fingerprint must not cover the
// password. Errors: phone_taken, validation_failed, id_conflict.
func (s *Users) Create(ctx context.Context, sub Submission, u models.User, password string) (models.User, error) {
	if err := u.Check(); err != nil {
		return u, err
	}
	if err := models.CheckPassword("body.password", password, u.Phone); err != nil {
		return u, err
	}
	hash, err := s.sessions.hashing.hash(ctx, password)
	if err != nil {
		return u, err
	}
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		id := tx.NewID()
		first, earlier, err := tx.Once(store.Operation{ID: sub.OperationID, Name: "create-user", Fingerprint: sub.Fingerprint, Record: id})
		if err != nil {
			return err
		}
		if !first {
			u, err = tx.User(earlier.Record)
			return err
		}
		u.ID, u.PasswordHash, u.MustChangePassword, u.Active = id, hash, true, true
		u.Version, u.CreatedAt, u.UpdatedAt = 1, tx.Now(), tx.Now()
		if u.Language == "" {
			u.Language = DefaultLanguage
		}
		return tx.InsertUser(u)
	})
	return u, err
}

// UserChange is a change of an account: members that are nil stay as they are.
type UserChange struct {
	Name            *string
	Phone           *string
	Roles           *[]models.Role
	DepartmentID    *models.ID
	ClearDepartment bool
	MainLeader      *bool
	Language        *string
}

// Change changes an account whose version is the expected one. Errors: not_found, stale_version, phone_taken,
// validation_failed, last_administrator.
func (s *Users) Change(ctx context.Context, id models.ID, expected int64, change UserChange) (u models.User, err error) {
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		before, err := s.expect(tx, id, expected)
		if err != nil {
			return err
		}
		u = before
		set(&u.Name, change.Name)
		set(&u.Phone, change.Phone)
		set(&u.Roles, change.Roles)
		set(&u.MainLeader, change.MainLeader)
		set(&u.Language, change.Language)
		if change.ClearDepartment {
			u.DepartmentID = nil
		} else if change.DepartmentID != nil {
			u.DepartmentID = change.DepartmentID
		}
		if err := u.Check(); err != nil {
			return err
		}
		if err := keepAnAdministrator(tx, before, u); err != nil {
			return err
		}
		u.Version, u.UpdatedAt = u.Version+1, tx.Now()
		if err := tx.UpdateUser(u); err != nil {
			return err
		}
		if !sameID(before.DepartmentID, u.DepartmentID) {
			return tx.AnnounceMove(u.ID, before.DepartmentID, u.DepartmentID)
		}
		return nil
	})
	if err == nil {
		s.sessions.actors.forgetUser(id)
	}
	return u, err
}

// SetLanguage changes what the actor is written to in, nil leaves it, when their account's version is the expected one.
// Errors: stale_version.
func (s *Users) SetLanguage(ctx context.Context, who models.Actor, expected int64, language *string) (u models.User, err error) {
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		if u, err = s.expect(tx, who.UserID, expected); err != nil {
			return err
		}
		if language == nil || u.Language == *language {
			return nil
		}
		u.Language, u.Version, u.UpdatedAt = *language, u.Version+1, tx.Now()
		return tx.UpdateUser(u)
	})
	return u, err
}

// ResetPassword gives an account a first password again and ends its sessions. The submission's fingerprint must not
// cover the password. Errors: not_found, stale_version, validation_failed, user_inactive, id_conflict.
func (s *Users) ResetPassword(ctx context.Context, sub Submission, id models.ID, expected int64, password string) (models.User, error) {
	const location = "body.new_password"
	if err := models.CheckPassword(location, password, ""); err != nil {
		return models.User{}, err
	}
	hash, err := s.sessions.hashing.hash(ctx, password)
	if err != nil {
		return models.User{}, err
	}
	return s.act(ctx, "reset-password", sub, id, expected, func(_ *store.Tx, u *models.User) error {
		if !u.Active {
			return models.ErrUserInactive
		}
		if err := models.CheckPassword(location, password, u.Phone); err != nil {
			return err
		}
		u.PasswordHash, u.MustChangePassword = hash, true
		return nil
	})
}

// Deactivate closes an account and ends its sessions. Errors: not_found, stale_version, user_inactive,
// last_administrator, id_conflict.
func (s *Users) Deactivate(ctx context.Context, sub Submission, id models.ID, expected int64) (models.User, error) {
	return s.act(ctx, "deactivate-user", sub, id, expected, func(tx *store.Tx, u *models.User) error {
		if !u.Active {
			return models.ErrUserInactive
		}
		before := *u
		u.Active = false
		return keepAnAdministrator(tx, before, *u)
	})
}

// act carries out an action on an account once, and takes its sessions away.
func (s *Users) act(ctx context.Context, name string, sub Submission, id models.ID, expected int64, change func(*store.Tx, *models.User) error) (u models.User, err error) {
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		first, _, err := tx.Once(store.Operation{ID: sub.OperationID, Name: name, Fingerprint: sub.Fingerprint, Record: id})
		if err != nil {
			return err
		}
		if !first {
			return tx.Answer(sub.OperationID, &u)
		}
		if u, err = s.expect(tx, id, expected); err != nil {
			return err
		}
		if err := change(tx, &u); err != nil {
			return err
		}
		u.Version, u.UpdatedAt = u.Version+1, tx.Now()
		if err := tx.UpdateUser(u); err != nil {
			return err
		}
		if err := tx.EndSessions(id, models.ID{}, models.EndedByAdministrator); err != nil {
			return err
		}
		answer := u
		answer.PasswordHash = ""
		return tx.Answered(sub.OperationID, answer)
	})
	if err == nil {
		s.sessions.actors.forgetUser(id)
	}
	return u, err
}

func (s *Users) expect(tx *store.Tx, id models.ID, expected int64) (models.User, error) {
	u, err := tx.User(id)
	if err == nil && u.Version != expected {
		err = models.ErrStaleVersion.With(u)
	}
	return u, err
}

// keepAnAdministrator refuses a change that leaves nobody to administer.
func keepAnAdministrator(tx *store.Tx, before, after models.User) error {
	is := func(u models.User) bool { return u.Active && (models.Actor{Roles: u.Roles}).Has(models.RoleAdmin) }
	if !is(before) || is(after) {
		return nil
	}
	admins, err := tx.ActiveAdministrators()
	if err == nil && len(admins) <= 1 {
		err = models.ErrLastAdministrator
	}
	return err
}

// Get finds an account: any for an administrator, one's own for everybody. Errors: not_found.
func (s *Users) Get(ctx context.Context, who models.Actor, id models.ID) (models.User, error) {
	if id != who.UserID && !who.Has(models.RoleAdmin) {
		return models.User{}, models.ErrNotFound
	}
	return s.db.Read(ctx).User(id)
}

// List gives accounts, the newest first.
func (s *Users) List(ctx context.Context, f models.UserFilter, page models.Page) ([]models.User, *models.Mark, error) {
	return s.db.Read(ctx).Users(f, page)
}

// CreateFirstAdministrator makes the account that makes all others. Errors: validation_failed, phone_taken.
func CreateFirstAdministrator(ctx context.Context, db *store.DB, phone, name, password string) error {
	if err := models.CheckPassword("password", password, phone); err != nil {
		return err
	}
	hash, err := HashPassword(ctx, password)
	if err != nil {
		return err
	}
	return db.Write(ctx, func(tx *store.Tx) error {
		return tx.InsertUser(models.User{
			ID: tx.NewID(), Phone: phone, Name: name, Roles: []models.Role{models.RoleAdmin}, PasswordHash: hash, MustChangePassword: true,
			Language: DefaultLanguage, Active: true, Version: 1, CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
		})
	})
}
