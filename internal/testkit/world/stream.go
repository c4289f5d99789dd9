package world

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"time"
)

// patience is how long a test waits for what must come, on a slow machine.
const patience = 20 * time.Second

// Stream is an open event stream. Its methods fail the test when what they wait for does not come.
type Stream struct {
	world *World
	close func()
	lines chan string
}

// Event is one event of a stream.
type Event struct{ ID, Name, Data string }

// Stream opens the stream at path and waits for its first comment.
func (c *Client) Stream(path string, headers ...string) *Stream {
	c.world.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	request, err := c.Request(ctx, http.MethodGet, path, nil, headers...)
	if err != nil {
		c.world.t.Fatal(err)
	}
	response, err := c.world.HTTP.Do(request)
	if err != nil {
		c.world.t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		c.world.t.Fatalf("stream answered %d: %s", response.StatusCode, text)
	}
	ended := make(chan struct{})
	s := &Stream{world: c.world, lines: make(chan string, 1024)}
	s.close = func() {
		cancel()
		<-ended
	}
	go func() {
		defer close(ended)
		defer close(s.lines)
		defer func() { _ = response.Body.Close() }()
		for text := bufio.NewScanner(response.Body); text.Scan(); {
			s.lines <- text.Text()
		}
	}()
	c.world.t.Cleanup(s.close)
	if line, ok := s.line(); !ok || !strings.HasPrefix(line, ":") {
		c.world.t.Fatalf("the stream begins with %q", line)
	}
	return s
}

// Close leaves the stream.
func (s *Stream) Close() { s.close() }

// Next waits for the next event.
func (s *Stream) Next() Event {
	s.world.t.Helper()
	var e Event
	for {
		line, ok := s.line()
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case !ok:
			s.world.t.Fatal("the stream ended before the next event")
		case name == "id":
			e.ID = value
		case name == "event":
			e.Name = value
		case name == "data":
			e.Data = value
		case line == "" && e != Event{}:
			return e
		}
	}
}

// Ping waits until the stream shows that it is alive; it fails the test when an event comes before.
func (s *Stream) Ping() {
	s.world.t.Helper()
	for {
		line, ok := s.line()
		if line == ": ping" {
			return
		}
		if !ok || line != "" {
			s.world.t.Fatalf("the stream did not ping but said %q", line)
		}
	}
}

// End waits for the end of the stream; it fails the test when an event comes before.
func (s *Stream) End() {
	s.world.t.Helper()
	for {
		line, ok := s.line()
		if !ok {
			return
		}
		if line != "" && !strings.HasPrefix(line, ":") {
			s.world.t.Fatalf("the stream did not end but said %q", line)
		}
	}
}

func (s *Stream) line() (line string, ok bool) {
	s.world.t.Helper()
	select {
	case line, ok = <-s.lines:
		return line, ok
	case <-time.After(patience):
		s.world.t.Fatal("nothing came on the stream")
		return "", false
	}
}
