package models_test

import (
	"testing"

	"github.com/google/uuid"

	"lianqi/models"
)

// TestJudge follows one session through its refresh tokens.
func TestJudge(t *testing.T) {
	key := models.SigningKey{ID: 7, Secret: []byte("a secret of the server, 32 bytes")}
	first := models.NewRefreshToken(key, uuid.Must(uuid.NewV7()), [32]byte{1})
	second := first.Successor(key)
	third := second.Successor(key)
	session := models.Session{ID: first.SessionID, Generation: 1, RefreshHash: second.Hash(), PreviousHash: first.Hash()}
	for name, c := range map[string]struct {
		token models.RefreshToken
		want  models.Presented
	}{
		"the current one":                       {second, models.PresentedCurrent},
		"the one before, whose answer was lost": {first, models.PresentedAgain},
		"one from before a backup was restored": {third, models.PresentedCurrent},
	} {
		if got := session.Judge(c.token); got != c.want {
			t.Errorf("%s is judged %d, want %d", name, got, c.want)
		}
	}
	session = models.Session{ID: first.SessionID, Generation: 2, RefreshHash: third.Hash(), PreviousHash: second.Hash()}
	if got := session.Judge(first); got != models.PresentedReused {
		t.Errorf("one from before the last is judged %d, want %d", got, models.PresentedReused)
	}
}

func TestRefreshTokenRoundTrip(t *testing.T) {
	key := models.SigningKey{ID: 7, Secret: []byte("a secret of the server, 32 bytes")}
	token := models.NewRefreshToken(key, uuid.Must(uuid.NewV7()), [32]byte{1}).Successor(key)
	read, ok := models.ParseRefreshToken(token.String())
	if !ok || read != token || !read.Authentic(key) {
		t.Errorf("%v is read as %v, %v", token, read, ok)
	}
	read.Generation++
	if read.Authentic(key) {
		t.Error("a token with another generation passes for ours")
	}
}
