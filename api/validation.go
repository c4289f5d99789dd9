package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"lianqi/models"
)

// The adapter validates; what it says about it is a key with parameters ("min_length|8"), from which the kit makes the
// code and the text. The parameters come from the spec, never from the request.
const (
	keyUnknownField = "unknown_field"
	keyRequired     = "required"
	keyDependent    = "required_with"
	keyMismatch     = "wrong_type"
	keyInvalidValue = "invalid_value"
	keyNoMatch      = "no_match"
	keyPattern      = "pattern"
	keyTooMuch      = "too_much"
	fieldNotNull    = "not_null"
	fieldNotUnique  = "not_unique"
	fieldOutOfRange = "out_of_range"
	fieldQuery      = "malformed_query"
	fieldTooMany    = "too_many_values"
	fieldUnreadable = "invalid_text"
	fieldUUID       = "invalid_uuid"
)

// mostFieldProblems bounds an answer, whatever the request contained.
const mostFieldProblems = 50

// configureOnce sets the adapter's package variables, before the first registration.
var configureOnce = sync.OnceFunc(func() {
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false
	huma.ErrorFormatter = formatKey
	huma.NewError = func(status int, _ string, _ ...error) huma.StatusError {
		code := codeByStatus(status)
		text := problemText(code, status)
		return &Problem{
			Type: "urn:lianqi:problem:" + code, Title: text.title.zh, Status: status, Detail: text.detail.zh, Code: code,
		}
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
		x := exchangeOf(ctx.Context())
		if x == nil {
			return huma.NewError(status, message)
		}
		return x.adapterProblem(ctx.Context(), status, message, errs)
	}
	setKeys()
})

// setKeys replaces the adapter's English messages by keys. Templates without a verb drop arguments that may contain
// what was sent.
func setKeys() {
	for target, key := range map[*string]string{
		&validation.MsgUnexpectedProperty:                 keyUnknownField,
		&validation.MsgExpectedRFC3339DateTime:            "invalid_date_time",
		&validation.MsgExpectedRFC1123DateTime:            "invalid_date_time",
		&validation.MsgExpectedRFC3339Date:                "invalid_date",
		&validation.MsgExpectedRFC3339Time:                "invalid_time",
		&validation.MsgExpectedRFC5322Email:               "invalid_email",
		&validation.MsgExpectedRFC5322EmailBare:           "invalid_email",
		&validation.MsgExpectedRFC5890Hostname:            "invalid_format",
		&validation.MsgExpectedRFC2673IPv4:                "invalid_format",
		&validation.MsgExpectedRFC2373IPv6:                "invalid_format",
		&validation.MsgExpectedRFCIPAddr:                  "invalid_format",
		&validation.MsgExpectedRFC3986URI:                 "invalid_uri",
		&validation.MsgExpectedRFC3986AbsoluteURI:         "invalid_uri",
		&validation.MsgExpectedRFC4122UUID:                fieldUUID,
		&validation.MsgExpectedRFC6570URITemplate:         "invalid_format",
		&validation.MsgExpectedRFC6901JSONPointer:         "invalid_format",
		&validation.MsgExpectedRFC6901RelativeJSONPointer: "invalid_format",
		&validation.MsgExpectedRegexp:                     "invalid_format",
		&validation.MsgExpectedMatchAtLeastOneSchema:      keyNoMatch,
		&validation.MsgExpectedMatchExactlyOneSchema:      keyNoMatch,
		&validation.MsgExpectedNotMatchSchema:             keyNoMatch,
		&validation.MsgExpectedPropertyNameInObject:       "required",
		&validation.MsgExpectedBoolean:                    "expected_boolean",
		&validation.MsgExpectedDuration:                   "invalid_format",
		&validation.MsgExpectedNumber:                     "expected_number",
		&validation.MsgExpectedInteger:                    "expected_integer",
		&validation.MsgExpectedString:                     "expected_string",
		&validation.MsgExpectedBase64String:               "invalid_base64",
		&validation.MsgExpectedArray:                      "expected_array",
		&validation.MsgExpectedObject:                     "expected_object",
		&validation.MsgExpectedArrayItemsUnique:           fieldNotUnique,
		&validation.MsgExpectedOneOf:                      "one_of|%v",
		&validation.MsgExpectedConst:                      "one_of|%v",
		&validation.MsgExpectedMinimumNumber:              "minimum|%v",
		&validation.MsgExpectedExclusiveMinimumNumber:     "exclusive_minimum|%v",
		&validation.MsgExpectedMaximumNumber:              "maximum|%v",
		&validation.MsgExpectedExclusiveMaximumNumber:     "exclusive_maximum|%v",
		&validation.MsgExpectedNumberBeMultipleOf:         "multiple_of|%v",
		&validation.MsgExpectedMinLength:                  "min_length|%v",
		&validation.MsgExpectedMaxLength:                  "max_length|%v",
		&validation.MsgExpectedBePattern:                  keyPattern,
		&validation.MsgExpectedMatchPattern:               keyPattern + "|%s",
		&validation.MsgExpectedMinItems:                   "min_items|%v",
		&validation.MsgExpectedMaxItems:                   "max_items|%v",
		&validation.MsgExpectedMinProperties:              "min_properties|%v",
		&validation.MsgExpectedMaxProperties:              "max_properties|%v",
		&validation.MsgExpectedRequiredProperty:           keyRequired + "|%v",
		&validation.MsgExpectedDependentRequiredProperty:  keyDependent + "|%v|%v",
		&validation.MsgExpectedResolvableSchemaRef:        keyNoMatch + "|%s",
	} {
		*target = key
	}
}

func formatKey(format string, args ...any) string {
	if !strings.Contains(format, "%") {
		return format
	}
	for i, arg := range args {
		if number, ok := arg.(float64); ok {
			args[i] = strconv.FormatFloat(number, 'f', -1, 64)
		}
	}
	return fmt.Sprintf(format, args...)
}

// fixedTexts are the adapter's messages that cannot be replaced, by their beginning.
var fixedTexts = []struct{ prefix, key string }{
	{"unknown query parameter", "unknown_parameter"},
	{"required ", keyRequired},
	{"invalid integer", "expected_integer"},
	{"invalid float", "expected_number"},
	{"invalid boolean", "expected_boolean"},
	{"invalid date/time", "invalid_date_time"},
	{"invalid url", "invalid_uri"},
	{"expected value to match", keyNoMatch},
	{"expected at most one value", fieldTooMany},
	{"Multiple files received", fieldTooMany},
	{"File required", "required"},
	{"At least one file is required", "required"},
	{"invalid value: invalid UUID", fieldUUID},
	{"invalid value: invalid urn", fieldUUID},
	{"invalid value: invalid bracketed UUID", fieldUUID},
	{"invalid ", keyInvalidValue},
}

// adapterProblem makes the problem for what the adapter found wrong with a request.
func (x *exchange) adapterProblem(ctx context.Context, status int, message string, errs []error) *Problem {
	// There may be as many errors as the body has members.
	errs = errs[:min(len(errs), mostFieldProblems)]
	if tooLarge(errs) {
		return x.problem(codeBodyTooLarge, http.StatusRequestEntityTooLarge)
	}
	switch {
	case status == http.StatusBadRequest && len(errs) == 0:
		return x.problem(codeBodyRequired, status)
	case status == http.StatusInternalServerError && message == "cannot read request body":
		// The caller stopped sending: nothing of ours is wrong.
		return x.problem(codeMalformedBody, http.StatusBadRequest)
	case status == http.StatusUnprocessableEntity:
		p := x.problem(codeValidationFailed, status)
		p.Errors = fieldProblems(errs, x.language())
		return p
	case status >= http.StatusInternalServerError:
		return x.problemOf(ctx, errors.Join(append(errs, errors.New(message))...))
	}
	return x.problem(codeByStatus(status), status)
}

func tooLarge(errs []error) bool {
	var (
		limit  *http.MaxBytesError
		detail *huma.ErrorDetail
	)
	for _, err := range errs {
		switch {
		case errors.As(err, &limit):
			return true
		case errors.As(err, &detail):
			// Its Error would print the whole body.
			if detail.Message == keyTooMuch {
				return true
			}
		case strings.Contains(err.Error(), "http: request body too large"):
			// A form is reported as a text, without the error itself.
			return true
		}
	}
	return false
}

func codeByStatus(status int) string {
	switch status {
	case http.StatusBadRequest:
		return codeMalformedBody
	case http.StatusUnauthorized:
		return models.ErrUnauthenticated.Code
	case http.StatusForbidden:
		return models.ErrForbidden.Code
	case http.StatusNotFound:
		return models.ErrNotFound.Code
	case http.StatusRequestTimeout:
		return codeBodyTimeout
	case http.StatusRequestEntityTooLarge:
		return codeBodyTooLarge
	case http.StatusUnsupportedMediaType:
		return codeUnsupportedMediaType
	case http.StatusUnprocessableEntity:
		return codeValidationFailed
	case http.StatusTooManyRequests:
		return models.ErrThrottled.Code
	case http.StatusServiceUnavailable:
		return models.ErrUnavailable.Code
	default:
		return models.ErrInternal.Code
	}
}

func fieldProblems(errs []error, lang language) []FieldProblem {
	problems := make([]FieldProblem, 0, len(errs))
	for _, err := range errs {
		var detail *huma.ErrorDetail
		if !errors.As(err, &detail) {
			detail = &huma.ErrorDetail{Location: "body"}
		}
		code, location, params := interpret(detail)
		problems = append(problems, FieldProblem{Location: location, Code: code, Message: fieldText(code, params, lang)})
	}
	slices.SortStableFunc(problems, func(a, b FieldProblem) int {
		return cmp.Or(strings.Compare(a.Location, b.Location), strings.Compare(a.Code, b.Code))
	})
	// An id can be wrong in two ways that are one to the caller.
	return slices.CompactFunc(problems, func(a, b FieldProblem) bool { return a == b && a.Code == fieldUUID })
}

// interpret finds code, location and parameters of what the adapter reports.
func interpret(detail *huma.ErrorDetail) (code, location string, params []string) {
	location = safeLocation(detail)
	key, rest, _ := strings.Cut(detail.Message, "|")
	if _, ok := fieldTexts[key]; !ok {
		key, rest = keyInvalidValue, ""
		for _, fixed := range fixedTexts {
			if strings.HasPrefix(detail.Message, fixed.prefix) {
				key = fixed.key
				break
			}
		}
	}
	switch key {
	case keyRequired:
		if rest != "" {
			location += "." + rest
		}
		return key, location, nil
	case keyDependent:
		missing, with, _ := strings.Cut(rest, "|")
		return key, location + "." + missing, []string{with}
	case keyMismatch:
		if rest != "" {
			location += "." + rest
		}
		return key, location, nil
	case keyPattern:
		if rest == uuidPattern {
			key = fieldUUID
		}
		return key, location, nil
	}
	if rest != "" {
		params = strings.Split(rest, "|")
	}
	return key, location, params
}

var (
	safeName    = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	safeSegment = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}(\[[0-9]{1,9}\])*$`)
)

// mostSegments is deeper than any property of the contract lies.
const mostSegments = 16

// safeLocation keeps of a location what the contract could have named: a caller's own property or parameter names are
// repeated only when they are as short and plain as ours.
func safeLocation(detail *huma.ErrorDetail) string {
	location := detail.Location
	if object, ok := detail.Value.(map[string]any); ok && detail.Message == keyUnknownField {
		location = unknownField(location, object)
	}
	if name, ok := strings.CutPrefix(location, "query."); ok && !safeSegment.MatchString(name) {
		return "query"
	}
	if !strings.HasPrefix(location, "body") {
		return location
	}
	kept := 0
	for at, segment := range strings.SplitN(location, ".", mostSegments+1) {
		if at == mostSegments || !safeSegment.MatchString(segment) {
			break
		}
		if at > 0 {
			kept++
		}
		kept += len(segment)
	}
	return location[:kept]
}

// unknownField is the location of a member that the contract does not know, or the body when the name is not as short
// and plain as ours. A name may have dots in it, so it is looked for from the left.
func unknownField(location string, object map[string]any) string {
	parent := 0
	for range mostSegments {
		dot := strings.IndexByte(location[parent:], '.')
		if dot < 0 {
			break
		}
		parent += dot + 1
		if _, found := object[location[parent:]]; found {
			if !safeName.MatchString(location[parent:]) {
				// The adapter takes only the last part of a name with dots off its path again, so what stands before may be a
				// piece of another such name.
				return "body"
			}
			return location
		}
	}
	return "body"
}
