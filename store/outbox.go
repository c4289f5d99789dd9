package store

import (
	"errors"
	"strings"
	"time"

	"lianqi/models"
)

// Notify tells the audience of a notice: an inbox row each, a delivery for each of their devices, and a change on
// their own stream, all in this transaction. Telling the same again tells nobody twice.
func (tx *Tx) Notify(n models.Notice) error {
	tx.notices = append(tx.notices, n)
	return nil
}

func (tx *Tx) deliver(n models.Notice) error {
	people, err := tx.audience(n.Audience)
	if err != nil {
		return err
	}
	for batch := range batches(people) {
		if err := tx.tell(n, batch); err != nil {
			return err
		}
	}
	return nil
}

// recipient is somebody who is told, and the phones that ring for it.
type recipient struct {
	user         models.ID
	devices      []models.ID
	notification models.ID
}

const insertNotifications = "INSERT INTO notifications (id, user_id, kind, subject_type, subject_id, params, created_at) VALUES "

// tell writes the inbox rows of the people and their deliveries.
func (tx *Tx) tell(n models.Notice, people []recipient) error {
	params := jsonText(n.Params)
	inbox := newInsert(insertNotifications, 7)
	for i := range people {
		people[i].notification = tx.NewID()
		inbox.row(people[i].notification, people[i].user, n.Kind, n.Subject.Type, n.Subject.ID, params, micros(tx.now))
	}
	err := inbox.run(tx)
	if ifDuplicate(err, errTold) == errTold { //nolint:errorlint // it is made in this line
		people, err = tx.tellTheRest(inbox, people)
	}
	if err != nil {
		return err
	}
	for _, p := range people {
		tx.announce(models.KindNotification, p.notification, models.UserStream(p.user))
	}
	return tx.queueDeliveries(people)
}

var errTold = errors.New("store: somebody has been told already")

// tellTheRest inserts the rows one by one, for some of the people have been told already, and gives those who were not.
func (tx *Tx) tellTheRest(inbox *multiInsert, people []recipient) (told []recipient, err error) {
	for i, p := range people {
		one := newInsert(insertNotifications, inbox.columns)
		one.suffix = tx.onConflictNothing("id")
		one.row(inbox.args[i*inbox.columns : (i+1)*inbox.columns]...)
		inserted, err := one.count(tx)
		if err != nil {
			return nil, err
		}
		if inserted == 1 {
			told = append(told, p)
		}
	}
	return told, nil
}

func (tx *Tx) queueDeliveries(people []recipient) error {
	outbox := newInsert("INSERT INTO deliveries (id, notification_id, device_id, state, attempts, due_at, created_at) VALUES ", 7)
	for _, p := range people {
		for _, device := range p.devices {
			outbox.row(tx.NewID(), p.notification, device, deliveryWaiting, 0, micros(tx.now), micros(tx.now))
		}
	}
	return outbox.run(tx)
}

// audience resolves posts to active users, each once, with their devices.
func (tx *Tx) audience(a models.Audience) ([]recipient, error) {
	var parts []string
	var args []any
	add := func(part string, values ...any) {
		parts, args = append(parts, part), append(args, values...)
	}
	if len(a.Users) > 0 {
		add("SELECT id FROM users WHERE id IN ?", a.Users)
	}
	if a.HeadOf != nil {
		add("SELECT head_id FROM departments WHERE id = ?", *a.HeadOf)
	}
	if a.LeaderOf != nil {
		add("SELECT leader_id FROM departments WHERE id = ?", *a.LeaderOf)
	}
	if a.Dispatchers {
		add("SELECT user_id FROM user_roles WHERE role = ?", models.RoleDispatcher)
	}
	if a.MainLeaders {
		add("SELECT r.user_id FROM user_roles r JOIN users m ON m.id = r.user_id AND m.main_leader = 1 WHERE r.role = ?", models.RoleManager)
	}
	if len(parts) == 0 {
		return nil, nil
	}
	args = append(args, a.ExceptUserID)
	var rows []struct {
		UserID   models.ID
		DeviceID *models.ID
	}
	err := tx.all(&rows, "SELECT u.id AS user_id, d.id AS device_id FROM users u LEFT JOIN devices d ON d.user_id = u.id WHERE u.id IN ("+
		strings.Join(parts, " UNION ")+") AND u.active = 1 AND u.id <> ? ORDER BY u.id, d.id", args...)
	if err != nil {
		return nil, err
	}
	var people []recipient
	for _, r := range rows {
		if len(people) == 0 || people[len(people)-1].user != r.UserID {
			people = append(people, recipient{user: r.UserID})
		}
		if r.DeviceID != nil {
			last := &people[len(people)-1]
			last.devices = append(last.devices, *r.DeviceID)
		}
	}
	return people, nil
}

const (
	deliveryWaiting = "waiting"
	deliverySent    = "sent"
	deliveryFailed  = "failed"
)

// Delivery is one notification on its way to one phone.
type Delivery struct {
	ID           models.ID
	Attempts     int
	Device       models.Device
	Notification models.Notification
	Language     string
}

// DeliveriesDue tells whether a delivery waits to be claimed.
func (q *Queries) DeliveriesDue() (bool, error) {
	var ids []models.ID
	err := q.all(&ids, "SELECT id FROM deliveries WHERE state = ? AND due_at <= ? LIMIT 1", deliveryWaiting, micros(q.now))
	return len(ids) > 0, err
}

// ClaimDeliveries takes up to limit deliveries that are due and keeps other workers away from them until the lease
// ends. A worker that dies leaves its claims to whoever comes after the lease.
func (tx *Tx) ClaimDeliveries(owner string, lease time.Duration, limit int) ([]Delivery, error) {
	var due []struct {
		ID    models.ID
		DueAt int64
	}
	err := tx.all(&due, "SELECT id, due_at FROM deliveries WHERE state = ? AND due_at <= ? ORDER BY due_at, id LIMIT ?",
		deliveryWaiting, micros(tx.now), limit)
	if err != nil || len(due) == 0 {
		return nil, err
	}
	claimed := make([]models.ID, 0, len(due))
	for _, d := range due {
		// The old due time guards the claim: of two workers one changes the row.
		changed, err := tx.execCount("UPDATE deliveries SET due_at = ?, lease_owner = ?, attempts = attempts + 1 WHERE id = ? AND state = ? AND due_at = ?",
			micros(tx.now.Add(lease)), owner, d.ID, deliveryWaiting, d.DueAt)
		if err != nil {
			return nil, err
		}
		if changed == 1 {
			claimed = append(claimed, d.ID)
		}
	}
	return tx.deliveries(claimed)
}

func (q *Queries) deliveries(ids []models.ID) ([]Delivery, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []struct {
		ID        models.ID
		Attempts  int
		DeviceID  *models.ID
		Platform  string
		Provider  string
		PushToken string
		Language  string
		notificationRow
	}
	err := q.all(&rows, `SELECT d.id AS id, d.attempts, v.id AS device_id, COALESCE(v.platform, '') AS platform,
		COALESCE(v.provider, '') AS provider, COALESCE(v.push_token, '') AS push_token, u.language,
		n.id AS notification_id, n.user_id, n.kind, n.subject_type, n.subject_id, n.params, n.created_at, n.read_at
		FROM deliveries d JOIN notifications n ON n.id = d.notification_id JOIN users u ON u.id = n.user_id
		LEFT JOIN devices v ON v.id = d.device_id AND v.user_id = n.user_id
		WHERE d.id IN ? ORDER BY d.id`, ids)
	if err != nil {
		return nil, err
	}
	list := make([]Delivery, len(rows))
	for i, r := range rows {
		n, err := r.model()
		if err != nil {
			return nil, err
		}
		list[i] = Delivery{ID: r.ID, Attempts: r.Attempts, Language: r.Language, Notification: n}
		if r.DeviceID != nil {
			list[i].Device = models.Device{ID: *r.DeviceID, UserID: n.UserID, Platform: r.Platform, Provider: r.Provider, PushToken: r.PushToken}
		}
	}
	return list, nil
}

// Delivered marks a claimed delivery as sent. Errors: models.ErrNotFound when the lease has gone to another worker.
func (tx *Tx) Delivered(owner string, id models.ID) error {
	return tx.execOne(models.ErrNotFound, "UPDATE deliveries SET state = ?, last_error = NULL WHERE id = ? AND state = ? AND lease_owner = ?",
		deliverySent, id, deliveryWaiting, owner)
}

// DeliverLater puts a claimed delivery back, or gives it up when next is nil. reason is for the administrator and
// carries no personal data.
func (tx *Tx) DeliverLater(owner string, id models.ID, next *time.Time, reason string) error {
	if next == nil {
		return tx.execOne(models.ErrNotFound, "UPDATE deliveries SET state = ?, last_error = ? WHERE id = ? AND state = ? AND lease_owner = ?",
			deliveryFailed, reason, id, deliveryWaiting, owner)
	}
	return tx.execOne(models.ErrNotFound, "UPDATE deliveries SET due_at = ?, lease_owner = NULL, last_error = ? WHERE id = ? AND state = ? AND lease_owner = ?",
		micros(*next), reason, id, deliveryWaiting, owner)
}
