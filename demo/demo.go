// Package demo fills an empty database with the demonstration zone: departments, enterprises, a campaign and an account
// for every role. Names of enterprises and people are made up of what they are; none stands for anybody real.
package demo

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"lianqi/models"
	"lianqi/services"
	"lianqi/store"
)

// Password is everybody's password while the demonstration listens on loopback.
const Password = "lianqi-demo"

// Account is one account of the demonstration.
type Account struct {
	Phone, Name string
	Role        models.Role
	Note        string
	// Password is set when it was made up for this database.
	Password string
}

// namespace makes ids that are the same in every demonstration, so that documentation can name them.
var namespace = uuid.MustParse("6ba7b812-9dad-11d1-80b4-00c04fd430c8")

// ID is the id of a record of the demonstration, by kind and name.
func ID(kind models.RecordKind, name string) models.ID {
	return uuid.NewSHA1(namespace, []byte("lianqi demo "+string(kind)+" "+name))
}

// department is a unit; the account with the phone number heads it.
type department struct{ name, head string }

var departments = []department{
	{"党政办公室", "13900000009"},
	{"经济发展局", "13900000006"},
	{"行政审批服务局", "13900000005"},
	{"财政局", ""},
	{"自然资源局", ""},
	{"人力资源和社会保障局", ""},
	{"交通运输局", ""},
	{"应急管理局", ""},
	{"招商合作局", ""},
	{"供电公司", ""},
	{"自来水公司", ""},
	{"燃气公司", ""},
}

// routes send problems to departments; what is not listed stays with the dispatcher.
var routes = map[models.Category]string{
	models.CategoryFinance: "财政局", models.CategoryPower: "供电公司", models.CategoryWater: "自来水公司", models.CategoryGas: "燃气公司",
	models.CategoryLand: "自然资源局", models.CategoryLabour: "人力资源和社会保障局", models.CategoryLogistics: "交通运输局",
	models.CategoryPolicy: "经济发展局", models.CategoryApproval: "行政审批服务局", models.CategorySafety: "应急管理局",
}

type enterprise struct {
	name, industry, serial string
	aboveScale             bool
	cadre                  string
}

var enterprises = []enterprise{
	{"示例纸业有限公司", "造纸和纸制品业", "MA4D00001", true, "13900000003"},
	{"示例电子商务有限公司", "零售业", "MA4D00002", false, "13900000004"},
	{"示例食品有限公司", "食品制造业", "MA4D00003", true, "13900000003"},
	{"示例新材料有限公司", "化学原料和化学制品制造业", "MA4D00004", true, "13900000004"},
	{"示例机械有限公司", "通用设备制造业", "MA4D00005", false, ""},
}

const campaignName = "第三批联企服务"

type account struct {
	Account
	department, enterprise string
	mainLeader             bool
}

var accounts = []account{
	{Account: Account{Phone: "13900000001", Name: "系统管理员", Role: models.RoleAdmin}, department: "党政办公室"},
	{Account: Account{Phone: "13900000002", Name: "主要领导", Role: models.RoleManager, Note: "main leader, whole zone"}, department: "党政办公室", mainLeader: true},
	{Account: Account{Phone: "13900000003", Name: "联企服务员甲", Role: models.RoleCadre, Note: "serves 示例纸业有限公司"}, department: "经济发展局"},
	{Account: Account{Phone: "13900000004", Name: "联企服务员乙", Role: models.RoleCadre, Note: "serves 示例电子商务有限公司"}, department: "经济发展局"},
	{Account: Account{Phone: "13900000005", Name: "综合窗口人员", Role: models.RoleWindow}, department: "行政审批服务局"},
	{Account: Account{Phone: "13900000006", Name: "承办人员", Role: models.RoleReviewer, Note: "heads 经济发展局"}, department: "经济发展局"},
	{Account: Account{Phone: "13900000007", Name: "企业联系人甲", Role: models.RoleEnterprise, Note: "示例纸业有限公司"}, enterprise: "示例纸业有限公司"},
	{Account: Account{Phone: "13900000008", Name: "企业联系人乙", Role: models.RoleEnterprise, Note: "示例电子商务有限公司"}, enterprise: "示例电子商务有限公司"},
	{Account: Account{Phone: "13900000009", Name: "分办督办人员", Role: models.RoleDispatcher}, department: "党政办公室"},
}

// Accounts lists the accounts of the demonstration, without passwords.
func Accounts() []Account {
	list := make([]Account, len(accounts))
	for i, a := range accounts {
		list[i] = a.Account
	}
	return list
}

// Load fills a database that has no accounts yet, all or nothing; loaded is false when there were some. With known
// everybody gets Password, else each account one of its own, which is in the list.
func Load(ctx context.Context, db *store.DB, known bool) (list []Account, loaded bool, err error) {
	users, _, err := db.Read(ctx).Users(models.UserFilter{}, models.Page{Limit: 1})
	if err != nil || len(users) > 0 {
		return Accounts(), false, err
	}
	list = Accounts()
	hashes, err := hashAll(ctx, list, known)
	if err != nil {
		return nil, false, err
	}
	return list, true, db.Write(ctx, func(tx *store.Tx) error { return fill(tx, hashes, !known) })
}

func hashAll(ctx context.Context, list []Account, known bool) ([]string, error) {
	hashes := make([]string, len(list))
	if known {
		hash, err := services.HashPassword(ctx, Password)
		for i := range hashes {
			hashes[i] = hash
		}
		return hashes, err
	}
	for i := range list {
		list[i].Password = services.RandomPassword()
		hash, err := services.HashPassword(ctx, list[i].Password)
		if err != nil {
			return nil, err
		}
		hashes[i] = hash
	}
	return hashes, nil
}

// fill writes the zone. Heads are named last, for departments and accounts name each other.
func fill(tx *store.Tx, hashes []string, mustChange bool) error {
	for _, d := range departments {
		err := tx.InsertDepartment(models.Department{ID: ID(models.KindDepartment, d.name), Name: d.name, Version: 1, CreatedAt: tx.Now(), UpdatedAt: tx.Now()})
		if err != nil {
			return err
		}
	}
	for category, name := range routes {
		if err := tx.SetCategoryRoute(models.CategoryRoute{Category: category, DepartmentID: ID(models.KindDepartment, name)}); err != nil {
			return err
		}
	}
	for _, e := range enterprises {
		err := tx.InsertEnterprise(models.Enterprise{
			ID: ID(models.KindEnterprise, e.name), CreditCode: models.CompleteCreditCode("91430481" + e.serial), Name: e.name, Industry: e.industry,
			AboveScale: e.aboveScale, Address: "湖南省耒阳经济开发区", Resumption: models.ResumptionNotApplicable,
			Version: 1, CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
		})
		if err != nil {
			return err
		}
	}
	for i, a := range accounts {
		if err := tx.InsertUser(a.user(tx, hashes[i], mustChange)); err != nil {
			return fmt.Errorf("account %s: %w", a.Phone, err)
		}
	}
	if err := nameHeads(tx); err != nil {
		return err
	}
	return assign(tx)
}

func (a account) user(tx *store.Tx, hash string, mustChange bool) models.User {
	u := models.User{
		ID: ID(models.KindUser, a.Phone), Phone: a.Phone, Name: a.Name, Roles: []models.Role{a.Role}, MainLeader: a.mainLeader,
		PasswordHash: hash, MustChangePassword: mustChange, Language: services.DefaultLanguage, Active: true,
		Version: 1, CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
	}
	if a.department != "" {
		id := ID(models.KindDepartment, a.department)
		u.DepartmentID = &id
	}
	if a.enterprise != "" {
		id := ID(models.KindEnterprise, a.enterprise)
		u.EnterpriseID = &id
	}
	return u
}

func nameHeads(tx *store.Tx) error {
	leader := ID(models.KindUser, "13900000002")
	for _, d := range departments {
		record, err := tx.Department(ID(models.KindDepartment, d.name))
		if err != nil {
			return err
		}
		record.LeaderID, record.Version = &leader, record.Version+1
		if d.head != "" {
			head := ID(models.KindUser, d.head)
			record.HeadID = &head
		}
		if err := tx.UpdateDepartment(record); err != nil {
			return err
		}
	}
	return nil
}

// assign opens the third campaign of the report, whose mobilisation meeting was on 2020-12-08.
func assign(tx *store.Tx) error {
	campaign := ID(models.KindCampaign, campaignName)
	err := tx.InsertCampaign(models.Campaign{
		ID: campaign, Name: campaignName, Activity: "援企服务、助力倍增", StartsOn: "2020-12-08", Version: 1, CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
	})
	if err != nil {
		return err
	}
	for _, e := range enterprises {
		if e.cadre == "" {
			continue
		}
		err := tx.InsertAssignment(models.Assignment{
			ID: ID(models.KindAssignment, e.name), CampaignID: campaign, EnterpriseID: ID(models.KindEnterprise, e.name), CadreID: ID(models.KindUser, e.cadre),
			StartsAt: tx.Now(), Version: 1, CreatedAt: tx.Now(),
		})
		if err != nil {
			return err
		}
	}
	return nil
}
