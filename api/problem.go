package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"lianqi/middleware"
	"lianqi/models"
)

// Codes of the kit's own, beside those of the models.
const (
	codeMalformedBody        = "malformed_body"
	codeBodyRequired         = "body_required"
	codeBodyTooLarge         = "body_too_large"
	codeBodyTimeout          = "body_timeout"
	codeUnsupportedMediaType = "unsupported_media_type"
	codeMethodNotAllowed     = "method_not_allowed"
	codeClientOutdated       = "client_outdated"
	codeClientGone           = "client_gone"
	codeValidationFailed     = "validation_failed"
)

// statusClientGone is what the log shows when the caller left before the answer; nobody receives it.
const statusClientGone = 499

const problemMediaType = "application/problem+json"

// Problem is the body of every answer that is not a success (RFC 9457).
type Problem struct {
	Type      string         `json:"type" format:"uri" doc:"A URI that stands for the code." example:"urn:lianqi:problem:not_found"`
	Title     string         `json:"title" doc:"What happened, in the language asked for."`
	Status    int            `json:"status" doc:"The HTTP status."`
	Detail    string         `json:"detail" doc:"What can be done about it, in the language asked for."`
	Code      string         `json:"code" pattern:"^[a-z][a-z0-9_]*$" doc:"Stable name of the problem, for programs." example:"not_found"`
	RequestID string         `json:"request_id" doc:"Names the request in the log of the server."`
	Errors    []FieldProblem `json:"errors,omitempty" doc:"What is wrong with which member of the request."`
	Current   any            `json:"current,omitempty" doc:"The stored record that the request contradicts."`
	Download  string         `json:"download,omitempty" doc:"Where a newer client is to be had."`
}

// FieldProblem is what is wrong with one member of a request.
type FieldProblem struct {
	Location string `json:"location" doc:"The member, as in body.problems[0].title." example:"body.name"`
	Code     string `json:"code" pattern:"^[a-z][a-z0-9_]*$" doc:"Stable name of what is wrong, for programs." example:"max_length"`
	Message  string `json:"message" doc:"The same, in the language asked for."`
}

func (p *Problem) Error() string { return p.Code }

// GetStatus tells the adapter the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType tells the adapter the media type.
func (p *Problem) ContentType(string) string { return problemMediaType }

// statusOf maps each kind of error to its HTTP status.
func statusOf(kind models.Kind, conditional bool) int {
	switch kind {
	case models.KindInvalid:
		return http.StatusUnprocessableEntity
	case models.KindUnauthenticated:
		return http.StatusUnauthorized
	case models.KindForbidden:
		return http.StatusForbidden
	case models.KindNotFound:
		return http.StatusNotFound
	case models.KindConflict:
		return http.StatusConflict
	case models.KindStale:
		if conditional {
			return http.StatusPreconditionFailed
		}
		return http.StatusConflict
	case models.KindPreconditionRequired:
		return http.StatusPreconditionRequired
	case models.KindThrottled:
		return http.StatusTooManyRequests
	case models.KindUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// fail turns an error of a handler into what the adapter sends.
func (x *exchange) fail(ctx context.Context, err error) error {
	var unchanged *notModified
	if errors.As(err, &unchanged) {
		return unchanged
	}
	var problem *Problem
	if errors.As(err, &problem) {
		return problem
	}
	return x.problemOf(ctx, err)
}

// problemOf makes the problem for an error, with its headers, and logs the cause when it is ours.
func (x *exchange) problemOf(ctx context.Context, err error) *Problem {
	e := models.AsError(err)
	if e.Kind == models.KindInternal {
		switch {
		case errors.Is(err, context.Canceled) && x.gin.Request.Context().Err() != nil:
			return x.problem(codeClientGone, statusClientGone)
		case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
			e = models.ErrUnavailable.Because(err)
		}
	}
	status := statusOf(e.Kind, x.op != nil && x.op.conditional)
	if status >= http.StatusInternalServerError {
		x.log(ctx, e, err)
	}
	header := x.gin.Writer.Header()
	if e.RetryAfter > 0 || e.Kind == models.KindThrottled || e.Kind == models.KindUnavailable {
		header.Set("Retry-After", seconds(e.RetryAfter))
	}
	if status == http.StatusUnauthorized {
		challenge := `Bearer realm="lianqi"`
		if x.gin.GetHeader("Authorization") != "" {
			challenge += `, error="invalid_token"`
		}
		header.Set("WWW-Authenticate", challenge)
	}
	p := x.problem(e.Code, status)
	p.Current = e.Current
	for _, f := range e.Fields {
		p.Errors = append(p.Errors, FieldProblem{Location: f.Location, Code: f.Code, Message: fieldText(f.Code, nil, x.language())})
	}
	return p
}

func (x *exchange) log(ctx context.Context, e *models.Error, err error) {
	level := slog.LevelError
	if e.Kind == models.KindUnavailable {
		level = slog.LevelWarn
	}
	operation := ""
	if x.op != nil {
		operation = x.op.ID
	}
	x.api.options.Log.LogAttrs(ctx, level, "request failed",
		slog.String("code", e.Code),
		slog.String("operation", operation),
		slog.String("request_id", middleware.FactsOf(x.gin).RequestID),
		slog.Any("error", err),
	)
}

// problem makes the problem for a code in the language of the caller and sets the headers that go with it.
func (x *exchange) problem(code string, status int) *Problem {
	lang := x.language()
	header := x.gin.Writer.Header()
	header.Set("Content-Language", lang.tag())
	if !strings.Contains(header.Get("Vary"), "Accept-Language") {
		header.Add("Vary", "Accept-Language")
	}
	text := problemText(code, status)
	p := &Problem{
		Type:      "urn:lianqi:problem:" + code,
		Title:     text.title.in(lang),
		Status:    status,
		Detail:    text.detail.in(lang),
		Code:      code,
		RequestID: middleware.FactsOf(x.gin).RequestID,
	}
	if code == codeClientOutdated {
		p.Download = x.api.options.ClientDownload
	}
	return p
}

func (x *exchange) language() language { return languageOf(x.gin.GetHeader("Accept-Language")) }

// write sends the problem for a code; nothing comes after it.
func (x *exchange) write(code string, status int) { x.send(x.problem(code, status)) }

// writeError sends the problem for an error; nothing comes after it.
func (x *exchange) writeError(ctx context.Context, err error) { x.send(x.problemOf(ctx, err)) }

func (x *exchange) send(p *Problem) {
	header := x.gin.Writer.Header()
	header.Set("Content-Type", problemMediaType)
	x.gin.Status(p.Status)
	x.gin.Abort()
	if x.gin.Request.Method == http.MethodHead {
		// Where nothing is written, the router writes its own text with its own media type.
		x.gin.Writer.WriteHeaderNow()
		return
	}
	if err := encode(x.gin.Writer, p); err != nil {
		x.api.options.Log.Debug("answer not sent", "error", err)
	}
}
