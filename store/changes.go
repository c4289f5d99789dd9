package store

import (
	"slices"
	"strings"

	"lianqi/models"
)

// pendingChange is a change that is numbered at the end of the closure.
type pendingChange struct {
	kind    models.RecordKind
	id      models.ID
	streams []models.Stream
}

// Changed says that the record was created or changed, on every stream it concerns, and enters it into the audit.
func (tx *Tx) Changed(kind models.RecordKind, id models.ID, streams ...models.Stream) {
	tx.announce(kind, id, streams...)
	tx.audits = append(tx.audits, auditRow{kind: kind, id: id})
}

// announce puts a change on its streams without an audit entry.
func (tx *Tx) announce(kind models.RecordKind, id models.ID, streams ...models.Stream) {
	if len(streams) > 0 {
		tx.changes = append(tx.changes, pendingChange{kind, id, streams})
	}
}

// flush writes what the closure gathered: notifications with their deliveries, audit entries, and last the changes,
// because their counters are what concurrent transactions wait for.
func (tx *Tx) flush() error {
	for _, n := range tx.notices {
		if err := tx.deliver(n); err != nil {
			return err
		}
	}
	if err := tx.writeAudit(); err != nil {
		return err
	}
	return tx.writeChanges()
}

// writeChanges numbers the changes. Each stream counts by its own row, all rows are locked in the order of their
// names, and a row is held until the commit: whoever reads a number has everything below it.
func (tx *Tx) writeChanges() error {
	if len(tx.changes) == 0 {
		return nil
	}
	perStream := map[models.Stream][]pendingChange{}
	for _, c := range tx.changes {
		for _, s := range c.streams {
			perStream[s] = append(perStream[s], c)
		}
	}
	streams := make([]models.Stream, 0, len(perStream))
	step := 0
	for s, changes := range perStream {
		streams = append(streams, s)
		step = max(step, len(changes))
	}
	slices.Sort(streams)
	heads, err := tx.advance(streams, step)
	if err != nil {
		return err
	}
	insert := newInsert("INSERT INTO changes (stream, seq, kind, record_id) VALUES ", 4)
	for _, s := range streams {
		// A stream with fewer changes than the step leaves a gap: numbers order changes, they do not count them.
		seq := heads[s] - int64(step)
		for _, c := range perStream[s] {
			seq++
			insert.row(s, seq, c.kind, c.id)
		}
	}
	tx.afterCommit = streams
	return insert.run(tx)
}

// advance moves the counters of all streams by step and returns their new values.
func (tx *Tx) advance(streams []models.Stream, step int) (map[models.Stream]int64, error) {
	heads, all, err := tx.move(streams, step)
	if err != nil || all {
		return heads, err
	}
	if err := tx.startStreams(streams); err != nil {
		return nil, err
	}
	// Those that were there move twice: a gap again.
	heads, _, err = tx.move(streams, step)
	return heads, err
}

// move adds step to those counters that are there and returns their new values; all tells whether none was missing.
func (tx *Tx) move(streams []models.Stream, step int) (heads map[models.Stream]int64, all bool, err error) {
	const update = "UPDATE streams SET seq = seq + ? WHERE name IN ?"
	if tx.driver == driverSQLite {
		heads, err = tx.counters(update+" RETURNING name, seq", step, streams)
		return heads, len(heads) == len(streams), err
	}
	moved, err := tx.execCount(update, step, streams)
	if err != nil || int(moved) < len(streams) {
		// A counter that another transaction starts now could be read, and would not have been moved.
		return nil, false, err
	}
	heads, err = tx.heads(streams)
	return heads, true, err
}

func (tx *Tx) startStreams(streams []models.Stream) error {
	insert := newInsert("INSERT INTO streams (name, seq) VALUES ", 2)
	for _, s := range streams {
		insert.row(s, 0)
	}
	insert.suffix = tx.onConflictNothing("name")
	return insert.run(tx)
}

// heads are the last numbers given out on the streams; a stream without a change is missing.
func (q *Queries) heads(streams []models.Stream) (map[models.Stream]int64, error) {
	return q.counters("SELECT name, seq FROM streams WHERE name IN ?", streams)
}

// counters are the numbers of the streams that a statement gives.
func (q *Queries) counters(query string, args ...any) (map[models.Stream]int64, error) {
	var rows []struct {
		Name models.Stream
		Seq  int64
	}
	if err := q.all(&rows, query, args...); err != nil {
		return nil, err
	}
	heads := make(map[models.Stream]int64, len(rows))
	for _, r := range rows {
		heads[r.Name] = r.Seq
	}
	return heads, nil
}

// Heads are the last numbers given out on the streams; a stream without a change is missing.
func (q *Queries) Heads(streams []models.Stream) (map[models.Stream]int64, error) {
	if len(streams) == 0 {
		return nil, nil
	}
	return q.heads(streams)
}

// ChangesAfter lists up to limit changes of one stream with numbers above after, up to and including until; 0 means
// without an upper end.
func (q *Queries) ChangesAfter(stream models.Stream, after, until int64, limit int) ([]models.Change, error) {
	var rows []models.Change
	if until == 0 {
		err := q.all(&rows, "SELECT stream, seq, kind, record_id FROM changes WHERE stream = ? AND seq > ? ORDER BY seq LIMIT ?", stream, after, limit)
		return rows, err
	}
	err := q.all(&rows, "SELECT stream, seq, kind, record_id FROM changes WHERE stream = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?", stream, after, until, limit)
	return rows, err
}

// multiInsert builds one INSERT of many rows.
type multiInsert struct {
	head, suffix string
	columns      int
	args         []any
}

func newInsert(head string, columns int) *multiInsert {
	return &multiInsert{head: head, columns: columns}
}

func (m *multiInsert) row(values ...any) { m.args = append(m.args, values...) }

func (m *multiInsert) run(tx *Tx) error {
	_, err := m.count(tx)
	return err
}

// count runs the statement, in pieces if it is long, and tells how many rows there are more.
func (m *multiInsert) count(tx *Tx) (inserted int64, err error) {
	one := "(?" + strings.Repeat(",?", m.columns-1) + ")"
	for args := range slices.Chunk(m.args, batchSize*m.columns) {
		rows := len(args) / m.columns
		n, err := tx.execCount(m.head+one+strings.Repeat(","+one, rows-1)+m.suffix, args...)
		if err != nil {
			return inserted, err
		}
		inserted += n
	}
	return inserted, nil
}
