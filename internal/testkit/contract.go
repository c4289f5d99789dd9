// Package testkit holds what tests of several packages share.
package testkit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
)

// Contract holds HTTP exchanges against the spec, so that the spec cannot say one thing and the server do another.
// It is safe for concurrent use.
type Contract struct {
	mu        sync.Mutex // the validator states nothing about concurrent use
	validator validator.Validator
	raw       []string
}

// NewContract makes the contract from the spec. Requests to raw routes ("GET /healthz", "GET /docs/*") are let through
// unchecked.
func NewContract(spec []byte, raw ...string) (*Contract, error) {
	document, err := libopenapi.NewDocument(spec)
	if err != nil {
		return nil, fmt.Errorf("read the spec: %w", err)
	}
	v, errs := validator.NewValidator(document)
	if len(errs) > 0 {
		return nil, fmt.Errorf("build the validator: %w", errors.Join(errs...))
	}
	if ok, problems := v.ValidateDocument(); !ok {
		all := make([]error, len(problems))
		for i, p := range problems {
			all[i] = p
		}
		return nil, fmt.Errorf("the spec is no OpenAPI document: %w", errors.Join(all...))
	}
	return &Contract{validator: v, raw: raw}, nil
}

// Check fails the test when the exchange is not as the spec says: an unknown route, an undeclared status or media
// type, a body with missing, additional or ill-typed members, and, when the server accepted it, a request that the
// spec would not let a client send.
func (c *Contract) Check(t testing.TB, request *http.Request, requestBody []byte, response *http.Response, responseBody []byte) {
	t.Helper()
	if c.letThrough(request) {
		return
	}
	for _, violation := range c.violations(request, requestBody, response, responseBody) {
		t.Errorf("contract: %s %s answered %d: %s", request.Method, request.URL.Path, response.StatusCode, violation)
	}
}

func (c *Contract) letThrough(request *http.Request) bool {
	if request.Method == http.MethodOptions && request.Header.Get("Access-Control-Request-Method") != "" {
		return true
	}
	asked := request.Method + " " + request.URL.Path
	return slices.ContainsFunc(c.raw, func(route string) bool {
		prefix, open := strings.CutSuffix(route, "*")
		return route == asked || open && strings.HasPrefix(asked, prefix)
	})
}

func (c *Contract) violations(request *http.Request, requestBody []byte, response *http.Response, responseBody []byte) []string {
	asked := request.Clone(request.Context())
	asked.Body = io.NopCloser(bytes.NewReader(requestBody))
	answered := *response
	answered.Request = asked
	answered.Body = io.NopCloser(bytes.NewReader(responseBody))

	c.mu.Lock()
	defer c.mu.Unlock()
	var found []string
	_, problems := c.validator.ValidateHttpResponse(asked, &answered)
	for _, p := range problems {
		found = append(found, p.Error())
	}
	if response.StatusCode < 300 {
		_, problems = c.validator.ValidateHttpRequestSync(asked)
		for _, p := range problems {
			found = append(found, "the request is not in the spec: "+p.Error())
		}
	}
	if media := response.Header.Get("Content-Type"); len(responseBody) > 0 && media == "" {
		found = append(found, "the body has no media type")
	}
	return found
}

// Transport sends requests through next and checks each exchange. An event stream is checked without its events.
func (c *Contract) Transport(t testing.TB, next http.RoundTripper) http.RoundTripper {
	return &checkingTransport{t: t, contract: c, next: next}
}

type checkingTransport struct {
	t        testing.TB
	contract *Contract
	next     http.RoundTripper
}

func (r *checkingTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	var sent []byte
	if request.Body != nil {
		var err error
		if sent, err = io.ReadAll(request.Body); err != nil {
			return nil, err
		}
		if err = request.Body.Close(); err != nil {
			return nil, err
		}
		request = request.Clone(request.Context())
		request.Body = io.NopCloser(bytes.NewReader(sent))
	}
	response, err := r.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	var got []byte
	if !strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		got, err = io.ReadAll(response.Body)
		if closing := response.Body.Close(); err == nil {
			err = closing
		}
		if err != nil {
			return nil, err
		}
		response.Body = io.NopCloser(bytes.NewReader(got))
	}
	r.contract.Check(r.t, request, sent, response, got)
	return response, nil
}
