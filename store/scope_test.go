package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lianqi/models"
)

// stage is a zone with a record in every relation to every scope.
type stage struct {
	zone
	visits, problems, assignments map[string]models.ID
}

// set makes, for two cadres of two departments and four enterprises:
//
//	cadre 0 (department 0) serves enterprise 0, and served enterprise 1 until yesterday;
//	cadre 1 (department 1) serves enterprises 1 and 2; nobody serves enterprise 3.
func set(t *testing.T, db opened) stage {
	t.Helper()
	s := stage{zone: db.zone(t, 4, 2), visits: map[string]models.ID{}, problems: map[string]models.ID{}}
	yesterday := db.Now().Add(-24 * time.Hour)
	a := func(id, cadre, enterprise int, until *time.Time) models.ID {
		return db.assign(t, s.zone, id, s.cadres[cadre].ID, s.enterprises[enterprise].ID, until).ID
	}
	s.assignments = map[string]models.ID{"0 at 0": a(301, 0, 0, nil), "0 at 1, ended": a(302, 0, 1, &yesterday), "1 at 1": a(303, 1, 1, nil), "1 at 2": a(304, 1, 2, nil)}
	put := func(name string, id, cadre, enterprise int, ago time.Duration, routed *models.ID, problems int) {
		v := db.visit(id, s.cadres[cadre], s.enterprises[enterprise].ID, problems)
		v.StartedAt = db.Now().Add(-ago)
		for i := range v.Problems {
			v.Problems[i].HappenedAt, v.Problems[i].DepartmentID = v.StartedAt, routed
			s.problems[name] = v.Problems[i].ID
		}
		s.visits[name] = v.ID
		db.write(t, func(tx *Tx) error { return tx.InsertVisit(v) })
		db.clock.forward(time.Second)
	}
	day := 24 * time.Hour
	put("0 at 0", 401, 0, 0, day, &s.departments[0].ID, 1)
	put("1 at 1, before the end", 402, 1, 1, 2*day, &s.departments[0].ID, 1)
	put("1 at 1, after the end", 403, 1, 1, time.Hour, &s.departments[1].ID, 1)
	put("1 at 2", 404, 1, 2, time.Hour, nil, 1)
	put("1 at 2, no problem", 405, 1, 2, time.Hour, nil, 0)
	return s
}

// actorOf logs the user in.
func (db opened) actorOf(t *testing.T, user models.ID) models.Actor {
	t.Helper()
	session := models.Session{ID: db.opts.NewID(), UserID: user, RefreshHash: []byte("h"), CreatedAt: db.Now(), UsedAt: db.Now(), ExpiresAt: db.Now().Add(time.Hour)}
	db.write(t, func(tx *Tx) error { return tx.InsertSession(session) })
	actor, err := db.read().Actor(session.ID)
	must(t, err)
	return actor
}

func TestWhoSeesWhat(t *testing.T) {
	eachDB(t, func(t *testing.T, db opened) {
		s := set(t, db)
		clerk := db.user(t, models.User{Phone: "13700000001", Roles: []models.Role{models.RoleEnterprise}, EnterpriseID: &s.enterprises[1].ID})
		window := db.user(t, models.User{Phone: "13700000002", Roles: []models.Role{models.RoleWindow}})
		visits := []string{"0 at 0", "1 at 1, after the end", "1 at 1, before the end", "1 at 2", "1 at 2, no problem"}
		problems := visits[:4]
		assignments := []string{"0 at 0", "0 at 1, ended", "1 at 1", "1 at 2"}
		type sees struct {
			visits, problems, assignments []string
			enterprises                   []int
		}
		everything := sees{visits, problems, assignments, []int{0, 1, 2, 3}}
		for name, c := range map[string]struct {
			scope models.Scope
			sees
		}{
			"nobody":      {models.Scope{}, sees{}},
			"admin":       {db.actorOf(t, s.admin.ID).Scope(), everything},
			"main leader": {db.actorOf(t, s.mainLeader.ID).Scope(), everything},
			"dispatcher":  {db.actorOf(t, s.dispatcher.ID).Scope(), sees{problems, problems, assignments, []int{0, 1, 2, 3}}},
			"window":      {db.actorOf(t, window.ID).Scope(), sees{nil, nil, assignments, []int{0, 1, 2, 3}}},
			"cadre 0": {db.actorOf(t, s.cadres[0].ID).Scope(), sees{
				[]string{"0 at 0", "1 at 1, before the end"}, []string{"0 at 0", "1 at 1, before the end"}, []string{"0 at 0", "0 at 1, ended"}, []int{0},
			}},
			"cadre 1": {db.actorOf(t, s.cadres[1].ID).Scope(), sees{visits[1:], problems[1:], assignments[1:], []int{1, 2}}},
			"head of 0": {db.actorOf(t, s.heads[0].ID).Scope(), sees{
				[]string{"0 at 0"}, []string{"0 at 0", "1 at 1, before the end"}, []string{"0 at 0", "0 at 1, ended"}, []int{0, 1},
			}},
			"leader of 1": {db.actorOf(t, s.leaders[1].ID).Scope(), sees{visits[1:], problems[1:], []string{"1 at 1", "1 at 2"}, []int{1, 2}}},
			"reviewer of 1": {db.actorOf(t, s.reviewer.ID).Scope(), sees{
				nil, []string{"1 at 1, after the end"}, nil, []int{1},
			}},
			"clerk of 1": {db.actorOf(t, clerk.ID).Scope(), sees{
				nil, []string{"1 at 1, after the end", "1 at 1, before the end"}, []string{"0 at 1, ended", "1 at 1"}, []int{1},
			}},
		} {
			q, page := db.read(), models.Page{Limit: 100}
			vs, _, err := q.Visits(c.scope, models.VisitFilter{}, page)
			must(t, err)
			expect(t, name+" lists visits", c.visits, s.visits, vs, func(v models.Visit) models.ID { return v.ID })
			ps, _, err := q.Problems(c.scope, models.ProblemFilter{}, page)
			must(t, err)
			expect(t, name+" lists problems", c.problems, s.problems, ps, func(p models.Problem) models.ID { return p.ID })
			as, _, err := q.Assignments(c.scope, s.campaign.ID, page)
			must(t, err)
			expect(t, name+" lists assignments", c.assignments, s.assignments, as, func(a models.Assignment) models.ID { return a.ID })
			es, _, err := q.Enterprises(c.scope, models.EnterpriseFilter{}, page)
			must(t, err)
			names, all := []string{}, map[string]models.ID{}
			for i, e := range s.enterprises {
				all[e.Name] = e.ID
				if slices.Contains(c.enterprises, i) {
					names = append(names, e.Name)
				}
			}
			expect(t, name+" lists enterprises", names, all, es, func(e models.Enterprise) models.ID { return e.ID })
			// One by one the answer is the same, and what is not seen is not found.
			for visit, id := range s.visits {
				v, err := q.Visit(c.scope, id)
				found(t, name+" gets visit "+visit, err, slices.Contains(c.visits, visit))
				if err == nil && v.ID != id {
					t.Error(v)
				}
			}
			for problem, id := range s.problems {
				_, err := q.Problem(c.scope, id)
				found(t, name+" gets problem "+problem, err, slices.Contains(c.problems, problem))
			}
			for assignment, id := range s.assignments {
				_, err := q.Assignment(c.scope, id)
				found(t, name+" gets assignment "+assignment, err, slices.Contains(c.assignments, assignment))
			}
			for i, e := range s.enterprises {
				_, err := q.Enterprise(c.scope, e.ID)
				found(t, name+" gets "+e.Name, err, slices.Contains(c.enterprises, i))
			}
		}
	})
}

func expect[T any](t *testing.T, what string, names []string, all map[string]models.ID, got []T, id func(T) models.ID) {
	t.Helper()
	var have []string
	for _, g := range got {
		for name, known := range all {
			if known == id(g) {
				have = append(have, name)
			}
		}
	}
	slices.Sort(have)
	if fmt.Sprint(have) != fmt.Sprint(names) {
		t.Errorf("%s: %q, not %q", what, have, names)
	}
}

func found(t *testing.T, what string, err error, want bool) {
	t.Helper()
	if want && err != nil || !want && !errors.Is(err, models.ErrNotFound) {
		t.Errorf("%s: %v, expected to find it: %v", what, err, want)
	}
}

// TestPagesNeitherSkipNorRepeat reads lists whose records often have the same instant, in pages of any size.
func TestPagesNeitherSkipNorRepeat(t *testing.T) {
	eachDB(t, func(t *testing.T, db opened) {
		z := db.zone(t, 4, 2)
		db.write(t, func(tx *Tx) error {
			for i := range 60 {
				v := db.visit(7000+i, z.cadres[i%2], z.enterprises[i%4].ID, 1)
				v.ReceivedAt = v.ReceivedAt.Add(time.Duration(i/7) * time.Second)
				v.Problems[0].ReportedAt = v.ReceivedAt
				if err := tx.InsertVisit(v); err != nil {
					return err
				}
			}
			return nil
		})
		scopes := scopesOf(zone{
			departments: z.departments, heads: z.heads, cadres: z.cadres, dispatcher: z.dispatcher, reviewer: z.reviewer, admin: z.admin,
			enterprises: slices.Repeat(z.enterprises, 20),
		}, db.Now())
		names := []string{"everything", "cadre", "cadre and head", "dispatcher", "busy cadre"}
		rapid.Check(t, func(r *rapid.T) {
			scope := scopes[rapid.SampledFrom(names).Draw(r, "scope")]
			limit := rapid.IntRange(1, 25).Draw(r, "limit")
			whole, _, err := db.read().Visits(scope, models.VisitFilter{}, models.Page{Limit: 100})
			if err != nil {
				r.Fatal(err)
			}
			var paged []models.ID
			page := models.Page{Limit: limit}
			for {
				list, next, err := db.read().Visits(scope, models.VisitFilter{}, page)
				if err != nil {
					r.Fatal(err)
				}
				for _, v := range list {
					paged = append(paged, v.ID)
				}
				if next == nil {
					break
				}
				if len(list) != limit {
					r.Fatalf("a page of %d, not %d, with a next one", len(list), limit)
				}
				page.After = next
			}
			if len(paged) != len(whole) {
				r.Fatalf("%d in pages, %d at once", len(paged), len(whole))
			}
			for i, v := range whole {
				if v.ID != paged[i] || len(v.Problems) != 1 {
					r.Fatalf("place %d: %v in pages, %v at once", i, paged[i], v.ID)
				}
			}
		})
	})
}

func TestSearchTakesSignsLiterally(t *testing.T) {
	eachDB(t, func(t *testing.T, db opened) {
		names := []string{"百分之50%纸业", "下划_线", "惊叹!号", "普通公司", "ＡＢＣ Factory", `反斜\杠`}
		for i, name := range names {
			e := models.Enterprise{ID: number(i + 1), CreditCode: fmt.Sprintf("%018d", i), Name: name, Version: 1, CreatedAt: db.Now(), UpdatedAt: db.Now()}
			db.write(t, func(tx *Tx) error { return tx.InsertEnterprise(e) })
		}
		for search, want := range map[string]string{
			"%": names[0], "0%纸": names[0], "_": names[1], "!": names[2], "通": names[3], "abc": names[4], "FACTORY": names[4], `\`: names[5], "!%": "", "000000000000000003": names[3],
		} {
			list, _, err := db.read().Enterprises(models.Scope{Everything: true}, models.EnterpriseFilter{Search: search}, models.Page{Limit: 10})
			must(t, err)
			if want == "" && len(list) == 0 {
				continue
			}
			if len(list) != 1 || list[0].Name != want {
				t.Errorf("%q finds %v, not %s", search, list, want)
			}
		}
	})
}

func TestKeysAreErrorsOfTheDomain(t *testing.T) {
	eachDB(t, func(t *testing.T, db opened) {
		z := db.zone(t, 1, 1)
		v := db.visit(800, z.cadres[0], z.enterprises[0].ID, 2)
		db.write(t, func(tx *Tx) error { return tx.InsertVisit(v) })
		db.assign(t, z, 801, z.cadres[0].ID, z.enterprises[0].ID, nil)
		other := db.visit(802, z.cadres[0], z.enterprises[0].ID, 1)
		other.Problems[0].ID = v.Problems[1].ID
		user := z.cadres[0]
		for name, c := range map[string]struct {
			want error
			do   func(tx *Tx) error
		}{
			"visit id":   {models.ErrIDConflict, func(tx *Tx) error { return tx.InsertVisit(v) }},
			"problem id": {models.ErrIDConflict, func(tx *Tx) error { return tx.InsertVisit(other) }},
			"credit code": {models.ErrCreditCodeTaken, func(tx *Tx) error {
				e := z.enterprises[0]
				e.ID = number(899)
				return tx.InsertEnterprise(e)
			}},
			"phone": {models.ErrPhoneTaken, func(tx *Tx) error { u := user; u.ID = number(898); return tx.InsertUser(u) }},
			"department name": {models.ErrNameTaken, func(tx *Tx) error {
				d := z.departments[0]
				d.ID = number(897)
				return tx.InsertDepartment(d)
			}},
			"campaign name": {models.ErrNameTaken, func(tx *Tx) error { c := z.campaign; c.ID = number(896); return tx.InsertCampaign(c) }},
			"assignment": {models.ErrAlreadyAssigned, func(tx *Tx) error {
				return tx.InsertAssignment(models.Assignment{
					ID: number(895), CampaignID: z.campaign.ID, EnterpriseID: z.enterprises[0].ID, CadreID: user.ID, StartsAt: tx.Now(), Version: 1, CreatedAt: tx.Now(),
				})
			}},
			"unknown department": {models.Invalid("", ""), func(tx *Tx) error {
				u := user
				u.ID, u.Phone, u.DepartmentID = number(894), "13600000000", ptr(number(999))
				return tx.InsertUser(u)
			}},
			"unknown head": {models.Invalid("", ""), func(tx *Tx) error {
				return tx.InsertDepartment(models.Department{ID: number(893), Name: "x", HeadID: ptr(number(999)), Version: 1})
			}},
			"route to nowhere": {models.ErrNotFound, func(tx *Tx) error {
				return tx.SetCategoryRoute(models.CategoryRoute{Category: models.CategoryGas, DepartmentID: number(999)})
			}},
			"stale visit": {models.ErrStaleVersion, func(tx *Tx) error {
				before := v
				before.Version = 7
				return tx.UpdateVisit(before, before)
			}},
		} {
			if err := db.Write(context.Background(), c.do); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, not %v", name, err, c.want)
			}
		}
	})
}
