package world

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"lianqi/api"
	"lianqi/models"
)

// Client is somebody with a phone.
type Client struct {
	world *World
	// Token and Refresh are the tokens of the last login or refresh; without a Token none is sent.
	Token, Refresh string
	// Headers are sent with every request, as "Name: value".
	Headers []string
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Anonymous is a client without a session.
func (w *World) Anonymous(headers ...string) *Client { return &Client{world: w, Headers: headers} }

// As is the client of a user, logged in at the first call.
func (w *World) As(u models.User) *Client {
	w.t.Helper()
	if w.clients[u.Phone] == nil {
		w.clients[u.Phone] = w.Login(u)
	}
	return w.clients[u.Phone]
}

// Login is a client with a new session of the user.
func (w *World) Login(u models.User, headers ...string) *Client {
	w.t.Helper()
	c := w.Anonymous(headers...)
	c.Keep(c.Want(http.StatusOK, http.MethodPost, "/auth/login", map[string]any{"phone": u.Phone, "password": Password}))
	return c
}

// On is the same session at another server.
func (c *Client) On(w *World) *Client {
	other := *c
	other.world = w
	return &other
}

// Keep takes over the tokens of an answer.
func (c *Client) Keep(a Answer) {
	c.Token, c.Refresh = a.Text("access_token"), a.Text("refresh_token")
}

// Do sends a request: the path is that of the spec, with or without a query; a body is encoded as JSON unless it is a
// string, which is sent as it is, or nil; headers are "Name: value".
func (c *Client) Do(method, path string, body any, headers ...string) Answer {
	c.world.t.Helper()
	a, err := c.Try(method, path, body, headers...)
	if err != nil {
		c.world.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

// Try is Do for goroutines of a test, which must not end it.
func (c *Client) Try(method, path string, body any, headers ...string) (Answer, error) {
	request, err := c.Request(context.Background(), method, path, body, headers...)
	if err != nil {
		return Answer{}, err
	}
	response, err := c.world.HTTP.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	got, err := io.ReadAll(response.Body)
	return Answer{response.StatusCode, response.Header, got}, err
}

// Request makes the request that Do sends.
func (c *Client) Request(ctx context.Context, method, path string, body any, headers ...string) (*http.Request, error) {
	var content io.Reader = http.NoBody
	switch b := body.(type) {
	case nil:
	case string:
		content = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.world.URL+api.Prefix+path, content)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	for _, h := range append(c.Headers[:len(c.Headers):len(c.Headers)], headers...) {
		name, value, _ := strings.Cut(h, ": ")
		request.Header.Set(name, value)
	}
	return request, nil
}

// Want is Do that fails the test unless the status is the one wanted.
func (c *Client) Want(status int, method, path string, body any, headers ...string) Answer {
	c.world.t.Helper()
	a := c.Do(method, path, body, headers...)
	if a.Status != status {
		c.world.t.Fatalf("%s %s answered %d, want %d: %s", method, path, a.Status, status, a.Body)
	}
	return a
}

// Refused is Want that also wants the code of the problem.
func (c *Client) Refused(status int, code, method, path string, body any, headers ...string) Answer {
	c.world.t.Helper()
	a := c.Want(status, method, path, body, headers...)
	if got := a.Text("code"); got != code {
		c.world.t.Fatalf("%s %s answered the code %q, want %q: %s", method, path, got, code, a.Body)
	}
	return a
}

// Member finds a member of the body, by names and indices: "items", 0, "id". It is nil when there is none.
func (a Answer) Member(path ...any) any {
	var at any
	if json.Unmarshal(a.Body, &at) != nil {
		return nil
	}
	for _, step := range path {
		switch s := step.(type) {
		case string:
			object, _ := at.(map[string]any)
			at = object[s]
		case int:
			list, _ := at.([]any)
			if s >= len(list) {
				return nil
			}
			at = list[s]
		}
	}
	return at
}

// Text is a member as text, empty when there is none.
func (a Answer) Text(path ...any) string {
	switch v := a.Member(path...).(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

// List is a member that is a list, nil when there is none.
func (a Answer) List(path ...any) []any {
	list, _ := a.Member(path...).([]any)
	return list
}
