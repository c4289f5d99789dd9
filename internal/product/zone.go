//go:build linux

package product

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"lianqi/models"
	"lianqi/services"
	"lianqi/store"
)

// Password is everybody's password in a Zone.
const Password = "lianqi-measured"

// Person is an account of a Zone.
type Person struct {
	ID    models.ID
	Phone string
}

// Cadre is a cadre of a Zone with the enterprises they serve.
type Cadre struct {
	Person
	Name        string
	Department  Department
	Enterprises []models.ID
}

// Department is a department of a Zone with the one who heads it.
type Department struct {
	ID   models.ID
	Head Person
}

// Zone is a zone of the size of a load: cadres in a few departments, each serving some enterprises, one dispatcher and
// one main leader, who is in charge of every department. Problems of category power go to the department Power, all
// others stay with the dispatcher.
type Zone struct {
	Campaign    models.ID
	Departments []Department
	Power       Department
	Dispatcher  Person
	Leader      Person
	Cadres      []Cadre
}

// Shape is how large a Zone is.
type Shape struct {
	Cadres, Departments, Enterprises int
	// Serves is how many of the enterprises each cadre serves.
	Serves int
	// Phones tells that heads, dispatcher and leader have a phone each, to which notifications are delivered.
	Phones bool
}

// Fill makes a zone in an empty database that has been migrated. Everything in it began a day ago.
func Fill(ctx context.Context, db *store.DB, shape Shape) (z Zone, err error) {
	hash, err := services.HashPassword(ctx, Password)
	if err != nil {
		return z, err
	}
	return z, db.Write(ctx, func(tx *store.Tx) error {
		f := filling{tx: tx, hash: hash, since: tx.Now().Add(-24 * time.Hour)}
		z = f.zone(shape)
		return f.err
	})
}

// filling writes a zone; after a fault it writes no more.
type filling struct {
	tx     *store.Tx
	hash   string
	since  time.Time
	people int
	err    error
}

func (f *filling) do(err error) {
	if f.err == nil {
		f.err = err
	}
}

func (f *filling) zone(shape Shape) Zone {
	z := Zone{Campaign: uuid.Must(uuid.NewV7())}
	z.Leader, _ = f.person(models.RoleManager, nil, shape.Phones)
	z.Dispatcher, _ = f.person(models.RoleDispatcher, nil, shape.Phones)
	z.Power = f.department("供电公司", z.Leader, shape.Phones)
	for i := range shape.Departments {
		z.Departments = append(z.Departments, f.department(fmt.Sprintf("第%d服务处", i+1), z.Leader, shape.Phones))
	}
	if f.err == nil {
		f.do(f.tx.SetCategoryRoute(models.CategoryRoute{Category: models.CategoryPower, DepartmentID: z.Power.ID}))
		f.do(f.tx.InsertCampaign(models.Campaign{
			ID: z.Campaign, Name: "联企服务", Activity: "援企服务", StartsOn: "2020-12-08", Version: 1, CreatedAt: f.since, UpdatedAt: f.since,
		}))
	}
	enterprises := make([]models.ID, shape.Enterprises)
	for i := range enterprises {
		enterprises[i] = f.enterprise(i)
	}
	for i := range shape.Cadres {
		d := z.Departments[i%len(z.Departments)]
		c := Cadre{Department: d}
		c.Person, c.Name = f.person(models.RoleCadre, &d.ID, false)
		for j := range shape.Serves {
			c.Enterprises = append(c.Enterprises, enterprises[(i*shape.Serves+j)%len(enterprises)])
		}
		f.assign(z.Campaign, c)
		z.Cadres = append(z.Cadres, c)
	}
	return z
}

func (f *filling) person(role models.Role, department *models.ID, phone bool) (Person, string) {
	f.people++
	name := fmt.Sprintf("人员%03d", f.people)
	p := Person{ID: uuid.Must(uuid.NewV7()), Phone: fmt.Sprintf("139%08d", f.people)}
	if f.err != nil {
		return p, name
	}
	f.do(f.tx.InsertUser(models.User{
		ID: p.ID, Phone: p.Phone, Name: name, Roles: []models.Role{role}, MainLeader: role == models.RoleManager, DepartmentID: department,
		PasswordHash: f.hash, Language: services.DefaultLanguage, Active: true, Version: 1, CreatedAt: f.since, UpdatedAt: f.since,
	}))
	if phone {
		f.phone(p)
	}
	return p, name
}

// phone logs somebody in on a phone that rings.
func (f *filling) phone(p Person) {
	if f.err != nil {
		return
	}
	session := models.Session{
		ID: uuid.Must(uuid.NewV7()), UserID: p.ID, RefreshHash: make([]byte, 32),
		CreatedAt: f.tx.Now(), UsedAt: f.tx.Now(), ExpiresAt: f.tx.Now().Add(models.RefreshTime),
	}
	f.do(f.tx.InsertSession(session))
	if f.err == nil {
		f.do(f.tx.PutDevice(models.Device{
			ID: uuid.Must(uuid.NewV7()), UserID: p.ID, SessionID: session.ID, Platform: "android", Provider: "fcm", PushToken: p.Phone, Name: "手机",
			UpdatedAt: f.since,
		}))
	}
}

func (f *filling) department(name string, leader Person, phone bool) Department {
	d := Department{ID: uuid.Must(uuid.NewV7())}
	record := models.Department{ID: d.ID, Name: name, Version: 1, CreatedAt: f.since, UpdatedAt: f.since}
	if f.err == nil {
		f.do(f.tx.InsertDepartment(record))
	}
	d.Head, _ = f.person(models.RoleReviewer, &d.ID, phone)
	record.HeadID, record.LeaderID, record.Version = &d.Head.ID, &leader.ID, 2
	if f.err == nil {
		f.do(f.tx.UpdateDepartment(record))
	}
	return d
}

func (f *filling) enterprise(i int) models.ID {
	id := uuid.Must(uuid.NewV7())
	if f.err == nil {
		f.do(f.tx.InsertEnterprise(models.Enterprise{
			ID: id, CreditCode: models.CompleteCreditCode(fmt.Sprintf("91430481MA4D%05d", i)), Name: fmt.Sprintf("示例企业%03d有限公司", i),
			Industry: "通用设备制造业", AboveScale: true, Address: "湖南省衡阳市耒阳市经济开发区", Resumption: models.ResumptionNotApplicable,
			Version: 1, CreatedAt: f.since, UpdatedAt: f.since,
		}))
	}
	return id
}

func (f *filling) assign(campaign models.ID, c Cadre) {
	for _, e := range c.Enterprises {
		if f.err != nil {
			return
		}
		f.do(f.tx.InsertAssignment(models.Assignment{
			ID: uuid.Must(uuid.NewV7()), CampaignID: campaign, EnterpriseID: e, CadreID: c.ID, StartsAt: f.since, Version: 1, CreatedAt: f.since,
		}))
	}
}
