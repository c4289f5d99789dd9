package store

import "lianqi/models"

// Officers lists the cadres who serve the enterprise now, the latest assigned first, each once. The enterprise must
// have been found in the caller's scope.
func (q *Queries) Officers(enterprise models.ID) ([]models.Officer, error) {
	var rows []struct {
		ID         models.ID
		Name       string
		Phone      string
		Department *string
		Campaign   string
		StartsAt   int64
	}
	err := q.all(&rows, `SELECT u.id, u.name, u.phone, d.name AS department, c.name AS campaign, a.starts_at FROM assignments a
		JOIN users u ON u.id = a.cadre_id AND u.active = 1 JOIN campaigns c ON c.id = a.campaign_id LEFT JOIN departments d ON d.id = u.department_id
		WHERE a.enterprise_id = ? AND a.active = 1 ORDER BY a.starts_at DESC, a.id DESC`, enterprise)
	if err != nil {
		return nil, err
	}
	listed := map[models.ID]bool{}
	var officers []models.Officer
	for _, r := range rows {
		if listed[r.ID] {
			continue
		}
		listed[r.ID] = true
		officers = append(officers, models.Officer{
			ID: r.ID, Name: r.Name, Phone: r.Phone, Department: textOrEmpty(r.Department), Campaign: r.Campaign, Since: instant(r.StartsAt),
		})
	}
	return officers, nil
}
