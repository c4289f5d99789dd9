package handlers_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"lianqi/internal/testkit"
	"lianqi/internal/testkit/world"
	"lianqi/models"
	"lianqi/store"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func refreshWith(token string) body { return body{"refresh_token": token} }

func TestRefreshTokensRotate(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		c := w.Login(w.Cadre)
		one := c.Refresh
		w.Clock.Advance(time.Minute)
		answer := c.Want(200, "POST", "/auth/refresh", refreshWith(one))
		same(t, "expires_in", answer.Text("expires_in"), 900)
		two := answer.Text("refresh_token")
		if two == one || two == "" {
			t.Fatal("the token did not rotate")
		}
		// The answer was lost: the phone asks again, however often.
		for range 3 {
			same(t, "the successor", c.Want(200, "POST", "/auth/refresh", refreshWith(one)).Text("refresh_token"), two)
		}
		c.Keep(c.Want(200, "POST", "/auth/refresh", refreshWith(two)))
		c.Want(200, "GET", "/me", nil)

		// Now the first has a grandchild: whoever brings it has a copy.
		thief := w.Anonymous()
		thief.Refused(401, "session_ended", "POST", "/auth/refresh", refreshWith(one))
		c.Refused(401, "session_ended", "GET", "/me", nil)
		c.Refused(401, "session_ended", "POST", "/auth/refresh", refreshWith(c.Refresh))
		thief.Refused(401, "session_ended", "POST", "/auth/refresh", refreshWith(one))

		inbox := w.Login(w.Cadre).Want(200, "GET", "/me/notifications", nil)
		same(t, "alerts", len(inbox.List("items")), 1)
		same(t, "the alert", inbox.Text("items", 0, "kind"), models.NoticeSessionReused)
		if inbox.Text("items", 0, "title") == "" || inbox.Text("items", 0, "subject", "type") != "session" {
			t.Errorf("incomplete alert: %s", inbox.Body)
		}
	})
}

func TestRefreshRefusesWhatIsNotOurs(t *testing.T) {
	w := world.New(t)
	c := w.Login(w.Cadre)
	flipped := []byte(c.Refresh)
	flipped[40] ^= 1
	other := w.Login(w.OtherCadre).Refresh
	for name, token := range map[string]string{
		"nonsense": "nonsense", "changed": string(flipped), "cut": c.Refresh[:60], "mixed": other[:20] + c.Refresh[20:], "an access token": c.Token[:150],
	} {
		if got := w.Anonymous().Do("POST", "/auth/refresh", refreshWith(token)); got.Status != 401 || got.Text("code") != "unauthenticated" {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}
	w.Anonymous().Refused(422, "validation_failed", "POST", "/auth/refresh", refreshWith(strings.Repeat("a", 201)))
	// Nobody ends a session by guessing.
	c.Want(200, "POST", "/auth/refresh", refreshWith(c.Refresh))
}

func TestRefreshAtTheSameMoment(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		c := w.Login(w.Cadre)
		var wait sync.WaitGroup
		answers := make([]world.Answer, 16)
		for i := range answers {
			wait.Go(func() {
				var err error
				if answers[i], err = c.Try("POST", "/auth/refresh", refreshWith(c.Refresh)); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		for _, a := range answers {
			if a.Status != 200 || a.Text("refresh_token") != answers[0].Text("refresh_token") {
				t.Fatalf("%d %s", a.Status, a.Body)
			}
		}
		c.Keep(answers[0])
		c.Want(200, "POST", "/auth/refresh", refreshWith(c.Refresh))
	})
}

func TestSessionSlidesAndExpires(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		c := w.Login(w.Cadre)
		w.Clock.Advance(models.AccessTime - time.Second)
		c.Want(200, "GET", "/me", nil)
		w.Clock.Advance(time.Second)
		c.Refused(401, "token_expired", "GET", "/me", nil)
		// Each refresh gives sixty days again.
		for range 2 {
			w.Clock.Advance(models.RefreshTime - time.Hour)
			c.Keep(c.Want(200, "POST", "/auth/refresh", refreshWith(c.Refresh)))
		}
		w.Clock.Advance(models.RefreshTime)
		c.Refused(401, "session_ended", "POST", "/auth/refresh", refreshWith(c.Refresh))
	})
}

func TestLogout(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		c, replica := w.Login(w.Newcomer), w.Replica()
		c.On(replica).Want(200, "GET", "/me", nil)
		c.Want(204, "POST", "/auth/logout", nil)
		c.Refused(401, "session_ended", "GET", "/me", nil)
		c.Refused(401, "session_ended", "POST", "/auth/logout", nil)
		c.Refused(401, "session_ended", "POST", "/auth/refresh", refreshWith(c.Refresh))
		w.Clock.Advance(time.Second)
		c.On(replica).Refused(401, "session_ended", "GET", "/me", nil)
	})
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		phone := newID()
		old := w.Anonymous()
		old.Keep(old.Want(200, "POST", "/auth/login", body{"phone": w.Cadre.Phone, "password": world.Password, "device_id": phone}))
		w.Clock.Advance(time.Minute)
		c := w.Login(w.Cadre)
		other := w.Login(w.OtherCadre)

		list := c.Want(200, "GET", "/me/sessions", nil)
		same(t, "sessions", len(list.List("items")), 2)
		same(t, "the newest is the current one", list.Text("items", 0, "current"), true)
		same(t, "the older one", list.Text("items", 1, "current"), false)
		same(t, "its phone", list.Text("items", 1, "device_id"), phone)
		if strings.Contains(string(list.Body), "hash") || strings.Contains(string(list.Body), c.Refresh) {
			t.Error("a secret is in the list")
		}
		end := "/me/sessions/" + list.Text("items", 1, "id")
		other.Refused(404, "not_found", "DELETE", end, nil)
		old.Want(200, "GET", "/me", nil)
		c.Want(204, "DELETE", end, nil)
		old.Refused(401, "session_ended", "GET", "/me", nil)
		c.Refused(404, "not_found", "DELETE", end, nil)
		c.Refused(404, "not_found", "DELETE", "/me/sessions/"+newID(), nil)
		same(t, "sessions left", len(c.Want(200, "GET", "/me/sessions", nil).List("items")), 1)
	})
}

func TestPasswordChangeEndsOtherSessions(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		const replacement = "an entirely new password"
		c, other := w.Login(w.Cadre), w.Login(w.Cadre)
		replica := w.Replica()
		other.On(replica).Want(200, "GET", "/me", nil)
		c.Want(204, "POST", "/me/password", body{"current_password": world.Password, "new_password": replacement})

		c.Want(200, "GET", "/me", nil)
		other.Refused(401, "session_ended", "GET", "/me", nil)
		other.Refused(401, "session_ended", "POST", "/auth/refresh", refreshWith(other.Refresh))
		w.Clock.Advance(time.Second)
		other.On(replica).Refused(401, "session_ended", "GET", "/me", nil)
		c.Keep(c.Want(200, "POST", "/auth/refresh", refreshWith(c.Refresh)))
		c.Want(200, "GET", "/me", nil)

		login := body{"phone": w.Cadre.Phone, "password": world.Password}
		w.Anonymous().Refused(401, "wrong_credentials", "POST", "/auth/login", login)
		w.Anonymous().Want(200, "POST", "/auth/login", body{"phone": w.Cadre.Phone, "password": replacement})
	})
}

func TestUnfitPasswordsAreRefused(t *testing.T) {
	w := world.New(t)
	c := w.Login(w.Cadre)
	for _, x := range []struct{ current, replacement, location, code string }{
		{"not the password", "an entirely new password", "body.current_password", "wrong_password"},
		{world.Password, world.Password, "body.new_password", "password_unchanged"},
		{world.Password, "123456789", "body.new_password", "password_too_short"},
		{world.Password, "my phone is " + w.Cadre.Phone, "body.new_password", "password_contains_phone"},
		{world.Password, strings.Repeat("x", 129), "body.new_password", "max_length"},
	} {
		a := c.Refused(422, "validation_failed", "POST", "/me/password", body{"current_password": x.current, "new_password": x.replacement})
		same(t, "location", a.Text("errors", 0, "location"), x.location)
		same(t, "code", a.Text("errors", 0, "code"), x.code)
		if strings.Contains(string(a.Body), x.replacement) || strings.Contains(string(a.Body), x.current) {
			t.Errorf("a password is in the answer: %s", a.Body)
		}
	}
}

func TestGuessingTheCurrentPassword(t *testing.T) {
	w := world.New(t)
	c := w.Login(w.Cadre)
	guess := body{"current_password": "not the password", "new_password": "an entirely new password"}
	for range 5 {
		c.Refused(422, "validation_failed", "POST", "/me/password", guess)
	}
	c.Refused(429, "login_locked", "POST", "/me/password", guess)
	// It is the owner's token that was used for it: the owner can still log in.
	w.Login(w.Cadre).Want(200, "GET", "/me", nil)
}

func TestFirstPasswordMustBeChanged(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		c := w.Anonymous()
		login := c.Want(200, "POST", "/auth/login", body{"phone": w.Newcomer.Phone, "password": world.Password})
		same(t, "must_change_password", login.Text("must_change_password"), true)
		c.Keep(login)
		same(t, "must_change_password of /me", c.Want(200, "GET", "/me", nil).Text("must_change_password"), true)
		c.Refused(403, "password_change_required", "GET", "/visits", nil)
		c.Want(204, "POST", "/me/password", body{"current_password": world.Password, "new_password": "an entirely new password"})
		c.Want(200, "GET", "/visits", nil)
		same(t, "must_change_password afterwards", c.Want(200, "GET", "/me", nil).Text("must_change_password"), false)
	})
}

func TestDeactivationIsFeltEverywhere(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		c, replica := w.Login(w.Cadre), w.Replica()
		c.On(replica).Want(200, "GET", "/me", nil)
		w.As(w.Admin).Want(200, "POST", "/users/"+w.Cadre.ID.String()+"/deactivate", body{"operation_id": newID(), "expected_version": 1})
		c.Refused(401, "session_ended", "GET", "/me", nil)
		w.Clock.Advance(2 * time.Second)
		c.On(replica).Refused(401, "session_ended", "GET", "/me", nil)
		c.Refused(401, "session_ended", "POST", "/auth/refresh", refreshWith(c.Refresh))
		w.Anonymous().Refused(401, "wrong_credentials", "POST", "/auth/login", body{"phone": w.Cadre.Phone, "password": world.Password})
	})
}

func TestRoleChangeIsFeltEverywhere(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		c, replica := w.Login(w.Window), w.Replica()
		c.On(replica).Refused(403, "forbidden", "GET", "/users", nil)
		w.Write(func(tx *store.Tx) error {
			u, err := tx.User(w.Window.ID)
			if err != nil {
				return err
			}
			u.Roles, u.Version = append(u.Roles, models.RoleAdmin), u.Version+1
			return tx.UpdateUser(u)
		})
		w.Clock.Advance(time.Second)
		c.On(replica).Want(200, "GET", "/users", nil)
	})
}

func TestMe(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		c := w.As(w.Boss)
		me := c.Want(200, "GET", "/me", nil)
		same(t, "phone", me.Text("phone"), w.Boss.Phone)
		same(t, "enterprise", me.Text("enterprise_id"), w.Mill.ID)
		same(t, "roles", me.List("roles"), []string{"enterprise"})
		etag := me.Header.Get("ETag")
		c.Want(304, "GET", "/me", nil, "If-None-Match: "+etag)

		c.Refused(428, "precondition_required", "PATCH", "/me", body{"language": "en"})
		changed := c.Want(200, "PATCH", "/me", body{"language": "en"}, "If-Match: "+etag)
		same(t, "language", changed.Text("language"), "en")
		stale := c.Refused(412, "stale_version", "PATCH", "/me", body{"language": "zh-CN"}, "If-Match: "+etag)
		same(t, "current", stale.Text("current", "language"), "en")
		c.Want(200, "PATCH", "/me", body{}, "If-Match: "+changed.Header.Get("ETag"))
		for _, wrong := range []body{{"language": nil}, {"language": "fr"}, {"roles": []string{"admin"}}, {"name": "x"}} {
			c.Refused(422, "validation_failed", "PATCH", "/me", wrong, "If-Match: "+changed.Header.Get("ETag"))
		}
		same(t, "version", c.Want(200, "GET", "/me", nil, http.CanonicalHeaderKey("accept-language")+": en").Text("version"), 2)
	})
}

// TestUnfitPasswordsLockNobody: only a wrong current password counts as a guess.
func TestUnfitPasswordsLockNobody(t *testing.T) {
	w := world.New(t)
	c := w.Login(w.Cadre)
	for range 10 {
		c.Refused(422, "validation_failed", "POST", "/me/password", body{"current_password": world.Password, "new_password": "short"})
	}
	c.Want(204, "POST", "/me/password", body{"current_password": world.Password, "new_password": "an entirely new password"})
}
