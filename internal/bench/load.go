//go:build linux

package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"lianqi/internal/product"
)

// server is one of the two that are compared, as the load sees it.
type server struct {
	*product.Process
	// tokens are those of the zone's cadres, in their order; leader is the main leader's.
	tokens []string
	leader string
}

// work is what one kind of load sends and the answer that counts.
type work struct {
	name   string
	status int
	// requests makes the sender of one connection: each call gives the next request.
	requests func(s *server, z *product.Zone, connection int) func() []byte
}

var works = []work{
	{"record a visit", http.StatusCreated, recordings},
	{"page of 20, a cadre", http.StatusOK, func(s *server, _ *product.Zone, connection int) func() []byte {
		return same(get(s.Address, "/api/v1/visits", s.tokens[connection%len(s.tokens)]))
	}},
	{"page of 20, main leader", http.StatusOK, func(s *server, _ *product.Zone, _ int) func() []byte {
		return same(get(s.Address, "/api/v1/visits", s.leader))
	}},
}

func same(request []byte) func() []byte { return func() []byte { return request } }

// description is about 200 characters, as a cadre types them.
var description = string(bytes.Repeat([]byte("企业反映近期夜间电压不稳，生产线多次停机，希望供电公司尽快派人现场检查并给出处理时限。"), 5))

// placeholders stand in a request where the ids of each visit and its problem go.
const (
	visitPlace   = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"
	problemPlace = "bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb"
)

// recordings sends visits of one cadre to the enterprises they serve, in turn, each new.
func recordings(s *server, z *product.Zone, connection int) func() []byte {
	who := connection % len(z.Cadres)
	cadre := z.Cadres[who]
	type prepared struct {
		request        []byte
		visit, problem int
	}
	list := make([]prepared, len(cadre.Enterprises))
	for i, e := range cadre.Enterprises {
		body, err := json.Marshal(submission{
			EnterpriseID: e, StartedAt: time.Now().Add(-time.Hour).UTC().Truncate(time.Second), Purpose: "routine",
			Remark: "生产正常，反映用电问题一个。", Participants: []string{"总经理", "生产部部长"}, PhotoIDs: []uuid.UUID{},
			Position: &position{Latitude: 26.4225, Longitude: 112.8595, AccuracyM: 12, CRS: "gcj02"},
			Problems: []heard{{ID: uuid.MustParse(problemPlace), Category: "power", Urgency: "normal", Title: "夜间电压不稳", Description: description}},
		})
		if err != nil {
			panic(err)
		}
		request := send(http.MethodPut, s.Address, "/api/v1/visits/"+visitPlace, s.tokens[who], body)
		list[i] = prepared{request, bytes.Index(request, []byte(visitPlace)), bytes.Index(request, []byte(problemPlace))}
	}
	turn := connection
	return func() []byte {
		p := list[turn%len(list)]
		turn++
		writeID(p.request[p.visit:])
		writeID(p.request[p.problem:])
		return p.request
	}
}

func writeID(place []byte) {
	id := uuid.Must(uuid.NewV7())
	hex.Encode(place, id[:4])
	hex.Encode(place[9:], id[4:6])
	hex.Encode(place[14:], id[6:8])
	hex.Encode(place[19:], id[8:10])
	hex.Encode(place[24:], id[10:])
}

// round is what was measured in one round.
type round struct {
	Rate      float64       `json:"per_second"`
	Median    time.Duration `json:"median_ns"`
	P99       time.Duration `json:"p99_ns"`
	Processor time.Duration `json:"processor_ns_per_request"`
}

// load sends work over some connections, each of which waits for its answer before it sends again, and counts what is
// begun in the seconds after the warm-up. Any other answer than the one that counts is an error.
func load(s *server, z *product.Zone, w work, connections int, warmUp, seconds time.Duration) (round, error) {
	begin := time.Now().Add(warmUp)
	end := begin.Add(seconds)
	taken := make([][]time.Duration, connections)
	errs := make([]error, connections)
	var senders sync.WaitGroup
	for i := range connections {
		senders.Go(func() { taken[i], errs[i] = keepSending(s, w, w.requests(s, z, i), begin, end) })
	}
	used, err := processorBetween(s.Pid(), begin, end)
	senders.Wait()
	if err := errors.Join(append(errs, err)...); err != nil {
		return round{}, fmt.Errorf("%s, %d connections: %w\n%s", w.name, connections, err, s.Log())
	}
	all := slices.Concat(taken...)
	if len(all) == 0 {
		return round{}, fmt.Errorf("%s, %d connections: no answer in time", w.name, connections)
	}
	slices.Sort(all)
	return round{
		Rate: float64(len(all)) / seconds.Seconds(), Median: all[len(all)/2], P99: all[len(all)*99/100],
		Processor: used / time.Duration(len(all)),
	}, nil
}

func keepSending(s *server, w work, next func() []byte, begin, end time.Time) ([]time.Duration, error) {
	c, err := dial(s.Address)
	if err != nil {
		return nil, err
	}
	defer c.close()
	taken := make([]time.Duration, 0, 1<<12)
	for now := time.Now(); now.Before(end); {
		status, body, err := c.do(next())
		if err != nil {
			return nil, err
		}
		if status != w.status {
			return nil, fmt.Errorf("status %d: %.300s", status, body)
		}
		then := time.Now()
		if !now.Before(begin) {
			taken = append(taken, then.Sub(now))
		}
		now = then
	}
	return taken, nil
}

// processorBetween is what the process uses of the processors between two moments that are to come.
func processorBetween(pid int, begin, end time.Time) (time.Duration, error) {
	<-time.After(time.Until(begin))
	before, err := processorTime(pid)
	if err != nil {
		return 0, err
	}
	<-time.After(time.Until(end))
	after, err := processorTime(pid)
	return after - before, err
}
