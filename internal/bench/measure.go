//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"lianqi/internal/product"
)

// measured is everything that was measured on one database.
type measured struct {
	Database string        `json:"database"`
	Start    time.Duration `json:"first_answer_ns"`
	// Resident memory of the product in MiB: when it has answered once, five seconds later, at most while everybody
	// logs in at once, and at most under the load that is measured.
	Memory struct{ First, Idle, Login, Load float64 } `json:"memory_mib"`
	Lines  []line                                     `json:"lines"`
}

// line compares the two servers under one load.
type line struct {
	Work        string  `json:"work"`
	Connections int     `json:"connections"`
	Product     []round `json:"product"`
	Bare        []round `json:"bare"`
}

var connections = []int{16, 64}

// measure runs everything on one database.
func (b *bench) measure(d *database) (m measured, err error) {
	m.Database = d.title
	real, err := b.starts(d, &m)
	if err != nil {
		return m, err
	}
	defer real.Kill()
	bare, err := b.startBare(d)
	if err != nil {
		return m, err
	}
	defer bare.Kill()
	for _, w := range works {
		if !strings.Contains(w.name, b.only) {
			continue
		}
		for _, n := range connections {
			m.Lines = append(m.Lines, line{Work: w.name, Connections: n})
		}
	}
	for i := range b.rounds {
		b.progress("%s: round %d of %d", d.title, i+1, b.rounds)
		// Access tokens are good for a quarter of an hour.
		if err := atPeak(real, &m.Memory.Login, func() error { return real.login(&d.zone) }); err != nil {
			return m, err
		}
		if err := atPeak(real, &m.Memory.Load, func() error { return b.round(d, real, bare, m.Lines) }); err != nil {
			return m, err
		}
	}
	return m, nil
}

// atPeak raises the highest to what the server's memory was at most meanwhile.
func atPeak(s *server, highest *float64, meanwhile func() error) error {
	if err := forgetPeak(s.Pid()); err != nil {
		return err
	}
	if err := meanwhile(); err != nil {
		return err
	}
	_, peak, err := memory(s.Pid())
	*highest = max(*highest, peak)
	return err
}

// round measures every line once, on one server after the other.
func (b *bench) round(d *database, real, bare *server, lines []line) error {
	for i := range lines {
		l := &lines[i]
		w := works[slices.IndexFunc(works, func(w work) bool { return w.name == l.Work })]
		r, err := load(real, &d.zone, w, l.Connections, b.warmUp, b.seconds)
		if err != nil {
			return fmt.Errorf("the product: %w", err)
		}
		l.Product = append(l.Product, r)
		if r, err = load(bare, &d.zone, w, l.Connections, b.warmUp, b.seconds); err != nil {
			return fmt.Errorf("the bare server: %w", err)
		}
		l.Bare = append(l.Bare, r)
	}
	return nil
}

// starts starts the product a few times on the database that exists, and measures when it answers a caller who is
// logged in, and the memory of the last one, which goes on running.
func (b *bench) starts(d *database, m *measured) (*server, error) {
	const times = 5
	var taken []time.Duration
	token := ""
	for i := range times + 1 {
		begin := time.Now()
		p, err := product.Serve(b.program, d.dir, d.url, b.settings...)
		if err != nil {
			return nil, err
		}
		s := &server{Process: p}
		if i == 0 {
			// The first start only serves to log in.
			token, err = s.loginAs(d.zone.Cadres[0].Person)
		} else {
			err = s.answers(token)
			taken = append(taken, time.Since(begin))
		}
		if err != nil {
			p.Kill()
			return nil, err
		}
		if i < times {
			if err := p.Stop(); err != nil {
				return nil, err
			}
			continue
		}
		slices.Sort(taken)
		m.Start = taken[times/2]
		return s, b.idle(s, m)
	}
	return nil, nil
}

// idle reads the memory of a server that has nothing to do.
func (b *bench) idle(s *server, m *measured) (err error) {
	if m.Memory.First, _, err = memory(s.Pid()); err != nil {
		return err
	}
	<-time.After(5 * time.Second)
	m.Memory.Idle, _, err = memory(s.Pid())
	return err
}

func (s *server) answers(token string) error {
	c, err := dial(s.Address)
	if err != nil {
		return err
	}
	defer c.close()
	status, body, err := c.do(get(s.Address, "/api/v1/visits", token))
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d: %.300s", status, body)
	}
	return err
}

// loginAs is a new session's access token.
func (s *server) loginAs(p product.Person) (string, error) {
	c, err := dial(s.Address)
	if err != nil {
		return "", err
	}
	defer c.close()
	request := send(http.MethodPost, s.Address, "/api/v1/auth/login", "", fmt.Appendf(nil, `{"phone":%q,"password":%q}`, p.Phone, product.Password))
	status, body, err := c.do(request)
	for tries := 1; status == http.StatusServiceUnavailable && tries < 10; tries++ {
		// A server that is too busy has kept the request waiting and asks for it again.
		status, body, err = c.do(request)
	}
	if err != nil {
		return "", err
	}
	var tokens struct {
		Access string `json:"access_token"`
	}
	if err := json.Unmarshal(body, &tokens); err != nil || status != http.StatusOK {
		return "", fmt.Errorf("login: status %d: %.300s", status, body)
	}
	return tokens.Access, nil
}

// login logs everybody in who sends requests.
func (s *server) login(z *product.Zone) (err error) {
	s.tokens = make([]string, len(z.Cadres))
	errs := make([]error, len(z.Cadres))
	var all sync.WaitGroup
	for i, c := range z.Cadres {
		all.Go(func() { s.tokens[i], errs[i] = s.loginAs(c.Person) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	s.leader, err = s.loginAs(z.Leader)
	return err
}

// startBare starts the bare server, which is this program with other flags.
func (b *bench) startBare(d *database) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	address, err := product.FreeAddress()
	if err != nil {
		return nil, err
	}
	secret := newID().String()
	p, err := product.Start(address, nil, self, "-bare="+d.driver, "-dsn="+d.bare, "-listen="+address, "-secret="+secret)
	if err != nil {
		return nil, err
	}
	s := &server{Process: p, leader: bareToken(secret, d.zone.Leader.ID.String())}
	for _, c := range d.zone.Cadres {
		s.tokens = append(s.tokens, bareToken(secret, c.ID.String()))
	}
	return s, nil
}
