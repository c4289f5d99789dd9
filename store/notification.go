package store

import "lianqi/models"

type notificationRow struct {
	NotificationID models.ID
	UserID         models.ID
	Kind           string
	SubjectType    string
	SubjectID      models.ID
	Params         string
	CreatedAt      int64
	ReadAt         *int64
}

const notificationColumns = "id AS notification_id, user_id, kind, subject_type, subject_id, params, created_at, read_at"

func (r notificationRow) model() (models.Notification, error) {
	n := models.Notification{
		ID: r.NotificationID, UserID: r.UserID, Kind: r.Kind, Subject: models.Subject{Type: r.SubjectType, ID: r.SubjectID},
		CreatedAt: instant(r.CreatedAt), ReadAt: instantOrNil(r.ReadAt),
	}
	return n, fromJSONText(r.Params, &n.Params)
}

func notificationModels(rows []notificationRow) ([]models.Notification, error) {
	list := make([]models.Notification, len(rows))
	for i, r := range rows {
		n, err := r.model()
		if err != nil {
			return nil, err
		}
		list[i] = n
	}
	return list, nil
}

// Notifications lists the inbox of the scope's user, the newest first.
func (q *Queries) Notifications(scope models.Scope, unreadOnly bool, page models.Page) ([]models.Notification, *models.Mark, error) {
	filters := []condition{where("user_id = ?", scope.UserID)}
	if unreadOnly {
		filters = append(filters, where("read_at IS NULL"))
	}
	var rows []notificationRow
	err := q.list(&rows, listing{table: "notifications", columns: notificationColumns, at: "created_at", scope: everyRow, filters: filters, page: page})
	if err != nil {
		return nil, nil, err
	}
	rows, next := cut(rows, page, func(r notificationRow) models.Mark { return models.Mark{At: r.CreatedAt, ID: r.NotificationID} })
	list, err := notificationModels(rows)
	return list, next, err
}

// NotificationsByID finds those of the notifications that are in the inbox of the scope's user, in no particular order.
func (q *Queries) NotificationsByID(scope models.Scope, ids []models.ID) ([]models.Notification, error) {
	var rows []notificationRow
	err := q.all(&rows, "SELECT "+notificationColumns+" FROM notifications WHERE id IN ? AND user_id = ?", ids, scope.UserID)
	if err != nil {
		return nil, err
	}
	return notificationModels(rows)
}

// Unread counts what the scope's user has not read.
func (q *Queries) Unread(scope models.Scope) (int, error) {
	var n int
	err := q.first(&n, "SELECT COUNT(*) FROM notifications WHERE user_id = ? AND read_at IS NULL", scope.UserID)
	return n, err
}

// ReadNotification marks one notification of the scope's user as read; reading again changes nothing. Errors:
// models.ErrNotFound.
func (tx *Tx) ReadNotification(scope models.Scope, id models.ID) (models.Notification, error) {
	list, err := tx.NotificationsByID(scope, []models.ID{id})
	if err != nil {
		return models.Notification{}, err
	}
	if len(list) == 0 {
		return models.Notification{}, models.ErrNotFound
	}
	n := list[0]
	if n.ReadAt != nil {
		return n, nil
	}
	n.ReadAt = &tx.now
	if err := tx.exec("UPDATE notifications SET read_at = ? WHERE id = ? AND read_at IS NULL", micros(tx.now), id); err != nil {
		return n, err
	}
	tx.announce(models.KindNotification, id, models.UserStream(scope.UserID))
	return n, nil
}

// ReadNotifications marks everything that the scope's user got up to now as read and tells how many that were.
func (tx *Tx) ReadNotifications(scope models.Scope) (int, error) {
	var ids []models.ID
	if err := tx.all(&ids, "SELECT id FROM notifications WHERE user_id = ? AND read_at IS NULL ORDER BY created_at, id", scope.UserID); err != nil {
		return 0, err
	}
	for batch := range batches(ids) {
		if err := tx.exec("UPDATE notifications SET read_at = ? WHERE id IN ? AND read_at IS NULL", micros(tx.now), batch); err != nil {
			return 0, err
		}
	}
	for _, id := range ids {
		tx.announce(models.KindNotification, id, models.UserStream(scope.UserID))
	}
	return len(ids), nil
}
