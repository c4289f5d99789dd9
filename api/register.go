package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lianqi/models"
)

// Op states an operation of the contract.
type Op struct {
	// ID names the operation; Path is relative to Prefix ("/visits/{id}"); Tag is the section of the documentation.
	ID, Method, Path string
	Tag, Summary     string
	Description      string
	// Needs are the roles that may call, any one of which suffices; Public needs no token. Exactly one is stated.
	Needs  []models.Role
	Public bool
	// BeforePasswordChange lets callers in who still have to replace their first password.
	BeforePasswordChange bool
	// Ticket accepts a one-time ticket in the query parameter "ticket", which the input has to declare, instead of a
	// token.
	Ticket bool
	// Status is the success status, 200 or 204 unless set. Also are further success statuses with the same body.
	Status int
	Also   []int
	// Errors are the statuses beyond those that follow from the statement itself: usually 404 and 409.
	Errors []int
	// MaxBody is what the request body may weigh, less or more than the 1 MiB that it may unless set.
	MaxBody int64
	// Produces is the media type of the answer when it is not JSON, "text/event-stream" for instance. The output is
	// then a huma.StreamResponse or carries bytes.
	Produces string

	conditional bool // takes If-Match
}

// Register adds an operation. The input's fields tagged path, query and header and its field Body are validated as
// the spec says before handle is called; handle's errors are answered as problems. It panics on a statement that
// makes no sense.
func Register[I, O any](a *API, op Op, handle func(ctx context.Context, in *I) (*O, error)) {
	a.check(op)
	input, output := reflect.TypeFor[I](), reflect.TypeFor[O]()
	op.conditional = embeds[IfMatch](input)
	statuses := derivedStatuses(op, input)

	_, hasBody := output.FieldByName("Body")
	fill := fillerOf(output)
	notNull, plan := requiredValues(input), planOf(input)
	declared := huma.Operation{
		OperationID:     op.ID,
		Method:          op.Method,
		Path:            op.Path,
		Tags:            []string{op.Tag},
		Summary:         op.Summary,
		Description:     op.Description,
		DefaultStatus:   op.Status,
		Errors:          statuses,
		MaxBodyBytes:    -1, // http.MaxBytesReader has the say: it covers every kind of body and lets a full one pass
		BodyReadTimeout: 30 * time.Second,
		Extensions:      map[string]any{"x-roles": roleNames(op)},
		Security:        []map[string][]string{},

		RejectUnknownQueryParameters: true,
	}
	if op.MaxBody > defaultBodyLimit {
		declared.BodyReadTimeout = 5 * time.Minute
	}
	if !op.Public {
		declared.Security = append(declared.Security, map[string][]string{"bearer": {}})
	}
	if op.Ticket {
		declared.Security = append(declared.Security, map[string][]string{"ticket": {}})
	}
	mediaTypes := map[string]bool{}
	declared.Middlewares = huma.Middlewares{a.guard(op, mediaTypes)}

	huma.Register(a.huma, declared, func(ctx context.Context, in *I) (*O, error) {
		x := exchangeOf(ctx)
		if err := plan.check(x, in); err != nil {
			return nil, x.fail(ctx, err)
		}
		if err := notNull.check(in); err != nil {
			return nil, x.fail(ctx, err)
		}
		out, err := handle(ctx, in)
		switch {
		case err != nil:
			return nil, x.fail(ctx, err)
		case out == nil && hasBody:
			return nil, x.fail(ctx, errNoAnswer)
		case out != nil && fill != nil:
			fill(reflect.ValueOf(out).Elem())
		}
		return out, nil
	})

	a.complete(op, statuses, mediaTypes)
	key := op.Method + " " + Prefix + ginPath(op.Path)
	a.served[key] = true
	if op.MaxBody > 0 {
		a.bodyLimits[key] = op.MaxBody
	}
	a.operations = append(a.operations, op)
	spec := a.huma.OpenAPI()
	if !slices.ContainsFunc(spec.Tags, func(t *huma.Tag) bool { return t.Name == op.Tag }) {
		spec.Tags = append(spec.Tags, &huma.Tag{Name: op.Tag})
	}
}

var errNoAnswer = errors.New("the handler returned neither an answer nor an error")

func (a *API) check(op Op) {
	refuse := func(why string) { panic(fmt.Sprintf("api: operation %q: %s", op.ID, why)) }
	switch {
	case op.ID == "" || op.Tag == "" || op.Summary == "":
		refuse("has no id, tag or summary")
	case op.Public == (len(op.Needs) > 0):
		refuse("states neither or both of the roles it needs and that it is public")
	case op.Ticket && a.options.RedeemTicket == nil:
		refuse("takes tickets and nobody redeems them")
	}
	for _, role := range op.Needs {
		if !slices.Contains(models.Roles, role) {
			refuse("needs the unknown role " + string(role))
		}
	}
	for _, other := range a.operations {
		if other.ID == op.ID {
			refuse("is registered twice")
		}
	}
}

// derivedStatuses are the problems that any operation of this shape can answer, and those that it states.
func derivedStatuses(op Op, input reflect.Type) []int {
	statuses := []int{
		http.StatusUnprocessableEntity, http.StatusUpgradeRequired, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusServiceUnavailable,
	}
	if !op.Public {
		statuses = append(statuses, http.StatusUnauthorized, http.StatusForbidden)
	}
	_, body := input.FieldByName("Body")
	_, raw := input.FieldByName("RawBody")
	if body || raw {
		statuses = append(statuses, http.StatusBadRequest, http.StatusRequestTimeout,
			http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if op.conditional {
		statuses = append(statuses, http.StatusPreconditionFailed, http.StatusPreconditionRequired)
	}
	statuses = append(statuses, op.Errors...)
	sort.Ints(statuses)
	return slices.Compact(statuses)
}

func embeds[T any](t reflect.Type) bool {
	for i := range t.NumField() {
		if f := t.Field(i); f.Anonymous && f.Type == reflect.TypeFor[T]() {
			return true
		}
	}
	return false
}

// complete adds to the spec what the adapter cannot say, and tells the guard which media types the body may have.
func (a *API) complete(op Op, statuses []int, mediaTypes map[string]bool) {
	item := a.huma.OpenAPI().Paths[op.Path]
	declared := map[string]*huma.Operation{
		http.MethodGet: item.Get, http.MethodHead: item.Head, http.MethodPost: item.Post, http.MethodPut: item.Put,
		http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
	}[op.Method]
	if declared.RequestBody != nil {
		content := declared.RequestBody.Content
		if body := content["application/json"]; body != nil {
			leaveUnique(a.huma.OpenAPI().Components.Schemas, body.Schema, map[*huma.Schema]bool{})
			if op.Method == http.MethodPatch {
				content["application/merge-patch+json"] = body
			}
		}
		for name := range declared.RequestBody.Content {
			mediaTypes[name] = true
		}
	}
	success := declared.Responses[strconv.Itoa(declared.DefaultStatus)]
	if op.Produces != "" {
		success.Content = map[string]*huma.MediaType{op.Produces: {Schema: &huma.Schema{Type: huma.TypeString}}}
	}
	for _, status := range op.Also {
		also := *success
		also.Description = http.StatusText(status)
		declared.Responses[strconv.Itoa(status)] = &also
	}
	for _, p := range declared.Parameters {
		if p.In == "header" && p.Name == "If-None-Match" {
			declared.Responses["304"] = &huma.Response{
				Description: http.StatusText(http.StatusNotModified),
				Headers:     map[string]*huma.Header{"ETag": {Schema: &huma.Schema{Type: huma.TypeString}}},
			}
		}
	}
	for _, status := range statuses {
		declared.Responses[strconv.Itoa(status)].Description = http.StatusText(status)
	}
}

func roleNames(op Op) []string {
	if op.Public {
		return []string{"public"}
	}
	names := make([]string, len(op.Needs))
	for i, role := range op.Needs {
		names[i] = string(role)
	}
	sort.Strings(names)
	return slices.Compact(names)
}

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }
