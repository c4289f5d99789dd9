package store

import (
	"context"
	"database/sql"
	"fmt"
)

// plainPage is the page of visits as one would write it without the store.
func plainPage(ctx context.Context, page, problems *sql.Stmt) error {
	visits, err := plainVisits(ctx, page)
	if err != nil {
		return err
	}
	if len(visits) != 21 {
		return fmt.Errorf("%d visits", len(visits))
	}
	ids := make([]any, 20)
	for i := range ids {
		ids[i] = visits[i].ID
	}
	rows, err := problems.QueryContext(ctx, ids...)
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

func plainVisits(ctx context.Context, page *sql.Stmt) (visits []visitRow, err error) {
	rows, err := page.QueryContext(ctx)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r visitRow
		err := rows.Scan(&r.ID, &r.EnterpriseID, &r.CampaignID, &r.AuthorID, &r.DepartmentID, &r.StartedAt, &r.EndedAt, &r.Purpose, &r.Remark, &r.Participants,
			&r.Latitude, &r.Longitude, &r.AccuracyM, &r.CRS, &r.Mock, &r.PhotoIDs, &r.ClockSkewMs, &r.ReceivedAt, &r.Version, &r.UpdatedAt)
		if err != nil {
			return nil, err
		}
		visits = append(visits, r)
	}
	return visits, rows.Err()
}
