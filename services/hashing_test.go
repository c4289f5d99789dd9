package services

import (
	"context"
	"testing"

	"github.com/alexedwards/argon2id"
)

// An answer that came sooner for an account that does not exist would tell that it does not.
func TestUnknownAccountCostsTheSameHash(t *testing.T) {
	params, salt, key, err := argon2id.DecodeHash(nobody)
	if err != nil {
		t.Fatal(err)
	}
	if params.Memory != hashCost.Memory || params.Iterations != hashCost.Iterations || params.Parallelism != hashCost.Parallelism {
		t.Errorf("it is checked with %+v, a known one with %+v", *params, *hashCost)
	}
	if len(salt) != int(hashCost.SaltLength) || len(key) != int(hashCost.KeyLength) {
		t.Errorf("salt and key have %d and %d bytes", len(salt), len(key))
	}
	h := newHashing()
	mine, err := h.hash(context.Background(), "right")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		password     string
		known, match bool
	}{{"right", true, true}, {"wrong", true, false}, {"right", false, false}} {
		if match, err := h.matches(context.Background(), c.password, mine, c.known); err != nil || match != c.match {
			t.Errorf("%+v: %v %v", c, match, err)
		}
	}
}
