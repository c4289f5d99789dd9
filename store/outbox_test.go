package store

import (
	"errors"
	"slices"
	"testing"
	"time"

	"lianqi/models"
)

const minute = time.Minute

// told are the users who have a notification about the subject.
func (db opened) told(t *testing.T, subject models.ID) (users []models.ID) {
	t.Helper()
	must(t, db.read().all(&users, "SELECT user_id FROM notifications WHERE subject_id = ? ORDER BY user_id", subject))
	return users
}

func TestEverybodyIsToldOnce(t *testing.T) {
	eachDB(t, func(t *testing.T, db opened) {
		z := db.zone(t, 1, 2)
		d := z.departments[0]
		// One person holds every post there is, and one of the posts is held by whoever caused it.
		all := db.user(t, models.User{ID: number(130), Phone: "13800000130", Roles: []models.Role{models.RoleManager, models.RoleDispatcher}, MainLeader: true})
		d.HeadID, d.LeaderID, d.Version = &all.ID, &z.cadres[0].ID, 2
		gone := z.dispatcher
		gone.Active, gone.Version = false, 2
		db.write(t, func(tx *Tx) error {
			if err := tx.UpdateUser(gone); err != nil {
				return err
			}
			return tx.UpdateDepartment(d)
		})
		notice := models.Notice{
			Kind: models.NoticeVisitRecorded, Subject: models.Subject{Type: "visit", ID: number(77)},
			Audience: models.Audience{
				Users: []models.ID{all.ID, z.cadres[1].ID}, HeadOf: &d.ID, LeaderOf: &d.ID, Dispatchers: true, MainLeaders: true, ExceptUserID: z.cadres[0].ID,
			},
		}
		want := []models.ID{z.mainLeader.ID, all.ID, z.cadres[1].ID}
		db.write(t, func(tx *Tx) error {
			return errors.Join(tx.Notify(notice), tx.Notify(notice))
		})
		db.write(t, func(tx *Tx) error { return tx.Notify(notice) })
		if told := db.told(t, number(77)); !slices.Equal(told, want) {
			t.Fatalf("told %v, not %v", told, want)
		}
		list, _, err := db.read().Notifications(models.Scope{UserID: all.ID}, false, models.Page{Limit: 10})
		must(t, err)
		if len(list) != 1 || list[0].Subject.ID != number(77) {
			t.Fatal(list)
		}
		heads, err := db.read().Heads([]models.Stream{models.UserStream(all.ID), models.UserStream(gone.ID)})
		must(t, err)
		changes, err := db.read().ChangesAfter(models.UserStream(all.ID), 0, heads[models.UserStream(all.ID)], 100)
		must(t, err)
		count := 0
		for _, c := range changes {
			if c.Kind == models.KindNotification {
				count++
			}
		}
		if count != 1 {
			t.Fatal(changes)
		}
	})
}

func TestTellingMoreTellsTheRest(t *testing.T) {
	eachDB(t, func(t *testing.T, db opened) {
		z := db.zone(t, 1, 3)
		notice := models.Notice{Kind: "k", Subject: models.Subject{Type: "visit", ID: number(77)}}
		for n := 1; n <= 3; n++ {
			notice.Audience.Users = nil
			for _, c := range z.cadres[:n] {
				notice.Audience.Users = append(notice.Audience.Users, c.ID)
			}
			db.write(t, func(tx *Tx) error { return tx.Notify(notice) })
			if told := db.told(t, number(77)); len(told) != n {
				t.Fatalf("%d told, not %d", len(told), n)
			}
		}
	})
}

// withDeliveries tells two users with three phones between them about one visit.
func withDeliveries(t *testing.T, db opened) zone {
	t.Helper()
	z := db.zone(t, 1, 2)
	for i, owner := range []int{0, 0, 1} {
		d := models.Device{ID: number(600 + i), UserID: z.cadres[owner].ID, Platform: "android", Provider: "fcm", PushToken: string(rune('a' + i)), UpdatedAt: db.Now()}
		db.write(t, func(tx *Tx) error { return tx.PutDevice(d) })
	}
	db.write(t, func(tx *Tx) error {
		return tx.Notify(models.Notice{
			Kind: models.NoticeVisitRecorded, Subject: models.Subject{Type: "visit", ID: number(77)}, Params: map[string]string{"enterprise": "纸业"},
			Audience: models.Audience{Users: []models.ID{z.cadres[0].ID, z.cadres[1].ID}},
		})
	})
	return z
}

func (db opened) claim(t *testing.T, owner string, limit int) (claimed []Delivery) {
	t.Helper()
	db.write(t, func(tx *Tx) (err error) {
		claimed, err = tx.ClaimDeliveries(owner, minute, limit)
		return err
	})
	return claimed
}

func TestClaimsOfTwoWorkers(t *testing.T) {
	eachDB(t, func(t *testing.T, db opened) {
		withDeliveries(t, db)
		first := db.claim(t, "first", 2)
		second := db.claim(t, "second", 10)
		if len(first) != 2 || len(second) != 1 || len(db.claim(t, "third", 10)) != 0 {
			t.Fatal(len(first), len(second))
		}
		for _, d := range append(slices.Clone(first), second...) {
			if d.Device.PushToken == "" || d.Notification.Params["enterprise"] != "纸业" || d.Attempts != 1 || d.Language != "zh-CN" || d.Device.UserID != d.Notification.UserID {
				t.Errorf("%+v", d)
			}
		}
		db.write(t, func(tx *Tx) error { return tx.Delivered("second", second[0].ID) })
		// The first worker dies; whoever comes after the lease gets its claims, and only those.
		db.clock.forward(2 * minute)
		third := db.claim(t, "third", 10)
		if len(third) != 2 || third[0].Attempts != 2 {
			t.Fatal(third)
		}
		for name, late := range map[string]func(tx *Tx) error{
			"delivered":       func(tx *Tx) error { return tx.Delivered("first", first[0].ID) },
			"deliver later":   func(tx *Tx) error { return tx.DeliverLater("first", first[0].ID, ptr(tx.Now()), "late") },
			"given up":        func(tx *Tx) error { return tx.DeliverLater("first", first[0].ID, nil, "late") },
			"delivered twice": func(tx *Tx) error { return tx.Delivered("second", second[0].ID) },
		} {
			if err := db.Write(t.Context(), late); !errors.Is(err, models.ErrNotFound) {
				t.Errorf("%s after the lease: %v", name, err)
			}
		}
		db.write(t, func(tx *Tx) error {
			return errors.Join(tx.DeliverLater("third", third[0].ID, ptr(tx.Now().Add(minute)), "busy"), tx.DeliverLater("third", third[1].ID, nil, "token is gone"))
		})
		if len(db.claim(t, "fourth", 10)) != 0 {
			t.Fatal("claimed before it is due")
		}
		db.clock.forward(minute)
		if last := db.claim(t, "fourth", 10); len(last) != 1 || last[0].ID != third[0].ID || last[0].Attempts != 3 {
			t.Fatal(last)
		}
	})
}

func TestPhoneThatChangedHandsIsNotTold(t *testing.T) {
	eachDB(t, func(t *testing.T, db opened) {
		z := withDeliveries(t, db)
		db.write(t, func(tx *Tx) error {
			// The second cadre logs in on a phone of the first.
			return tx.PutDevice(models.Device{ID: number(700), UserID: z.cadres[1].ID, Platform: "android", Provider: "fcm", PushToken: "a", UpdatedAt: tx.Now()})
		})
		for _, d := range db.claim(t, "worker", 10) {
			if d.Device.PushToken == "a" && d.Notification.UserID == z.cadres[0].ID {
				t.Fatal("the new owner of the phone gets the old owner's message")
			}
		}
	})
}
