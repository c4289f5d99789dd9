package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"lianqi/models"
)

// benchDir is a folder on a real disk, where a flush costs what it costs.
func benchDir(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp(os.Getenv("LIANQI_BENCH_DIR"), "lianqi-store-*")
	must(b, err)
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// record does what the service does with a visit.
func record(tx *Tx, who models.Actor, v models.Visit) error {
	print := sha256.Sum256(v.ID[:])
	first, _, err := tx.Once(Operation{ID: v.ID, Name: "record-visit", Fingerprint: print[:], Record: v.ID})
	if err != nil || !first {
		return err
	}
	services, err := tx.Services(who.UserID, v.EnterpriseID)
	if err != nil {
		return err
	}
	if len(services) == 0 {
		return models.ErrNotFound
	}
	routes, err := tx.CategoryRoutes()
	if err != nil {
		return err
	}
	v.Route(routes)
	if err := tx.InsertVisit(v); err != nil {
		return err
	}
	return tx.Notify(models.VisitRecorded(v, who, services[0].EnterpriseName))
}

// BenchmarkRecord reports how long the one writer is busy with a recording, its share of the commit included.
func BenchmarkRecord(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			db := openTest(b, Options{Driver: driverSQLite, Dir: benchDir(b)}, nil)
			z := db.zone(b, 64, 64)
			for i, c := range z.cadres {
				db.assign(b, z, 5000+i, c.ID, z.enterprises[i%len(z.enterprises)].ID, nil)
			}
			db.write(b, func(tx *Tx) error {
				return tx.SetCategoryRoute(models.CategoryRoute{Category: models.CategoryPower, DepartmentID: z.departments[1].ID})
			})
			var next atomic.Int64
			b.ReportAllocs()
			b.SetParallelism(max(1, writers/2))
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					n := int(next.Add(1))
					cadre := z.cadres[n%len(z.cadres)]
					v := db.visit(n+10_000, cadre, z.enterprises[n%len(z.enterprises)].ID, 1)
					v.ID, v.Problems[0].ID = uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
					v.Problems[0].VisitID = &v.ID
					who := models.Actor{UserID: cadre.ID, Name: cadre.Name, Roles: cadre.Roles, DepartmentID: cadre.DepartmentID}
					ctx := models.WithCause(context.Background(), models.Cause{ActorID: who.UserID, Operation: "record-visit", RequestID: "r"})
					if err := db.Write(ctx, func(tx *Tx) error { return record(tx, who, v) }); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// fillVisits inserts visits with a problem each, as the product does it, spread over the cadres and enterprises.
func fillVisits(tb testing.TB, db opened, z zone, from, count int) {
	tb.Helper()
	const batch = 500
	for at := 0; at < count; at += batch {
		db.write(tb, func(tx *Tx) error {
			for i := at; i < min(at+batch, count); i++ {
				cadre := z.cadres[i%len(z.cadres)]
				v := db.visit(from+i, cadre, z.enterprises[i%len(z.enterprises)].ID, i%2)
				v.ReceivedAt = v.ReceivedAt.Add(time.Duration(i) * time.Millisecond)
				if i%4 == 1 {
					v.Problems[0].DepartmentID = &z.departments[1].ID
				}
				if i%3 == 0 {
					v.CampaignID = &z.campaign.ID
				}
				v.Position = &models.Position{Latitude: 26.4, Longitude: 112.85, AccuracyM: 10, CRS: "gcj02"}
				if err := tx.InsertVisit(v); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// BenchmarkPage reads a page of 20 out of 200 000 visits, beside the same two statements through database/sql alone.
func BenchmarkPage(b *testing.B) {
	db := openTest(b, Options{Driver: driverSQLite, Dir: benchDir(b)}, nil)
	z := db.zone(b, 64, 64)
	fillVisits(b, db, z, 100_000, 200_000)
	everything := models.EverythingFor(z.admin.ID)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.Run("store", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				visits, _, err := db.Read(ctx).Visits(everything, models.VisitFilter{}, models.Page{Limit: 20})
				if err != nil || len(visits) != 20 {
					b.Error(len(visits), err)
				}
			}
		})
	})
	b.Run("plain", func(b *testing.B) {
		page, err := db.reads.Prepare("SELECT " + visitColumns + " FROM visits ORDER BY received_at DESC, id DESC LIMIT 21")
		must(b, err)
		defer page.Close()
		problems, err := db.reads.Prepare("SELECT " + problemColumns + " FROM problems WHERE visit_id IN (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ORDER BY visit_id, place")
		must(b, err)
		defer problems.Close()
		b.ReportAllocs()
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := plainPage(ctx, page, problems); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
