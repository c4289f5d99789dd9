package store

import "time"

// TakeLease makes the owner the only one to do the named work until the time given; it tells whether it is. The owner
// of a lease may take it again, before or after its end.
func (tx *Tx) TakeLease(name, owner string, until time.Time) (bool, error) {
	if err := tx.insertOnce("INSERT INTO leases (name, owner, expires_at) VALUES (?, '', 0)", "name", name); err != nil {
		return false, err
	}
	res := tx.g.Exec("UPDATE leases SET owner = ?, expires_at = ? WHERE name = ? AND (owner = ? OR expires_at < ?)",
		owner, micros(until), name, owner, micros(tx.now))
	return res.RowsAffected == 1, res.Error
}
