package store

import (
	"context"
	"database/sql"
)

// plainPage is the page of visits as one would write it without the store.
func plainPage(ctx context.Context, page, problems *sql.Stmt) error {
	rows, err := page.QueryContext(ctx)
	if err != nil {
		return err
	}
	var visits []visitRow
	var ids []any
	for rows.Next() {
		var r visitRow
		err := rows.Scan(&r.ID, &r.EnterpriseID, &r.CampaignID, &r.AuthorID, &r.DepartmentID, &r.StartedAt, &r.EndedAt, &r.Purpose, &r.Remark, &r.Participants,
			&r.Latitude, &r.Longitude, &r.AccuracyM, &r.CRS, &r.Mock, &r.PhotoIDs, &r.ClockSkewMs, &r.ReceivedAt, &r.Version, &r.UpdatedAt)
		if err != nil {
			return err
		}
		if visits = append(visits, r); len(ids) < 20 {
			ids = append(ids, r.ID)
		}
	}
	if err := rows.Close(); err != nil {
		return err
	}
	rows, err = problems.QueryContext(ctx, ids...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var p problemRow
		err := rows.Scan(&p.ID, &p.EnterpriseID, &p.VisitID, &p.ReporterID, &p.ReporterDepartmentID, &p.Category, &p.Urgency, &p.Title, &p.Description, &p.State,
			&p.DepartmentID, &p.HappenedAt, &p.ReportedAt, &p.Version, &p.UpdatedAt)
		if err != nil {
			return err
		}
	}
	return rows.Err()
}
