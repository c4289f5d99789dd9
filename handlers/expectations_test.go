package handlers_test

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"lianqi/internal/testkit/world"
	"lianqi/models"
)

const (
	everybody = "200: others"
	staff     = "403: boss boss2; 200: others"
	// seesMill are those who may read the mill, seesVisit and seesProblem what the cadre brought from there.
	seesMill    = "404: leader2 cadre2 boss2; 200: others"
	seesVisit   = "403: boss boss2; 404: leader2 cadre2 window reviewer; 200: others"
	seesProblem = "403: window; 404: leader2 cadre2 boss2; 200: others"
	onlyAdmin   = "200: admin; 403: others"
	creates     = "201: admin; 403: others"
	missing     = "404: admin; 403: others"
)

// expectations are all operations; the record says which of the operation's records it is about.
var expectations = []expectation{
	{operation: "login", want: everybody, make: func(s *scene) request {
		return request{path: "/auth/login", body: body{"phone": s.Cadre.Phone, "password": world.Password}}
	}},
	{operation: "refresh", want: everybody, make: func(s *scene) request {
		return request{path: "/auth/refresh", body: body{"refresh_token": s.Login(s.Cadre).Refresh}}
	}},
	{operation: "logout", want: "204: others", make: at("/auth/logout"), fresh: true},
	{operation: "get-me", want: everybody, make: at("/me")},
	{operation: "change-me", want: everybody, make: func(s *scene) request {
		return request{"/me", body{"language": "zh-CN"}, []string{"If-Match: " + s.client.Want(200, "GET", "/me", nil).Header.Get("ETag")}}
	}},
	{operation: "change-password", want: "422: others", make: func(*scene) request {
		return request{path: "/me/password", body: body{"current_password": world.Password, "new_password": world.Password}}
	}},
	{operation: "list-sessions", want: everybody, make: at("/me/sessions")},
	{operation: "end-session", record: "own", want: "204: others", fresh: true, make: func(s *scene) request {
		if s.caller.MustChangePassword {
			return request{path: "/me/sessions/" + newID()}
		}
		return request{path: "/me/sessions/" + s.client.Want(200, "GET", "/me/sessions", nil).Text("items", 0, "id")}
	}},
	{operation: "end-session", record: "somebody else's", want: "404: others", make: func(s *scene) request {
		other := s.Login(s.Leader)
		if s.caller.ID == s.Leader.ID {
			other = s.Login(s.Cadre)
		}
		return request{path: "/me/sessions/" + other.Want(200, "GET", "/me/sessions", nil).Text("items", 0, "id")}
	}},

	{operation: "put-device", record: "own", want: everybody, make: func(s *scene) request {
		return request{path: s.deviceOfCaller(), body: phoneWith(newID())}
	}},
	{operation: "put-device", record: "somebody else's", want: "404: others", make: func(s *scene) request {
		return request{path: s.deviceOfAnother(), body: phoneWith(newID())}
	}},
	{operation: "delete-device", record: "own", want: "204: others", make: func(s *scene) request {
		path := s.deviceOfCaller()
		if !s.caller.MustChangePassword {
			s.client.Want(200, "PUT", path, phoneWith(newID()))
		}
		return request{path: path}
	}},
	{operation: "delete-device", record: "somebody else's", want: "404: others", make: func(s *scene) request {
		return request{path: s.deviceOfAnother()}
	}},

	{operation: "list-notifications", want: everybody, make: at("/me/notifications")},
	{operation: "read-notification", record: "of the dispatcher", want: "200: dispatcher; 404: others", make: func(s *scene) request {
		return request{path: "/me/notifications/" + s.notice + "/read"}
	}},
	{operation: "read-all-notifications", want: everybody, make: at("/me/notifications/read-all")},
	{operation: "create-stream-ticket", want: everybody, make: at("/me/stream-ticket")},
	{operation: "stream-notifications", want: everybody, make: at("/me/notifications/stream")},
	{operation: "sync", want: everybody, make: at("/sync")},

	{operation: "list-users", want: onlyAdmin, make: at("/users")},
	{operation: "create-user", want: creates, make: func(s *scene) request {
		return request{path: "/users", body: creation(body{
			"phone": fmt.Sprintf("136%08d", s.next()), "name": "新员工", "roles": []string{"window"}, "password": world.Password,
		})}
	}},
	{operation: "get-user", want: onlyAdmin, make: func(s *scene) request { return request{path: "/users/" + s.Cadre.ID.String()} }},
	{operation: "get-user", record: "own", want: onlyAdmin, make: func(s *scene) request { return request{path: "/users/" + s.caller.ID.String()} }},
	{operation: "get-user", record: "nobody's", want: missing, make: func(*scene) request { return request{path: "/users/" + newID()} }},
	{operation: "change-user", want: onlyAdmin, make: func(s *scene) request {
		path := s.stranger()
		return request{path, body{"name": "改名"}, []string{s.etag(path)}}
	}},
	{operation: "change-user", record: "own", want: onlyAdmin, make: func(s *scene) request {
		path := "/users/" + s.caller.ID.String()
		return request{path, body{"name": s.caller.Name}, []string{s.etag(path)}}
	}},
	{operation: "reset-password", want: onlyAdmin, make: func(s *scene) request {
		return request{path: s.stranger() + "/reset-password", body: with(action(), body{"new_password": world.Password})}
	}},
	{operation: "deactivate-user", want: onlyAdmin, make: func(s *scene) request {
		return request{path: s.stranger() + "/deactivate", body: action()}
	}},
	{operation: "deactivate-user", record: "nobody's", want: missing, make: func(*scene) request {
		return request{path: "/users/" + newID() + "/deactivate", body: action()}
	}},

	{operation: "list-departments", want: staff, make: at("/departments")},
	{operation: "create-department", want: creates, make: func(s *scene) request {
		return request{path: "/departments", body: creation(body{"name": fmt.Sprintf("新科室%d", s.next())})}
	}},
	{operation: "get-department", want: staff, make: func(s *scene) request { return request{path: "/departments/" + s.Liaison.ID.String()} }},
	{operation: "change-department", want: onlyAdmin, make: func(s *scene) request {
		path := "/departments/" + s.Finance.ID.String()
		return request{path, body{"name": "金融办"}, []string{s.etag(path)}}
	}},

	{operation: "list-enterprises", want: everybody, make: at("/enterprises")},
	{operation: "create-enterprise", want: creates, make: func(s *scene) request {
		return request{path: "/enterprises", body: creation(body{"name": "新厂", "credit_code": models.CompleteCreditCode(fmt.Sprintf("91430483%09d", s.next()))})}
	}},
	{operation: "get-enterprise", record: "the mill", want: seesMill, make: func(s *scene) request {
		return request{path: "/enterprises/" + s.Mill.ID.String()}
	}},
	{operation: "get-enterprise", record: "the quarry", want: "404: leader leader2 head reviewer cadre boss; 200: others", make: func(s *scene) request {
		return request{path: "/enterprises/" + s.Quarry.ID.String()}
	}},
	{operation: "change-enterprise", want: onlyAdmin, make: func(s *scene) request {
		path := "/enterprises/" + s.Mill.ID.String()
		return request{path, body{"address": "新址"}, []string{s.etag(path)}}
	}},
	{operation: "list-contacts", record: "the mill", want: seesMill, make: func(s *scene) request {
		return request{path: "/enterprises/" + s.Mill.ID.String() + "/contacts"}
	}},
	{operation: "replace-contacts", record: "the mill", want: "200: admin cadre; 404: cadre2; 403: others", make: func(s *scene) request {
		path := "/enterprises/" + s.Mill.ID.String()
		return request{path + "/contacts", body{"items": []body{{"name": "张厂长", "phone": "13700000000"}}}, []string{s.etag(path)}}
	}},

	{operation: "get-contact-card", record: "of the mill", want: seesMill, make: func(s *scene) request {
		return request{path: "/enterprises/" + s.Mill.ID.String() + "/contact-card"}
	}},

	{operation: "list-campaigns", want: staff, make: at("/campaigns")},
	{operation: "create-campaign", want: creates, make: func(s *scene) request {
		return request{path: "/campaigns", body: creation(body{"name": fmt.Sprintf("批次%d", s.next()), "starts_on": "2026-03-01"})}
	}},
	{operation: "get-campaign", want: staff, make: func(s *scene) request { return request{path: "/campaigns/" + s.Campaign.ID.String()} }},
	{operation: "list-assignments", want: staff, make: func(s *scene) request {
		return request{path: "/campaigns/" + s.Campaign.ID.String() + "/assignments"}
	}},
	{operation: "create-assignment", want: creates, make: (*scene).newAssignment},
	{operation: "end-assignment", want: onlyAdmin, make: func(s *scene) request {
		a := s.newAssignment()
		id := s.As(s.Admin).Want(201, "POST", a.path, a.body).Text("id")
		return request{path: a.path + "/" + id + "/end", body: action()}
	}},

	{operation: "record-visit", record: "at the mill", want: "201: cadre; 404: cadre2; 403: others", make: func(s *scene) request {
		return request{path: "/visits/" + newID(), body: visitTo(s.Mill.ID, s.Clock.Now().Add(-time.Hour))}
	}},
	{operation: "record-visit", record: "under another cadre's id", want: "409: cadre cadre2; 403: others", make: func(s *scene) request {
		enterprise := s.Mill.ID
		if s.caller.ID == s.OtherCadre.ID {
			enterprise = s.Quarry.ID
		}
		return request{path: "/visits/" + s.visit, body: visitTo(enterprise, s.Clock.Now().Add(-2*time.Hour))}
	}},
	{operation: "list-visits", want: staff, make: at("/visits")},
	{operation: "get-visit", record: "at the mill", want: seesVisit, make: func(s *scene) request { return request{path: "/visits/" + s.visit} }},
	{operation: "amend-visit", record: "of the cadre", want: "200: cadre; 404: cadre2; 403: others", make: func(s *scene) request {
		path := "/visits/" + s.visit
		return request{path, body{"remark": "补记"}, []string{s.etag(path)}}
	}},
	{operation: "list-problems", want: "403: window; 200: others", make: at("/problems")},
	{operation: "get-problem", record: "of the mill", want: seesProblem, make: func(s *scene) request { return request{path: "/problems/" + s.problem} }},
}

// deviceOfCaller is the one phone that the caller has: an account cannot have many.
func (s *scene) deviceOfCaller() string {
	return "/me/devices/" + uuid.NewSHA1(s.caller.ID, []byte("phone")).String()
}

// deviceOfAnother is a phone that is not the caller's.
func (s *scene) deviceOfAnother() string {
	s.t.Helper()
	owner := s.AddUser(models.User{Phone: fmt.Sprintf("135%08d", s.next()), Roles: []models.Role{models.RoleWindow}})
	path := "/me/devices/" + newID()
	s.Login(owner).Want(200, "PUT", path, phoneWith(newID()))
	return path
}

func (s *scene) newAssignment() request {
	return request{path: "/campaigns/" + s.Campaign.ID.String() + "/assignments", body: creation(body{
		"enterprise_id": s.company().ID, "cadre_id": s.OtherCadre.ID,
	})}
}
