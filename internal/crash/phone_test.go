//go:build linux

package crash

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"lianqi/internal/product"
)

// sent is a visit that a phone has sent at least once.
type sent struct {
	id, enterprise string
	problems       []string
	// power are those of the problems that go to the power company.
	power        []string
	urgent       bool
	cadre        *product.Cadre
	body         []byte
	acknowledged bool
}

// phone records visits of one cadre, one after the other; what was not acknowledged it sends again.
type phone struct {
	cadre  *product.Cadre
	token  string
	random *rand.Rand
	http   *http.Client
	sent   []*sent
	// fault is an answer that should never come.
	fault error
}

// phones are several for each cadre.
func phones(s *site, perCadre int) []*phone {
	var list []*phone
	for i := range s.zone.Cadres {
		for range perCadre {
			list = append(list, &phone{cadre: &s.zone.Cadres[i], random: random(1000 + len(list)), http: newHTTP()})
		}
	}
	return list
}

func newHTTP() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}, Timeout: 30 * time.Second}
}

// logIn gives every phone a new token.
func logIn(t *testing.T, s *site, list []*phone) {
	t.Helper()
	tokens := map[string]string{}
	for _, p := range list {
		if tokens[p.cadre.Phone] == "" {
			tokens[p.cadre.Phone] = login(t, s, p.cadre.Person)
		}
		p.token = tokens[p.cadre.Phone]
	}
}

func login(t *testing.T, s *site, who product.Person) string {
	t.Helper()
	body := fmt.Sprintf(`{"phone":%q,"password":%q}`, who.Phone, product.Password)
	answer, err := http.Post("http://"+s.server.Address+"/api/v1/auth/login", "application/json", bytes.NewReader([]byte(body)))
	must(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(t, err)
	var tokens struct {
		Access string `json:"access_token"`
	}
	must(t, json.Unmarshal(text, &tokens))
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("login: %d %s", answer.StatusCode, text)
	}
	return tokens.Access
}

// visit is a new visit with up to three problems.
func (p *phone) visit() *sent {
	v := &sent{
		id: uuid.Must(uuid.NewV7()).String(), cadre: p.cadre,
		enterprise: p.cadre.Enterprises[p.random.IntN(len(p.cadre.Enterprises))].String(),
	}
	problems := []map[string]string{}
	for range p.random.IntN(4) {
		id, category, urgency := uuid.Must(uuid.NewV7()).String(), "power", "normal"
		if p.random.IntN(2) == 0 {
			category = "labour"
		} else {
			v.power = append(v.power, id)
		}
		if p.random.IntN(4) == 0 {
			urgency, v.urgent = "urgent", true
		}
		v.problems = append(v.problems, id)
		problems = append(problems, map[string]string{"id": id, "category": category, "urgency": urgency, "title": "问题", "description": "企业反映的问题"})
	}
	v.body, _ = json.Marshal(map[string]any{
		"enterprise_id": v.enterprise, "started_at": time.Now().Add(-time.Hour).UTC(), "purpose": "routine", "remark": "走访",
		"participants": []string{"总经理"}, "problems": problems,
	})
	p.sent = append(p.sent, v)
	return v
}

// send tells whether the visit was acknowledged. lost means that no answer came, or that it shall be sent again.
func (p *phone) send(address string, v *sent) (lost bool, err error) {
	request, err := http.NewRequest(http.MethodPut, "http://"+address+"/api/v1/visits/"+v.id, bytes.NewReader(v.body))
	if err != nil {
		return false, err
	}
	request.Header.Set("Authorization", "Bearer "+p.token)
	request.Header.Set("Content-Type", "application/json")
	answer, err := p.http.Do(request)
	if err != nil {
		return true, nil //nolint:nilerr // the phone has no signal, as far as it knows
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	switch {
	case err != nil, answer.StatusCode == http.StatusServiceUnavailable:
		return true, nil
	case answer.StatusCode != http.StatusCreated && answer.StatusCode != http.StatusOK:
		return false, fmt.Errorf("visit %s: %d %s", v.id, answer.StatusCode, text)
	}
	v.acknowledged = true
	return false, nil
}

// work sends again what was not acknowledged, then new visits, until the signal is lost or stop says so.
func (p *phone) work(address string, stop func() bool, acknowledged func()) {
	one := func(v *sent) bool {
		lost, err := p.send(address, v)
		if err != nil {
			p.fault = err
		}
		if lost || err != nil {
			return false
		}
		acknowledged()
		return true
	}
	for _, v := range p.sent {
		if !v.acknowledged && !one(v) {
			return
		}
	}
	for !stop() {
		if !one(p.visit()) {
			return
		}
	}
}

// workAll lets the phones work at once; the wait group ends with the last of them.
func workAll(list []*phone, address string, stop func() bool, acknowledged func()) *sync.WaitGroup {
	var working sync.WaitGroup
	for _, p := range list {
		p.http.CloseIdleConnections()
		working.Go(func() { p.work(address, stop, acknowledged) })
	}
	return &working
}

func faults(t *testing.T, list []*phone) {
	t.Helper()
	for _, p := range list {
		if p.fault != nil {
			t.Fatal(p.fault)
		}
	}
}
