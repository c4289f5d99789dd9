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
	users, err := tx.audience(n.Audience)
	if err != nil {
		return err
	}
	for batch := range batches(users) {
		if err := tx.tell(n, batch); err != nil {
			return err
		}
	}
	return nil
}

const insertNotifications = "INSERT INTO notifications (id, user_id, kind, subject_type, subject_id, params, created_at) VALUES "

// tell writes the inbox rows of the users and their deliveries.
func (tx *Tx) tell(n models.Notice, users []models.ID) error {
	params := jsonText(n.Params)
	ids := make([]models.ID, len(users))
	inbox := newInsert(insertNotifications, 7)
	for i, user := range users {
		ids[i] = tx.NewID()
		inbox.row(ids[i], user, n.Kind, n.Subject.Type, n.Subject.ID, params, micros(tx.now))
	}
	err := inbox.run(tx)
	if ifDuplicate(err, errTold) == errTold { //nolint:errorlint // it is made in this line
		users, ids, err = tx.tellTheRest(inbox, users, ids)
	}
	if err != nil || len(users) == 0 {
		return err
	}
	for i, user := range users {
		tx.announce(models.KindNotification, ids[i], models.UserStream(user))
	}
	return tx.queueDeliveries(users, ids)
}

var errTold = errors.New("store: somebody has been told already")

// tellTheRest inserts the rows one by one, for some of the users have been told already, and gives those who were not.
func (tx *Tx) tellTheRest(inbox *multiInsert, users, ids []models.ID) (told, notifications []models.ID, err error) {
	for i := range users {
		one := newInsert(insertNotifications, inbox.columns)
		one.suffix = tx.onConflictNothing("id")
		one.row(inbox.args[i*inbox.columns : (i+1)*inbox.columns]...)
		inserted, err := one.count(tx)
		if err != nil {
			return nil, nil, err
		}
		if inserted == 1 {
			told, notifications = append(told, users[i]), append(notifications, ids[i])
		}
	}
	return told, notifications, nil
}

func (tx *Tx) queueDeliveries(users, notifications []models.ID) error {
	var devices []struct{ ID, UserID models.ID }
	if err := tx.all(&devices, "SELECT id, user_id FROM devices WHERE user_id IN ?", users); err != nil {
		return err
	}
	outbox := newInsert("INSERT INTO deliveries (id, notification_id, device_id, state, attempts, due_at, created_at) VALUES ", 7)
	for _, d := range devices {
		for i, user := range users {
			if user == d.UserID {
				outbox.row(tx.NewID(), notifications[i], d.ID, deliveryWaiting, 0, micros(tx.now), micros(tx.now))
			}
		}
	}
	return outbox.run(tx)
}

// audience resolves posts to active users, each once.
func (tx *Tx) audience(a models.Audience) ([]models.ID, error) {
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
	var users []models.ID
	err := tx.all(&users, "SELECT id FROM users WHERE id IN ("+strings.Join(parts, " UNION ")+") AND active = 1 AND id <> ? ORDER BY id", args...)
	return users, err
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
