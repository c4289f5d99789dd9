package store

import (
	"context"
	"errors"
	"testing"

	"lianqi/models"
)

// TestVisitsComeBackAsTheyWere stores what can be empty both empty and full.
func TestVisitsComeBackAsTheyWere(t *testing.T) {
	eachDB(t, func(t *testing.T, db opened) {
		z := db.zone(t, 1, 1)
		bare := db.visit(900, z.cadres[0], z.enterprises[0].ID, 0)
		bare.Participants, bare.Remark, bare.DepartmentID = []string{}, "", nil
		bare.PhotoIDs = []models.ID{}
		full := db.visit(901, z.cadres[0], z.enterprises[0].ID, 2)
		full.CampaignID, full.EndedAt = &z.campaign.ID, ptr(full.StartedAt.Add(123456789))
		*full.EndedAt = instant(micros(*full.EndedAt))
		full.Participants, full.Remark = []string{"王\"经理\"", "李\n工", ""}, "第一行\r\n第二行 😀 ' \" \\ %"
		full.Position = &models.Position{Latitude: 26.412345678901, Longitude: -112.85, AccuracyM: 0, CRS: "wgs84", Mock: true}
		full.PhotoIDs, full.ClockSkew = []models.ID{number(1), number(2)}, -1500*minute
		db.write(t, func(tx *Tx) error { return errors.Join(tx.InsertVisit(bare), tx.InsertVisit(full)) })
		for _, v := range []models.Visit{bare, full} {
			got, err := db.read().Visit(models.Scope{Everything: true}, v.ID)
			must(t, err)
			if want, have := jsonText(v), jsonText(got); want != have {
				t.Errorf("stored\n%s\nread\n%s", want, have)
			}
		}
		amended := full
		amended.Position, amended.EndedAt, amended.Remark, amended.Version = nil, nil, "改", 2
		ctx := models.WithCause(context.Background(), models.Cause{ActorID: z.cadres[0].ID})
		must(t, db.Write(ctx, func(tx *Tx) error { return tx.UpdateVisit(full, amended) }))
		got, err := db.read().Visit(models.Scope{Everything: true}, full.ID)
		must(t, err)
		if want, have := jsonText(amended), jsonText(got); want != have {
			t.Errorf("stored\n%s\nread\n%s", want, have)
		}
		history, err := db.read().VisitHistory(full.ID)
		must(t, err)
		if len(history) != 1 || jsonText(history[0]) != jsonText(full) {
			t.Error(history)
		}
	})
}
