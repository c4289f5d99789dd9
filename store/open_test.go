package store

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"lianqi/internal/testkit"
	"lianqi/models"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// frozen is the clock of the tests; it stands still unless a test moves it.
type frozen struct{ us atomic.Int64 }

func newFrozen() *frozen {
	c := &frozen{}
	c.us.Store(time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC).UnixMicro())
	return c
}

func (c *frozen) now() time.Time          { return instant(c.us.Load()) }
func (c *frozen) forward(d time.Duration) { c.us.Add(d.Microseconds()) }

// opened is a migrated database of one test and its clock.
type opened struct {
	*DB
	clock *frozen
}

// eachDB runs the test on both databases.
func eachDB(t *testing.T, test func(t *testing.T, db opened)) {
	t.Run("SQLite", func(t *testing.T) { test(t, newSQLite(t, nil)) })
	t.Run("MariaDB", func(t *testing.T) { test(t, newMariaDB(t, nil)) })
}

func newSQLite(t testing.TB, change func(*Options)) opened {
	t.Helper()
	return openTest(t, Options{Driver: driverSQLite, Dir: t.TempDir()}, change)
}

func newMariaDB(t testing.TB, change func(*Options)) opened {
	t.Helper()
	return openTest(t, Options{Driver: driverMySQL, DSN: testkit.MariaDB(t)}, change)
}

func openTest(t testing.TB, opts Options, change func(*Options)) opened {
	t.Helper()
	clock := newFrozen()
	opts.Now = clock.now
	// Scenes are set in large transactions, on machines that do other things as well.
	opts.ClosureLimit = time.Minute
	if change != nil {
		change(&opts)
	}
	db, err := Open(context.Background(), opts)
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	must(t, db.Migrate(context.Background()))
	return opened{db, clock}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write runs the closure and fails the test when it fails.
func (db opened) write(t testing.TB, fn func(tx *Tx) error) {
	t.Helper()
	must(t, db.Write(context.Background(), fn))
}

func (db opened) read() *Queries { return db.Read(context.Background()) }

// number is the n-th id of a test; the low digits differ, so that they spread over the zone's streams.
func number(n int) models.ID {
	return uuid.MustParse(fmt.Sprintf("01900000-0000-7000-8000-%012x", n))
}

func ptr[T any](v T) *T { return &v }

// zone is a small zone: two departments with a head and a leader each, cadres, enterprises, one campaign.
type zone struct {
	departments                             []models.Department
	heads, leaders, cadres                  []models.User
	dispatcher, mainLeader, reviewer, admin models.User
	enterprises                             []models.Enterprise
	campaign                                models.Campaign
}

func (db opened) user(t testing.TB, u models.User) models.User {
	t.Helper()
	if u.ID == uuid.Nil {
		u.ID = uuid.Must(uuid.NewV7())
	}
	u.Name, u.Language, u.Active, u.Version = "员工"+u.Phone, "zh-CN", true, 1
	u.CreatedAt, u.UpdatedAt = db.Now(), db.Now()
	db.write(t, func(tx *Tx) error { return tx.InsertUser(u) })
	return u
}

func (db opened) zone(t testing.TB, enterprises, cadres int) zone {
	t.Helper()
	var z zone
	now := db.Now()
	for i := range 2 {
		head := db.user(t, models.User{ID: number(100 + i), Phone: fmt.Sprintf("1380000010%d", i), Roles: []models.Role{models.RoleReviewer}})
		leader := db.user(t, models.User{ID: number(110 + i), Phone: fmt.Sprintf("1380000011%d", i), Roles: []models.Role{models.RoleManager}})
		d := models.Department{
			ID: number(10 + i), Name: fmt.Sprintf("科室%d", i), HeadID: &head.ID, LeaderID: &leader.ID, Version: 1, CreatedAt: now, UpdatedAt: now,
		}
		db.write(t, func(tx *Tx) error { return tx.InsertDepartment(d) })
		z.departments, z.heads, z.leaders = append(z.departments, d), append(z.heads, head), append(z.leaders, leader)
	}
	z.dispatcher = db.user(t, models.User{ID: number(120), Phone: "13800000120", Roles: []models.Role{models.RoleDispatcher}})
	z.mainLeader = db.user(t, models.User{ID: number(121), Phone: "13800000121", Roles: []models.Role{models.RoleManager}, MainLeader: true})
	z.reviewer = db.user(t, models.User{ID: number(122), Phone: "13800000122", Roles: []models.Role{models.RoleReviewer}, DepartmentID: &z.departments[1].ID})
	z.admin = db.user(t, models.User{ID: number(123), Phone: "13800000123", Roles: []models.Role{models.RoleAdmin}})
	for i := range cadres {
		z.cadres = append(z.cadres, db.user(t, models.User{
			ID: number(1000 + i), Phone: fmt.Sprintf("139%08d", i), Roles: []models.Role{models.RoleCadre}, DepartmentID: &z.departments[i%2].ID,
		}))
	}
	for i := range enterprises {
		e := models.Enterprise{
			ID: number(2000 + i), CreditCode: fmt.Sprintf("9%017d", i), Name: fmt.Sprintf("企业%d", i), Industry: "造纸", Resumption: models.ResumptionResumed,
			Version: 1, CreatedAt: now, UpdatedAt: now,
		}
		db.write(t, func(tx *Tx) error { return tx.InsertEnterprise(e) })
		z.enterprises = append(z.enterprises, e)
	}
	z.campaign = models.Campaign{ID: number(5), Name: "第一批", Activity: "联企", StartsOn: "2026-01-01", Version: 1, CreatedAt: now, UpdatedAt: now}
	db.write(t, func(tx *Tx) error { return tx.InsertCampaign(z.campaign) })
	return z
}

// assign makes the cadre serve the enterprise from a month ago, until the end given.
func (db opened) assign(t testing.TB, z zone, id int, cadre, enterprise models.ID, until *time.Time) models.Assignment {
	t.Helper()
	a := models.Assignment{
		ID: number(id), CampaignID: z.campaign.ID, EnterpriseID: enterprise, CadreID: cadre,
		StartsAt: db.Now().Add(-30 * 24 * time.Hour), Version: 1, CreatedAt: db.Now(),
	}
	db.write(t, func(tx *Tx) error {
		if err := tx.InsertAssignment(a); err != nil || until == nil {
			return err
		}
		a.EndsAt, a.Version = until, 2
		return tx.EndAssignment(a)
	})
	return a
}

// visit is a visit of the cadre with so many problems, made and received now.
func (db opened) visit(id int, cadre models.User, enterprise models.ID, problems int) models.Visit {
	v := models.Visit{
		ID: number(id), EnterpriseID: enterprise, StartedAt: db.Now().Add(-time.Hour), Purpose: models.PurposeRoutine,
		Remark: "一切正常", Participants: []string{"王经理"},
	}
	for i := range problems {
		v.Problems = append(v.Problems, models.Problem{
			ID: number(id*10 + 1_000_000_000 + i), Category: models.CategoryPower, Urgency: models.UrgencyUrgent, Title: "电压不稳", Description: "每天下午三点",
		})
	}
	author := models.Actor{UserID: cadre.ID, Name: cadre.Name, Roles: cadre.Roles, DepartmentID: cadre.DepartmentID}
	if err := v.Receive(author, nil, db.Now()); err != nil {
		panic(err)
	}
	return v
}

func TestCloseEmptiesTheLog(t *testing.T) {
	db := newSQLite(t, nil)
	db.zone(t, 1, 1)
	_, err := db.read().Epoch()
	must(t, err)
	must(t, db.Close())
	if left, err := filepath.Glob(db.Path() + "-*"); err != nil || len(left) > 0 {
		t.Fatal("left behind:", left, err)
	}
}
