package handlers_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lianqi/internal/testkit/world"
	"lianqi/models"
)

func from(address string) string { return "X-Forwarded-For: " + address }

func credentials(phone, password string) body { return body{"phone": phone, "password": password} }

func TestLoginLocksAccountAndAddress(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		c := w.Anonymous()
		right, wrong := credentials(w.Cadre.Phone, world.Password), credentials(w.Cadre.Phone, "a wrong password")
		for range 5 {
			c.Refused(401, "wrong_credentials", "POST", "/auth/login", wrong, from("192.0.2.1"))
		}
		locked := c.Refused(429, "login_locked", "POST", "/auth/login", right, from("192.0.2.1"))
		same(t, "Retry-After", locked.Header.Get("Retry-After"), 900)
		// Nobody locks out somebody else: the owner is elsewhere, and others are where the guesses came from.
		c.Want(200, "POST", "/auth/login", right, from("192.0.2.2"))
		c.Want(200, "POST", "/auth/login", credentials(w.Head.Phone, world.Password), from("192.0.2.1"))

		w.Clock.Advance(15*time.Minute - time.Second)
		c.Refused(429, "login_locked", "POST", "/auth/login", right, from("192.0.2.1"))
		w.Clock.Advance(time.Second)
		c.Want(200, "POST", "/auth/login", right, from("192.0.2.1"))
	})
}

func TestLoginForgivesAfterSuccess(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		c := w.Anonymous()
		for range 3 {
			for range 4 {
				c.Refused(401, "wrong_credentials", "POST", "/auth/login", credentials(w.Cadre.Phone, "a wrong password"))
			}
			c.Want(200, "POST", "/auth/login", credentials(w.Cadre.Phone, world.Password))
		}
		// Failures that lie a quarter of an hour back do not count.
		for range 2 {
			for range 4 {
				c.Refused(401, "wrong_credentials", "POST", "/auth/login", credentials(w.Cadre.Phone, "a wrong password"))
			}
			w.Clock.Advance(15 * time.Minute)
		}
		c.Want(200, "POST", "/auth/login", credentials(w.Cadre.Phone, world.Password))
	})
}

func TestLoginLocksNetworksOfOneParty(t *testing.T) {
	w := world.New(t)
	c := w.Anonymous()
	for i := range 5 {
		c.Refused(401, "wrong_credentials", "POST", "/auth/login", credentials(w.Cadre.Phone, "a wrong password"), from(fmt.Sprintf("2001:db8::%d", i+1)))
	}
	c.Refused(429, "login_locked", "POST", "/auth/login", credentials(w.Cadre.Phone, world.Password), from("2001:db8::99"))
	c.Want(200, "POST", "/auth/login", credentials(w.Cadre.Phone, world.Password), from("2001:db8:0:1::99"))
}

func TestLoginLocksAddress(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		c := w.Anonymous()
		for i := range 20 {
			u := w.AddUser(models.User{Phone: fmt.Sprintf("139000000%02d", i), Roles: []models.Role{models.RoleWindow}})
			for range 5 {
				c.Refused(401, "wrong_credentials", "POST", "/auth/login", credentials(u.Phone, "a wrong password"), from("192.0.2.1"))
			}
		}
		c.Refused(429, "login_locked", "POST", "/auth/login", credentials(w.Cadre.Phone, world.Password), from("192.0.2.1"))
		c.Want(200, "POST", "/auth/login", credentials(w.Cadre.Phone, world.Password), from("192.0.2.2"))
	})
}

func TestBurstOfGuesses(t *testing.T) {
	world.EachDatabase(t, func(t *testing.T, w *world.World) {
		c := w.Anonymous()
		var wait sync.WaitGroup
		var mu sync.Mutex
		seen := map[int]int{}
		for range 30 {
			wait.Go(func() {
				a, err := c.Try("POST", "/auth/login", credentials(w.Cadre.Phone, "a wrong password"))
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				seen[a.Status]++
			})
		}
		wait.Wait()
		if seen[401] != 5 || seen[429] != 25 {
			t.Errorf("answers: %v", seen)
		}
	})
}

func TestLoginDoesNotTellWhoHasAnAccount(t *testing.T) {
	w := world.New(t)
	known := w.Anonymous().Refused(401, "wrong_credentials", "POST", "/auth/login", credentials(w.Cadre.Phone, "a wrong password"), "X-Request-Id: same")
	unknown := w.Anonymous().Refused(401, "wrong_credentials", "POST", "/auth/login", credentials("13999999999", "a wrong password"), "X-Request-Id: same")
	same(t, "the body", string(unknown.Body), string(known.Body))
	names := func(a world.Answer) []string { return slices.Sorted(maps.Keys(a.Header)) }
	same(t, "the headers", names(unknown), names(known))
	// The locks do not tell either.
	for range 4 {
		w.Anonymous().Refused(401, "wrong_credentials", "POST", "/auth/login", credentials("13999999999", "a wrong password"))
	}
	w.Anonymous().Refused(429, "login_locked", "POST", "/auth/login", credentials("13999999999", "a wrong password"))
}

func TestLoginChecksTheForm(t *testing.T) {
	w := world.New(t)
	for _, wrong := range []body{
		{"phone": "23800000001", "password": "x"},
		{"phone": "1380000000", "password": "x"},
		{"phone": "138000000011", "password": "x"},
		{"phone": w.Cadre.Phone, "password": ""},
		{"phone": w.Cadre.Phone},
		{"phone": w.Cadre.Phone, "password": "x", "role": "admin"},
		{"phone": w.Cadre.Phone, "password": "x", "device_id": "no id"},
	} {
		w.Anonymous().Refused(422, "validation_failed", "POST", "/auth/login", wrong)
	}
}

func TestStrangersSendSmallBodies(t *testing.T) {
	w := world.New(t)
	c := w.Anonymous()
	c.Refused(413, "body_too_large", "POST", "/auth/login", credentials(w.Cadre.Phone, strings.Repeat("a", 4<<10)))
	c.Refused(413, "body_too_large", "POST", "/auth/refresh", body{"refresh_token": strings.Repeat("a", 4<<10)})
}
