package api

import (
	"net/http"
	"strconv"
	"strings"

	"lianqi/models"
)

// ETag is how a version appears in the header ETag.
func ETag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// ETagIn is the ETag of a version in a state that changes by the passing of time alone. If-Match looks at the version.
func ETagIn(version int64, state string) string {
	return `"` + strconv.FormatInt(version, 10) + "-" + state + `"`
}

// IfMatch is embedded in the input of an operation that changes a record: the header says on which version the change
// is based.
type IfMatch struct {
	IfMatch string `header:"If-Match" doc:"The one ETag of the version that the change is based on; required. Weak ETags, lists and * match no version." example:"\"3\""`
}

// Version is the version that the change is based on. Errors: precondition_required when the header is missing;
// stale_version when it is no strong ETag of ours.
func (m IfMatch) Version() (int64, error) {
	if m.IfMatch == "" {
		return 0, models.ErrPreconditionRequired
	}
	text, ok := unquote(m.IfMatch)
	if !ok {
		return 0, models.ErrStaleVersion
	}
	text, _, _ = strings.Cut(text, "-") // what ETagIn adds
	version, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(version, 10) != text {
		return 0, models.ErrStaleVersion
	}
	return version, nil
}

// IfNoneMatch is embedded in the input of an operation that reads a record: a caller who has the version already gets
// 304. A handler then returns NotModified.
type IfNoneMatch struct {
	IfNoneMatch string `header:"If-None-Match" doc:"ETags of versions that the caller has already." example:"\"3\""`
}

// Matches tells whether the caller has this version already.
func (m IfNoneMatch) Matches(version int64) bool { return m.Has(ETag(version)) }

// Has tells whether the caller has what the ETag stands for already.
func (m IfNoneMatch) Has(etag string) bool {
	if m.IfNoneMatch == "" {
		return false
	}
	for tag := range strings.SplitSeq(m.IfNoneMatch, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
			return true
		}
	}
	return false
}

func unquote(tag string) (string, bool) {
	if len(tag) < 2 || tag[0] != '"' || tag[len(tag)-1] != '"' {
		return "", false
	}
	return tag[1 : len(tag)-1], true
}

// NotModified is returned by a handler as its error to answer 304 with the version's ETag.
func NotModified(version int64) error { return NotModifiedSince(ETag(version)) }

// NotModifiedSince is NotModified for an ETag of another form.
func NotModifiedSince(etag string) error { return &notModified{etag: etag} }

type notModified struct{ etag string }

func (*notModified) Error() string { return "not modified" }

func (*notModified) GetStatus() int { return http.StatusNotModified }

// GetHeaders tells the adapter what to send with the status; of its own it would lose the ETag.
func (n *notModified) GetHeaders() http.Header { return http.Header{"Etag": {n.etag}} }
