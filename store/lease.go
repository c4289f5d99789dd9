package store

import "time"

// TakeLease makes the owner the only one to do the named work until the time given; it tells whether it is. The owner
// of a lease may take it again, before or after its end.
func (tx *Tx) TakeLease(name, owner string, until time.Time) (bool, error) {
	if err := tx.insertOnce("INSERT INTO leases (name, owner, expires_at) VALUES (?, '', 0)", "name", name); err != nil {
		return false, err
	}
	// Some servers do not count a row that is set to what it was, so the row itself tells who has the lease.
	err := tx.exec("UPDATE leases SET owner = ?, expires_at = ? WHERE name = ? AND (owner = ? OR expires_at < ?)",
		owner, micros(until), name, owner, micros(tx.now))
	if err != nil {
		return false, err
	}
	var holder string
	err = tx.first(&holder, "SELECT owner FROM leases WHERE name = ?", name)
	return err == nil && holder == owner, err
}
