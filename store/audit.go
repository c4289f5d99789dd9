package store

import "lianqi/models"

// auditRow is one record touched by the closure; the rest of its audit entry is the same for all of them.
type auditRow struct {
	kind models.RecordKind
	id   models.ID
}

// writeAudit enters who touched what in which request, in the transaction that did it.
func (tx *Tx) writeAudit() error {
	insert := newInsert("INSERT INTO audit (id, at, actor_id, session_id, request_id, operation, kind, record_id) VALUES ", 8)
	for _, a := range tx.audits {
		insert.row(tx.NewID(), micros(tx.now), idOrNil(tx.cause.ActorID), idOrNil(tx.cause.SessionID),
			tx.cause.RequestID, tx.cause.Operation, a.kind, a.id)
	}
	return insert.run(tx)
}

// AuditEntry is one line of who did what.
type AuditEntry struct {
	ActorID   *models.ID
	RequestID string
	Operation string
	Kind      models.RecordKind
	RecordID  models.ID
}

// AuditOf lists what was done to a record, oldest first.
func (q *Queries) AuditOf(record models.ID) ([]AuditEntry, error) {
	var entries []AuditEntry
	err := q.all(&entries, "SELECT actor_id, request_id, operation, kind, record_id FROM audit WHERE record_id = ? ORDER BY id", record)
	return entries, err
}
