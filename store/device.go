package store

import (
	"crypto/sha256"

	"lianqi/models"
)

// PutDevice stores a phone of the user, who is logged in there with the session. A push token that another record or
// another user holds moves to this one: the phone has changed hands. Errors: models.ErrNotFound when the id is another
// user's, models.ErrDeviceLimit beyond models.MaxDevices.
func (tx *Tx) PutDevice(d models.Device) error {
	token := sha256.Sum256([]byte(d.Provider + " " + d.PushToken))
	if err := tx.exec("DELETE FROM devices WHERE token_hash = ? AND (id <> ? OR user_id <> ?)", token[:], d.ID, d.UserID); err != nil {
		return err
	}
	var others []struct{ ID, UserID models.ID }
	if err := tx.all(&others, "SELECT id, user_id FROM devices WHERE id = ? OR user_id = ?", d.ID, d.UserID); err != nil {
		return err
	}
	known := false
	for _, o := range others {
		if o.ID == d.ID && o.UserID != d.UserID {
			return models.ErrNotFound
		}
		known = known || o.ID == d.ID
	}
	if !known && len(others) >= models.MaxDevices {
		return models.ErrDeviceLimit
	}
	if known {
		err := tx.exec("UPDATE devices SET session_id = ?, platform = ?, provider = ?, push_token = ?, token_hash = ?, name = ?, updated_at = ? WHERE id = ? AND user_id = ?",
			d.SessionID, d.Platform, d.Provider, d.PushToken, token[:], d.Name, micros(d.UpdatedAt), d.ID, d.UserID)
		if err != nil {
			return err
		}
	} else {
		err := tx.exec("INSERT INTO devices (id, user_id, session_id, platform, provider, push_token, token_hash, name, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
			d.ID, d.UserID, d.SessionID, d.Platform, d.Provider, d.PushToken, token[:], d.Name, micros(d.UpdatedAt))
		if err != nil {
			return ifDuplicate(err, models.ErrNotFound)
		}
	}
	tx.Changed(models.KindDevice, d.ID)
	return nil
}

// DeleteDevice forgets a phone of the user; what was on its way to it is not sent. Errors: models.ErrNotFound.
func (tx *Tx) DeleteDevice(user, id models.ID) error {
	if err := tx.execOne(models.ErrNotFound, "DELETE FROM devices WHERE id = ? AND user_id = ?", id, user); err != nil {
		return err
	}
	tx.Changed(models.KindDevice, id)
	return nil
}

// forgetDevices removes the user's phones whose session is over: nobody is logged in there any more.
func (tx *Tx) forgetDevices(user models.ID) error {
	return tx.exec(`DELETE FROM devices WHERE user_id = ? AND session_id NOT IN
		(SELECT id FROM sessions WHERE user_id = ? AND ended_at IS NULL AND expires_at > ?)`, user, user, micros(tx.now))
}
