package handlers_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"lianqi/internal/testkit/world"
	"lianqi/models"
	"lianqi/store"
)

// enterpriseOf is an enterprise as the administrator enters it, by the first 17 characters of its credit code.
func enterpriseOf(code17, name string) body {
	return body{"operation_id": newID(), "credit_code": models.CompleteCreditCode(code17), "name": name}
}

func TestEnterpriseIsEnteredOnce(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		admin := w.As(w.Admin)
		sent := with(enterpriseOf("91430481MA4L00001", " 耒阳电子 "), body{
			"industry": "电子", "above_scale": true, "address": "工业大道1号", "resumption": "resumed", "resumed_on": "2026-02-18",
			"position": body{"latitude": 26.4, "longitude": 112.8, "crs": "gcj02"},
		})
		e := admin.Want(http.StatusCreated, http.MethodPost, "/enterprises", sent)
		for member, want := range map[string]any{
			"credit_code": sent["credit_code"], "name": "耒阳电子", "industry": "电子", "above_scale": "true", "resumption": "resumed",
			"resumed_on": "2026-02-18", "version": "1", "created_at": rfc3339(w.Clock.Now()),
		} {
			same(t, member, e.Text(member), want)
		}
		same(t, "position.crs", e.Text("position", "crs"), "gcj02")
		again := admin.Want(http.StatusCreated, http.MethodPost, "/enterprises", sent)
		same(t, "the answer to the same again", string(again.Body), string(e.Body))
		read := admin.Want(http.StatusOK, http.MethodGet, "/enterprises/"+e.Text("id"), nil)
		same(t, "what is read", string(read.Body), string(e.Body))
		admin.Want(http.StatusNotModified, http.MethodGet, "/enterprises/"+e.Text("id"), nil, "If-None-Match: "+read.Header.Get("ETag"))

		admin.Refused(http.StatusConflict, "id_conflict", http.MethodPost, "/enterprises", with(sent, body{"name": "别的企业"}))
		admin.Refused(http.StatusConflict, "credit_code_taken", http.MethodPost, "/enterprises", with(sent, body{"operation_id": newID()}))
		same(t, "enterprises", len(pages(admin, "/enterprises", 10)), 3)
		w.As(w.MainLeader).Refused(http.StatusForbidden, "forbidden", http.MethodPost, "/enterprises", sent)
	})
}

func TestCreditCodeIsChecked(t *testing.T) {
	w := world.New(t)
	admin := w.As(w.Admin)
	right := models.CompleteCreditCode("91430481MA4L00002")
	wide := strings.NewReplacer("9", "９", "M", "Ｍ", "0", "０").Replace(right)
	e := admin.Want(http.StatusCreated, http.MethodPost, "/enterprises", with(enterpriseOf("", "宽字厂"), body{"credit_code": " " + strings.ToLower(wide) + " "}))
	same(t, "stored code", e.Text("credit_code"), right)
	check := right[17]
	for name, code := range map[string]string{
		"wrong check digit":     right[:17] + map[bool]string{true: "1", false: "0"}[check == '0'],
		"two characters turned": "19" + right[2:],
		"too short":             right[:17],
		"too long":              right + "0",
		"letters not in use":    "9143O481MA4L00002" + right[17:],
		"empty":                 "",
	} {
		refused := admin.Refused(http.StatusUnprocessableEntity, "validation_failed", http.MethodPost, "/enterprises", with(enterpriseOf("", "错码厂"), body{"credit_code": code}))
		same(t, name, refused.Text("errors", 0, "location")+" "+refused.Text("errors", 0, "code"), "body.credit_code credit_code")
	}
	for name, changes := range map[string]body{
		"a blank name":                {"name": "  "},
		"a day that is none":          {"resumption": "resumed", "resumed_on": "2026-02-30"},
		"resumed on, but it has not":  {"resumption": "stopped", "resumed_on": "2026-02-18"},
		"a state that is none":        {"resumption": "asleep"},
		"a position off the map":      {"position": body{"latitude": 91, "longitude": 0, "crs": "gcj02"}},
		"a position on no known map":  {"position": body{"latitude": 26, "longitude": 112, "crs": "bd09"}},
		"a member that nobody knows":  {"turnover": 1},
		"a name that is far too long": {"name": strings.Repeat("厂", 101)},
	} {
		t.Run(name, func(t *testing.T) {
			admin.Refused(http.StatusUnprocessableEntity, "validation_failed", http.MethodPost, "/enterprises", with(enterpriseOf("91430481MA4L00003", "好厂"), changes))
		})
	}
}

func TestEnterpriseIsChanged(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		admin, path := w.As(w.Admin), "/enterprises/"+w.Mill.ID.String()
		admin.Refused(http.StatusPreconditionRequired, "precondition_required", http.MethodPatch, path, body{"name": "新名"})
		w.Clock.Advance(time.Second)
		e := admin.Want(http.StatusOK, http.MethodPatch, path, `{"name":"蔡伦纸业集团","position":{"latitude":26.4,"longitude":112.8,"crs":"wgs84"},"resumed_on":"2026-02-17"}`, `If-Match: "1"`)
		same(t, "changed", e.Text("name")+e.Text("version")+e.Header.Get("ETag")+e.Text("industry")+e.Text("resumed_on"), `蔡伦纸业集团2"2"制造2026-02-17`)
		same(t, "updated_at", e.Text("updated_at"), rfc3339(w.Clock.Now()))
		stale := admin.Refused(http.StatusPreconditionFailed, "stale_version", http.MethodPatch, path, body{"name": "旧改"}, `If-Match: "1"`)
		same(t, "current", stale.Text("current", "name"), "蔡伦纸业集团")
		// A day of resumption belongs to an enterprise that has resumed.
		admin.Want(http.StatusUnprocessableEntity, http.MethodPatch, path, `{"resumption":"stopped"}`, `If-Match: "2"`)
		e = admin.Want(http.StatusOK, http.MethodPatch, path, `{"resumption":"stopped","resumed_on":null,"position":null}`, `If-Match: "2"`)
		if e.Member("position") != nil || e.Member("resumed_on") != nil {
			t.Errorf("what was taken away is still there: %s", e.Body)
		}
		admin.Want(http.StatusUnprocessableEntity, http.MethodPatch, path, `{"name":null}`, `If-Match: "3"`)
		admin.Want(http.StatusUnprocessableEntity, http.MethodPatch, path, body{"credit_code": "91430481000000000X"}, `If-Match: "3"`)
		admin.Refused(http.StatusConflict, "credit_code_taken", http.MethodPatch, path, body{"credit_code": w.Quarry.CreditCode}, `If-Match: "3"`)
		admin.Refused(http.StatusNotFound, "not_found", http.MethodPatch, "/enterprises/"+newID(), body{"name": "无"}, `If-Match: "1"`)
		w.As(w.Cadre).Refused(http.StatusForbidden, "forbidden", http.MethodPatch, path, body{"name": "我改"}, `If-Match: "3"`)
		same(t, "found by the new name", pages(admin, "/enterprises?search="+url.QueryEscape("纸业集团"), 10), []string{w.Mill.ID.String()})
	})
}

func TestEnterprisesAreFound(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		w.Clock.Advance(time.Second)
		percent := w.AddEnterprise("91430481MA4L00011", "百%利ABC厂")
		w.Clock.Advance(time.Second)
		plain := w.AddEnterprise("91430481MA4L00012", "百分利abc厂")
		w.Clock.Advance(time.Second)
		under := w.AddEnterprise("91430481MA4L00013", "甲_乙!厂")
		ids := func(list ...models.Enterprise) []string {
			names := []string{}
			for _, e := range list {
				names = append(names, e.ID.String())
			}
			return names
		}
		admin := w.As(w.Admin)
		for search, want := range map[string][]string{
			"百":         ids(plain, percent),
			"%":         ids(percent),
			"％":         ids(percent), // full width
			"_":         ids(under),
			"!":         ids(under),
			"甲_乙!":      ids(under),
			"abc":       ids(plain, percent),
			"Ａbc":       ids(plain, percent),
			"MA4L00012": ids(plain),
			"ma4l00012": ids(plain),
			"ＭＡ４Ｌ０００１２": ids(plain),
			" 甲 ":       ids(under),
			"'; DROP":   {},
			`\`:         {},
		} {
			same(t, "search for "+search, pages(admin, "/enterprises?search="+url.QueryEscape(search), 1), want)
		}
		w.Write(func(tx *store.Tx) error {
			under.AboveScale, under.Resumption, under.Industry, under.Version = true, models.ResumptionStopped, "石材", 2
			return tx.UpdateEnterprise(under)
		})
		for query, want := range map[string][]string{
			"above_scale=true":                    ids(under),
			"above_scale=false&search=abc":        ids(plain, percent),
			"resumption=stopped":                  ids(under),
			"resumption=partial":                  {},
			"industry=" + url.QueryEscape("石材"):   ids(under),
			"resumption=resumed&search=MA4L00011": ids(percent),
		} {
			same(t, query, pages(admin, "/enterprises?"+query, 2), want)
		}
		unknown := admin.Refused(http.StatusUnprocessableEntity, "validation_failed", http.MethodGet, "/enterprises?name=x", nil)
		same(t, "unknown filter", unknown.Text("errors", 0, "code"), "unknown_parameter")
		for _, query := range []string{"above_scale=perhaps", "resumption=asleep", "search=" + strings.Repeat("x", 101)} {
			admin.Refused(http.StatusUnprocessableEntity, "validation_failed", http.MethodGet, "/enterprises?"+query, nil)
		}
		admin.Refused(http.StatusUnprocessableEntity, "invalid_cursor", http.MethodGet, "/enterprises?cursor=zzzz", nil)
	})
}

func TestWhoSeesWhichEnterprise(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		mill, quarry := w.Mill.ID.String(), w.Quarry.ID.String()
		check := func(stage string, want map[*models.User][]string) {
			t.Helper()
			for who, seen := range want {
				got := pages(w.As(*who), "/enterprises", 10)
				slices.Sort(got)
				slices.Sort(seen)
				same(t, stage+": enterprises of "+who.Name, got, seen)
				for _, id := range []string{mill, quarry} {
					status := http.StatusNotFound
					if slices.Contains(seen, id) {
						status = http.StatusOK
					}
					w.As(*who).Want(status, http.MethodGet, "/enterprises/"+id, nil)
					w.As(*who).Want(status, http.MethodGet, "/enterprises/"+id+"/contacts", nil)
				}
			}
		}
		both := func() []string { return []string{mill, quarry} }
		check("at first", map[*models.User][]string{
			&w.Admin: both(), &w.MainLeader: both(), &w.Dispatcher: both(), &w.Window: both(),
			&w.Leader: {mill}, &w.Head: {mill}, &w.OtherLeader: {}, &w.Reviewer: {},
			&w.Cadre: {mill}, &w.OtherCadre: {quarry}, &w.Boss: {mill}, &w.OtherBoss: {quarry},
		})
		w.As(w.Cadre).Want(http.StatusCreated, http.MethodPut, "/visits/"+newID(), visitTo(w.Mill.ID, w.Clock.Now(), problemOf("finance", "normal")))
		endServing(w, w.Serving)
		check("after a problem was routed and the cadre's service has ended", map[*models.User][]string{
			&w.Reviewer: {mill}, &w.Cadre: {}, &w.Leader: {mill},
		})
	})
}

func TestContacts(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		path := "/enterprises/" + w.Mill.ID.String() + "/contacts"
		list := body{"items": []body{
			{"name": "张厂长", "phone": "13812345678", "title": "厂长"},
			{"name": "值班室", "phone": "0734-4321000"},
		}}
		cadre := w.As(w.Cadre)
		empty := cadre.Want(http.StatusOK, http.MethodGet, path, nil)
		same(t, "contacts at first", string(empty.Body), "{\"items\":[]}\n")
		cadre.Refused(http.StatusPreconditionRequired, "precondition_required", http.MethodPut, path, list)
		stored := cadre.Want(http.StatusOK, http.MethodPut, path, list, "If-Match: "+empty.Header.Get("ETag"))
		same(t, "ETag", stored.Header.Get("ETag"), `"2"`)
		stale := cadre.Refused(http.StatusPreconditionFailed, "stale_version", http.MethodPut, path, list, `If-Match: "1"`)
		same(t, "current.version", stale.Text("current", "version"), "2")
		same(t, "the enterprise's version", cadre.Want(http.StatusOK, http.MethodGet, "/enterprises/"+w.Mill.ID.String(), nil).Text("version"), "2")

		for who, masked := range map[*models.User]bool{
			&w.Admin: false, &w.Dispatcher: false, &w.Cadre: false, &w.Boss: false,
			&w.MainLeader: true, &w.Leader: true, &w.Head: true, &w.Window: true,
		} {
			seen := w.As(*who).Want(http.StatusOK, http.MethodGet, path, nil)
			want := "13812345678 0734-4321000"
			if masked {
				want = "138****5678 073****1000"
			}
			same(t, "what "+who.Name+" sees", seen.Text("items", 0, "phone")+" "+seen.Text("items", 1, "phone"), want)
			same(t, "order", seen.Text("items", 0, "name")+seen.Text("items", 0, "title")+seen.Text("items", 1, "name"), "张厂长厂长值班室")
		}
		// What is masked cannot be stored by mistake.
		cadre.Want(http.StatusUnprocessableEntity, http.MethodPut, path, body{"items": []body{{"name": "张厂长", "phone": "138****5678"}}}, `If-Match: "2"`)
		w.As(w.OtherCadre).Refused(http.StatusNotFound, "not_found", http.MethodPut, path, list, `If-Match: "2"`)
		w.As(w.Window).Refused(http.StatusForbidden, "forbidden", http.MethodPut, path, list, `If-Match: "2"`)
		// A cadre of another enterprise who sees this one as a dispatcher may call, not change.
		both := w.AddUser(models.User{Phone: "13800000096", Roles: []models.Role{models.RoleCadre, models.RoleDispatcher}})
		w.As(both).Refused(http.StatusForbidden, "forbidden", http.MethodPut, path, list, `If-Match: "2"`)

		w.As(w.Admin).Want(http.StatusOK, http.MethodPut, path, body{"items": []body{}}, `If-Match: "2"`)
		same(t, "contacts at last", len(cadre.Want(http.StatusOK, http.MethodGet, path, nil).List("items")), 0)
		many := slices.Repeat([]body{{"name": "某人", "phone": "13812345678"}}, 21)
		w.As(w.Admin).Want(http.StatusUnprocessableEntity, http.MethodPut, path, body{"items": many}, `If-Match: "3"`)

		endServing(w, w.Serving)
		cadre.Want(http.StatusNotFound, http.MethodGet, path, nil)
	})
}
