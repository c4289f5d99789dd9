package store

import (
	"bytes"
	"encoding/json"

	"lianqi/models"
)

// Operation is one entry of the ledger: what was done once under a client-made id, by whom, with which submission.
type Operation struct {
	// ID is the operation id of an action, or the id of the record that a create-once PUT names.
	ID models.ID
	// Name is the operation, in the spelling of the contract.
	Name string
	// Fingerprint is a hash of the decoded, defaulted request.
	Fingerprint []byte
	// Record is what was created or changed.
	Record models.ID
}

// Once enters the operation into the ledger. first is true when it had not been seen; otherwise the same operation
// was carried out before, and earlier is its entry. Errors: models.ErrIDConflict when the id was used by somebody else, for another
// operation, or with another submission.
func (tx *Tx) Once(op Operation) (first bool, earlier Operation, err error) {
	inserted, err := tx.execCount(`INSERT INTO operations (id, operation, actor_id, fingerprint, record_id, created_at) VALUES (?, ?, ?, ?, ?, ?)`+
		tx.onConflictNothing("id"),
		op.ID, op.Name, tx.cause.ActorID, op.Fingerprint, op.Record, micros(tx.now))
	if err != nil {
		return false, op, err
	}
	if inserted == 1 {
		return true, op, nil
	}
	var row struct {
		Operation   string
		ActorID     models.ID
		Fingerprint []byte
		RecordID    models.ID
	}
	if err := tx.first(&row, "SELECT operation, actor_id, fingerprint, record_id FROM operations WHERE id = ?", op.ID); err != nil {
		return false, op, err
	}
	if row.Operation != op.Name || row.ActorID != tx.cause.ActorID || !bytes.Equal(row.Fingerprint, op.Fingerprint) {
		return false, op, models.ErrIDConflict
	}
	op.Record = row.RecordID
	return false, op, nil
}

// Answered keeps what the first run of an action answered, so that a repetition answers the same.
func (tx *Tx) Answered(operation models.ID, answer any) error {
	text, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	return tx.exec("UPDATE operations SET answer = ? WHERE id = ?", string(text), operation)
}

// Answer reads what the first run of an action answered. Errors: models.ErrNotFound when it kept no answer.
func (tx *Tx) Answer(operation models.ID, answer any) error {
	var text string
	if err := tx.first(&text, "SELECT answer FROM operations WHERE id = ? AND answer IS NOT NULL", operation); err != nil {
		return err
	}
	return json.Unmarshal([]byte(text), answer)
}
