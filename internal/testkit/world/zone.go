package world

import (
	"context"
	"sync"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/google/uuid"

	"lianqi/models"
	"lianqi/store"
)

// Password is the password of everybody in the zone.
const Password = "a password of everybody"

// Zone is who and what there is when a world begins. The cadre serves the mill and belongs to the liaison office, which
// has a head and a leader in charge; the other cadre serves the quarry and belongs to the finance office, which has
// neither and gets the problems of finance.
type Zone struct {
	Liaison, Finance models.Department

	Admin, MainLeader, Leader, OtherLeader, Head, Dispatcher, Window, Reviewer models.User
	Cadre, OtherCadre                                                          models.User
	// Newcomer is a cadre who still has to change the first password.
	Newcomer models.User
	// Boss is the account of the mill, OtherBoss that of the quarry.
	Boss, OtherBoss models.User

	Mill, Quarry models.Enterprise
	Campaign     models.Campaign
	// Serving is the cadre's assignment to the mill, OtherServing the other's to the quarry; both began a month ago.
	Serving, OtherServing models.Assignment
}

// passwordHash costs next to nothing to check; the parameters are part of the hash.
var passwordHash = sync.OnceValues(func() (string, error) {
	return argon2id.CreateHash(Password, &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
})

// settle writes the zone.
func (w *World) settle() (z Zone) {
	w.t.Helper()
	now := w.DB.Now()
	w.Write(func(tx *store.Tx) error {
		z = Zone{}
		z.Liaison = models.Department{ID: tx.NewID(), Name: "联企办", Version: 1, CreatedAt: now, UpdatedAt: now}
		z.Finance = models.Department{ID: tx.NewID(), Name: "金融办", Version: 1, CreatedAt: now, UpdatedAt: now}
		z.Mill = newEnterprise(tx.NewID(), "91430481000000001", "蔡伦纸业", now)
		z.Quarry = newEnterprise(tx.NewID(), "91430481000000002", "耒阳石材", now)
		z.Campaign = models.Campaign{ID: tx.NewID(), Name: "第一批", Activity: "联企", StartsOn: "2026-02-01", Version: 1, CreatedAt: now, UpdatedAt: now}
		if err := first(tx.InsertDepartment(z.Liaison), tx.InsertDepartment(z.Finance), tx.InsertEnterprise(z.Mill), tx.InsertEnterprise(z.Quarry),
			tx.InsertCampaign(z.Campaign)); err != nil {
			return err
		}
		if err := z.people(tx, now); err != nil {
			return err
		}
		began := now.Add(-30 * 24 * time.Hour)
		z.Serving = models.Assignment{
			ID: tx.NewID(), CampaignID: z.Campaign.ID, EnterpriseID: z.Mill.ID, CadreID: z.Cadre.ID, StartsAt: began, Version: 1, CreatedAt: now,
		}
		z.OtherServing = models.Assignment{
			ID: tx.NewID(), CampaignID: z.Campaign.ID, EnterpriseID: z.Quarry.ID, CadreID: z.OtherCadre.ID, StartsAt: began, Version: 1, CreatedAt: now,
		}
		z.Liaison.HeadID, z.Liaison.LeaderID, z.Liaison.Version = &z.Head.ID, &z.Leader.ID, 2
		return first(tx.UpdateDepartment(z.Liaison), tx.InsertAssignment(z.Serving), tx.InsertAssignment(z.OtherServing),
			tx.SetCategoryRoute(models.CategoryRoute{Category: models.CategoryFinance, DepartmentID: z.Finance.ID}))
	})
	return z
}

func (z *Zone) people(tx *store.Tx, now time.Time) error {
	for _, p := range []struct {
		user        *models.User
		phone, name string
		role        models.Role
		department  *models.Department
		enterprise  *models.Enterprise
	}{
		{&z.Admin, "13800000001", "管理员", models.RoleAdmin, nil, nil},
		{&z.MainLeader, "13800000002", "主要领导", models.RoleManager, nil, nil},
		{&z.Leader, "13800000003", "分管领导", models.RoleManager, nil, nil},
		{&z.OtherLeader, "13800000004", "另一领导", models.RoleManager, nil, nil},
		{&z.Head, "13800000005", "负责人", models.RoleReviewer, &z.Liaison, nil},
		{&z.Dispatcher, "13800000006", "督办", models.RoleDispatcher, nil, nil},
		{&z.Window, "13800000007", "窗口", models.RoleWindow, nil, nil},
		{&z.Reviewer, "13800000008", "承办", models.RoleReviewer, &z.Finance, nil},
		{&z.Cadre, "13800000011", "服务员甲", models.RoleCadre, &z.Liaison, nil},
		{&z.OtherCadre, "13800000012", "服务员乙", models.RoleCadre, &z.Finance, nil},
		{&z.Newcomer, "13800000013", "新人", models.RoleCadre, &z.Liaison, nil},
		{&z.Boss, "13800000021", "纸厂", models.RoleEnterprise, nil, &z.Mill},
		{&z.OtherBoss, "13800000022", "石厂", models.RoleEnterprise, nil, &z.Quarry},
	} {
		*p.user = models.User{ID: tx.NewID(), Phone: p.phone, Name: p.name, Roles: []models.Role{p.role}}
		if p.department != nil {
			p.user.DepartmentID = &p.department.ID
		}
		if p.enterprise != nil {
			p.user.EnterpriseID = &p.enterprise.ID
		}
		p.user.MainLeader = p.user == &z.MainLeader
		p.user.MustChangePassword = p.user == &z.Newcomer
		if err := insertUser(tx, p.user, now); err != nil {
			return err
		}
	}
	return nil
}

// AddUser adds an account to the zone; what is not given is filled in.
func (w *World) AddUser(u models.User) models.User {
	w.t.Helper()
	w.Write(func(tx *store.Tx) error {
		u.ID = tx.NewID()
		if u.Name == "" {
			u.Name = "增补" + u.Phone
		}
		return insertUser(tx, &u, w.DB.Now())
	})
	return u
}

func insertUser(tx *store.Tx, u *models.User, now time.Time) (err error) {
	if u.PasswordHash, err = passwordHash(); err != nil {
		return err
	}
	u.Language, u.Active, u.Version, u.CreatedAt, u.UpdatedAt = "zh-CN", true, 1, now, now
	return tx.InsertUser(*u)
}

// AddEnterprise adds an enterprise with the first 17 characters of its credit code.
func (w *World) AddEnterprise(code, name string) models.Enterprise {
	w.t.Helper()
	e := newEnterprise(uuid.Must(uuid.NewV7()), code, name, w.DB.Now())
	w.Write(func(tx *store.Tx) error { return tx.InsertEnterprise(e) })
	return e
}

func newEnterprise(id models.ID, code, name string, now time.Time) models.Enterprise {
	return models.Enterprise{
		ID: id, CreditCode: models.CompleteCreditCode(code), Name: name, Industry: "制造", Address: "耒阳经济开发区", Resumption: models.ResumptionResumed,
		Version: 1, CreatedAt: now, UpdatedAt: now,
	}
}

// Write runs the closure on the database and fails the test when it fails.
func (w *World) Write(fn func(tx *store.Tx) error) {
	w.t.Helper()
	if err := w.DB.Write(context.Background(), fn); err != nil {
		w.t.Fatal(err)
	}
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
