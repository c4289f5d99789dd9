package handlers_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"lianqi/internal/testkit/world"
	"lianqi/models"
)

func newUserBody(phone string, changes body) body {
	return with(body{"operation_id": newID(), "phone": phone, "name": "李四", "roles": []string{"cadre"}, "password": "first-password"}, changes)
}

func TestAccountIsCreatedOnce(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		admin := w.As(w.Admin)
		sent := newUserBody("13900000100", body{"name": " 李四 ", "roles": []string{"reviewer", "cadre"}, "department_id": w.Liaison.ID})
		u := admin.Want(http.StatusCreated, http.MethodPost, "/users", sent)
		for member, want := range map[string]any{
			"phone": "13900000100", "name": "李四", "department_id": w.Liaison.ID, "enterprise_id": "", "main_leader": "false", "language": "zh-CN",
			"must_change_password": "true", "active": "true", "version": "1", "created_at": rfc3339(w.Clock.Now()),
		} {
			same(t, member, u.Text(member), want)
		}
		if u.Member("password") != nil {
			t.Errorf("the password comes back: %s", u.Body)
		}
		// The fingerprint covers no password: it is the same account, with the password that was given first.
		again := admin.Want(http.StatusCreated, http.MethodPost, "/users", with(sent, body{"password": "another-password"}))
		same(t, "the answer to the same again", again.Text("id")+again.Text("version"), u.Text("id")+"1")
		w.Anonymous().Want(http.StatusOK, http.MethodPost, "/auth/login", body{"phone": "13900000100", "password": "first-password"})
		admin.Refused(http.StatusConflict, "id_conflict", http.MethodPost, "/users", with(sent, body{"name": "王五"}))
		admin.Refused(http.StatusConflict, "phone_taken", http.MethodPost, "/users", newUserBody("13900000100", nil))

		audit, err := w.DB.Read(context.Background()).AuditOf(uuid.MustParse(u.Text("id")))
		if err != nil || len(audit) != 1 || audit[0].Operation != "create-user" || *audit[0].ActorID != w.Admin.ID {
			t.Errorf("audit is %+v, %v", audit, err)
		}
	})
}

func TestImpossibleAccountsAreRefused(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		admin := w.As(w.Admin)
		for name, c := range map[string]struct {
			changes        body
			location, code string
		}{
			"a landline":                     {body{"phone": "07344321000"}, "body.phone", "pattern"},
			"a phone of ten digits":          {body{"phone": "1390000010"}, "body.phone", "pattern"},
			"a phone with a line after it":   {body{"phone": "13900000101\n"}, "body.phone", "pattern"},
			"no role":                        {body{"roles": []string{}}, "body.roles", "min_items"},
			"a role twice":                   {body{"roles": []string{"cadre", "cadre"}}, "body.roles", "not_unique"},
			"a role that is none":            {body{"roles": []string{"king"}}, "body.roles[0]", "one_of"},
			"an enterprise's and staff":      {body{"roles": []string{"cadre", "enterprise"}}, "body.roles", "roles_conflict"},
			"an enterprise's without one":    {body{"roles": []string{"enterprise"}}, "body.enterprise_id", "required"},
			"an enterprise's in no such one": {body{"roles": []string{"enterprise"}, "enterprise_id": newID()}, "body.enterprise_id", "unknown_enterprise"},
			"staff of an enterprise":         {body{"enterprise_id": w.Mill.ID}, "body.enterprise_id", "not_for_role"},
			"staff of no such department":    {body{"department_id": newID()}, "body.department_id", "unknown_department"},
			"a leader who is no manager":     {body{"main_leader": true}, "body.main_leader", "not_for_role"},
			"a short password":               {body{"password": "nine char"}, "body.password", "password_too_short"},
			"a password with the phone":      {body{"password": "my13900000101"}, "body.password", "password_contains_phone"},
			"a blank name":                   {body{"name": " \t"}, "body.name", "pattern"},
			"a language that is none":        {body{"language": "fr"}, "body.language", "one_of"},
		} {
			t.Run(name, func(t *testing.T) {
				refused := admin.Refused(http.StatusUnprocessableEntity, "validation_failed", http.MethodPost, "/users", newUserBody("13900000101", c.changes))
				same(t, "refusal", refused.Text("errors", 0, "location")+" "+refused.Text("errors", 0, "code"), c.location+" "+c.code)
			})
		}
		admin.Want(http.StatusCreated, http.MethodPost, "/users", newUserBody("13900000101", body{"roles": []string{"enterprise"}, "enterprise_id": w.Mill.ID}))
	})
}

func TestAccountsAreListedWithMaskedPhones(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		admin := w.As(w.Admin)
		list := admin.Want(http.StatusOK, http.MethodGet, "/users?limit=100", nil)
		same(t, "accounts", len(list.List("items")), 13)
		for i := range list.List("items") {
			if phone := list.Text("items", i, "phone"); phone[:7] != "138****" {
				t.Errorf("a phone number is in the list: %s", phone)
			}
		}
		same(t, "one account's phone", admin.Want(http.StatusOK, http.MethodGet, "/users/"+w.Cadre.ID.String(), nil).Text("phone"), w.Cadre.Phone)
		admin.Want(http.StatusNotModified, http.MethodGet, "/users/"+w.Cadre.ID.String(), nil, `If-None-Match: "1"`)
		admin.Refused(http.StatusNotFound, "not_found", http.MethodGet, "/users/"+newID(), nil)
		admin.Want(http.StatusOK, http.MethodPost, "/users/"+w.Window.ID.String()+"/deactivate", body{"operation_id": newID(), "expected_version": 1})
		for query, want := range map[string]int{
			"role=cadre":                                           3,
			"role=window":                                          1,
			"active=false":                                         1,
			"active=true":                                          12,
			"active=true&role=window":                              0,
			"department_id=" + w.Liaison.ID.String():               3,
			"department_id=" + w.Finance.ID.String():               2,
			"enterprise_id=" + w.Mill.ID.String():                  1,
			"role=cadre&department_id=" + w.Finance.ID.String():    1,
			"role=reviewer&enterprise_id=" + w.Mill.ID.String():    0,
			"role=enterprise&active=true&enterprise_id=" + newID(): 0,
		} {
			same(t, query, len(pages(admin, "/users?"+query, 2)), want)
		}
		for _, query := range []string{"role=king", "active=maybe", "phone=13800000001", "department_id=x"} {
			admin.Refused(http.StatusUnprocessableEntity, "validation_failed", http.MethodGet, "/users?"+query, nil)
		}
		for _, who := range []models.User{w.MainLeader, w.Cadre, w.Boss} {
			w.As(who).Refused(http.StatusForbidden, "forbidden", http.MethodGet, "/users", nil)
		}
	})
}

func TestAccountIsChanged(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		admin, path := w.As(w.Admin), "/users/"+w.Cadre.ID.String()
		admin.Refused(http.StatusPreconditionRequired, "precondition_required", http.MethodPatch, path, body{"name": "改名"})
		w.Clock.Advance(time.Second)
		u := admin.Want(http.StatusOK, http.MethodPatch, path, `{"name":"改名","roles":["cadre","manager"],"main_leader":true,"department_id":null,"language":"en","phone":"13900000111"}`, `If-Match: "1"`)
		same(t, "changed", u.Text("name")+u.Text("roles", 1)+u.Text("main_leader")+u.Text("department_id")+u.Text("language")+u.Text("phone")+u.Text("version"), "改名managertrueen139000001112")
		stale := admin.Refused(http.StatusPreconditionFailed, "stale_version", http.MethodPatch, path, body{"name": "旧"}, `If-Match: "1"`)
		same(t, "current", stale.Text("current", "version"), "2")
		admin.Want(http.StatusUnprocessableEntity, http.MethodPatch, path, body{"roles": []string{"cadre"}}, `If-Match: "2"`) // still main leader
		admin.Want(http.StatusUnprocessableEntity, http.MethodPatch, path, `{"phone":null}`, `If-Match: "2"`)
		admin.Want(http.StatusUnprocessableEntity, http.MethodPatch, path, body{"department_id": newID()}, `If-Match: "2"`)
		admin.Refused(http.StatusConflict, "phone_taken", http.MethodPatch, path, body{"phone": w.Window.Phone}, `If-Match: "2"`)
		u = admin.Want(http.StatusOK, http.MethodPatch, path, body{"department_id": w.Finance.ID, "main_leader": false, "roles": []string{"cadre"}}, `If-Match: "2"`)
		same(t, "department", u.Text("department_id"), w.Finance.ID)
		admin.Refused(http.StatusNotFound, "not_found", http.MethodPatch, "/users/"+newID(), body{"name": "无"}, `If-Match: "1"`)
	})
}

func TestActionsOnAccountsAreDoneOnce(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		admin, path := w.As(w.Admin), "/users/"+w.Cadre.ID.String()
		reset := body{"operation_id": newID(), "expected_version": 1, "new_password": "second-password"}
		stale := admin.Refused(http.StatusConflict, "stale_version", http.MethodPost, path+"/reset-password", with(reset, body{"expected_version": 9}))
		same(t, "current", stale.Text("current", "version"), "1")
		// A precondition does not make it another kind of conflict.
		admin.Refused(http.StatusConflict, "stale_version", http.MethodPost, path+"/reset-password", with(reset, body{"expected_version": 9}), `If-Match: "9"`)
		for _, unfit := range []string{"short", "x" + w.Cadre.Phone} {
			admin.Refused(http.StatusUnprocessableEntity, "validation_failed", http.MethodPost, path+"/reset-password", with(reset, body{"new_password": unfit}))
		}
		done := admin.Want(http.StatusOK, http.MethodPost, path+"/reset-password", reset)
		same(t, "done", done.Text("version")+done.Text("must_change_password"), "2true")
		login := func(password string) int {
			return w.Anonymous().Do(http.MethodPost, "/auth/login", body{"phone": w.Cadre.Phone, "password": password}).Status
		}
		same(t, "login with the new password", login("second-password"), http.StatusOK)
		// Whatever comes in between, a repetition changes nothing and answers the same.
		admin.Want(http.StatusOK, http.MethodPatch, path, body{"name": "改名"}, `If-Match: "2"`)
		again := admin.Want(http.StatusOK, http.MethodPost, path+"/reset-password", with(reset, body{"new_password": "third-password"}))
		same(t, "the answer to the same again", string(again.Body), string(done.Body))
		same(t, "login with a repetition's password", login("third-password"), http.StatusUnauthorized)
		admin.Refused(http.StatusConflict, "id_conflict", http.MethodPost, "/users/"+w.Window.ID.String()+"/reset-password", reset)
		admin.Refused(http.StatusConflict, "id_conflict", http.MethodPost, path+"/deactivate", body{"operation_id": reset["operation_id"], "expected_version": 3})

		off := body{"operation_id": newID(), "expected_version": 3}
		done = admin.Want(http.StatusOK, http.MethodPost, path+"/deactivate", off)
		same(t, "deactivated", done.Text("active")+done.Text("version"), "false4")
		again = admin.Want(http.StatusOK, http.MethodPost, path+"/deactivate", off)
		same(t, "the answer to the same again", string(again.Body), string(done.Body))
		same(t, "login to a closed account", login("second-password"), http.StatusUnauthorized)
		for _, action := range []string{"/deactivate", "/reset-password"} {
			sent := body{"operation_id": newID(), "expected_version": 4}
			if action == "/reset-password" {
				sent["new_password"] = "fourth-password"
			}
			admin.Refused(http.StatusConflict, "user_inactive", http.MethodPost, path+action, sent)
		}
		admin.Refused(http.StatusNotFound, "not_found", http.MethodPost, "/users/"+newID()+"/deactivate", body{"operation_id": newID(), "expected_version": 1})
	})
}

func TestOneAdministratorRemains(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		admin, path := w.As(w.Admin), "/users/"+w.Admin.ID.String()
		act := func() body { return body{"operation_id": newID(), "expected_version": 1} }
		admin.Refused(http.StatusConflict, "last_administrator", http.MethodPost, path+"/deactivate", act())
		admin.Refused(http.StatusConflict, "last_administrator", http.MethodPatch, path, body{"roles": []string{"manager"}}, `If-Match: "1"`)
		admin.Want(http.StatusOK, http.MethodPatch, path, body{"roles": []string{"manager", "admin"}}, `If-Match: "1"`)

		second := w.AddUser(models.User{Phone: "13800000095", Roles: []models.Role{models.RoleAdmin}})
		admin.Want(http.StatusOK, http.MethodPost, "/users/"+second.ID.String()+"/deactivate", act())
		admin.Refused(http.StatusConflict, "last_administrator", http.MethodPost, path+"/deactivate", with(act(), body{"expected_version": 2}))
		third := w.AddUser(models.User{Phone: "13800000094", Roles: []models.Role{models.RoleAdmin}})
		w.As(third).Want(http.StatusOK, http.MethodPost, path+"/deactivate", with(act(), body{"expected_version": 2}))
		w.As(third).Refused(http.StatusConflict, "last_administrator", http.MethodPost, "/users/"+third.ID.String()+"/deactivate", act())
	})
}

func TestDepartments(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		admin := w.As(w.Admin)
		sent := body{"operation_id": newID(), "name": "安监办", "head_id": w.Reviewer.ID}
		d := admin.Want(http.StatusCreated, http.MethodPost, "/departments", sent)
		same(t, "created", d.Text("name")+d.Text("head_id")+d.Text("leader_id")+d.Text("version"), "安监办"+w.Reviewer.ID.String()+"1")
		again := admin.Want(http.StatusCreated, http.MethodPost, "/departments", sent)
		same(t, "the answer to the same again", string(again.Body), string(d.Body))
		admin.Refused(http.StatusConflict, "id_conflict", http.MethodPost, "/departments", with(sent, body{"name": "别名"}))
		admin.Refused(http.StatusConflict, "name_taken", http.MethodPost, "/departments", with(sent, body{"operation_id": newID()}))
		admin.Want(http.StatusUnprocessableEntity, http.MethodPost, "/departments", body{"operation_id": newID(), "name": "无头办", "head_id": newID()})

		path := "/departments/" + d.Text("id")
		admin.Refused(http.StatusPreconditionRequired, "precondition_required", http.MethodPatch, path, body{"name": "应急办"})
		changed := admin.Want(http.StatusOK, http.MethodPatch, path, `{"name":"应急办","head_id":null,"leader_id":"`+w.OtherLeader.ID.String()+`"}`, `If-Match: "1"`)
		same(t, "changed", changed.Text("name")+changed.Text("head_id")+changed.Text("leader_id")+changed.Text("version"), "应急办"+w.OtherLeader.ID.String()+"2")
		stale := admin.Refused(http.StatusPreconditionFailed, "stale_version", http.MethodPatch, path, body{"name": "旧"}, `If-Match: "1"`)
		same(t, "current", stale.Text("current", "name"), "应急办")
		admin.Refused(http.StatusConflict, "name_taken", http.MethodPatch, path, body{"name": w.Liaison.Name}, `If-Match: "2"`)
		admin.Want(http.StatusUnprocessableEntity, http.MethodPatch, path, body{"leader_id": newID()}, `If-Match: "2"`)
		admin.Refused(http.StatusNotFound, "not_found", http.MethodPatch, "/departments/"+newID(), body{"name": "无"}, `If-Match: "1"`)

		for _, who := range []models.User{w.Cadre, w.Window, w.MainLeader} {
			list := w.As(who).Want(http.StatusOK, http.MethodGet, "/departments", nil)
			same(t, "departments", len(list.List("items")), 3)
			w.As(who).Want(http.StatusOK, http.MethodGet, path, nil)
			w.As(who).Want(http.StatusNotModified, http.MethodGet, path, nil, `If-None-Match: "2"`)
			w.As(who).Refused(http.StatusForbidden, "forbidden", http.MethodPost, "/departments", sent)
		}
		w.As(w.Boss).Refused(http.StatusForbidden, "forbidden", http.MethodGet, "/departments", nil)

		// A new leader sees what the department does at once.
		liaison := "/departments/" + w.Liaison.ID.String()
		same(t, "before", len(pages(w.As(w.OtherLeader), "/enterprises", 10)), 0)
		admin.Want(http.StatusOK, http.MethodPatch, liaison, body{"leader_id": w.OtherLeader.ID}, `If-Match: "2"`)
		same(t, "after", len(pages(w.As(w.OtherLeader), "/enterprises", 10)), 1)
		same(t, "the leader before", len(pages(w.As(w.Leader), "/enterprises", 10)), 0)
	})
}
