package api

import (
	"context"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"lianqi/middleware"
	"lianqi/models"
)

// exchange is one request on its way through an operation.
type exchange struct {
	api   *API
	gin   *gin.Context
	op    *Op // nil outside operations
	actor models.Actor
}

type exchangeKey struct{}

func (a *API) exchange(c *gin.Context, op *Op) *exchange {
	return &exchange{api: a, gin: c, op: op}
}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// ActorOf is who calls; the zero Actor in a public operation.
func ActorOf(ctx context.Context) models.Actor {
	if x := exchangeOf(ctx); x != nil {
		return x.actor
	}
	return models.Actor{}
}

// ClientAddress is the address the request comes from, as the trusted proxies report it; empty outside a request.
func ClientAddress(ctx context.Context) string {
	if x := exchangeOf(ctx); x != nil {
		return x.gin.ClientIP()
	}
	return ""
}

// Gin is the router's context of a request, for answers that are streamed.
func Gin(ctx huma.Context) *gin.Context { return humagin.Unwrap(ctx) }

// guard admits a request to an operation, before anything of its body is read, or answers why not.
func (a *API) guard(op Op, mediaTypes map[string]bool) func(huma.Context, func(huma.Context)) {
	caching := "private, no-cache"
	if op.Public || op.Method != http.MethodGet {
		// Tokens and tickets are in answers to other methods only.
		caching = "no-store"
	}
	return func(hc huma.Context, next func(huma.Context)) {
		x := a.exchange(humagin.Unwrap(hc), &op)
		facts := middleware.FactsOf(x.gin)
		x.gin.Writer.Header()["Cache-Control"] = []string{caching}
		if a.outdated(x.gin.GetHeader("Client-Version")) {
			x.write(codeClientOutdated, http.StatusUpgradeRequired)
			return
		}
		ctx := hc.Context()
		cause := models.Cause{Operation: op.ID, RequestID: facts.RequestID}
		if !op.Public {
			if err := x.admit(ctx, facts); err != nil {
				x.writeError(ctx, err)
				return
			}
			cause.ActorID, cause.SessionID = x.actor.UserID, x.actor.SessionID
		}
		if len(mediaTypes) > 0 && !acceptable(x.gin.Request.Header, mediaTypes) {
			x.write(codeUnsupportedMediaType, http.StatusUnsupportedMediaType)
			return
		}
		if err := checkQuery(x.gin.Request.URL.RawQuery); err != nil {
			x.writeError(ctx, err)
			return
		}
		ctx = models.WithCause(context.WithValue(ctx, exchangeKey{}, x), cause)
		next(huma.WithContext(hc, ctx))
	}
}

// checkQuery refuses a query of which a part would be dropped in silence. Errors: validation_failed.
func checkQuery(raw string) error {
	if raw == "" {
		return nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return models.Invalid("query", fieldQuery)
	}
	var wrong []models.FieldError
	for name, given := range values {
		if len(given) > 1 && len(wrong) < mostFieldProblems {
			location := "query"
			if safeName.MatchString(name) {
				location += "." + name
			}
			wrong = append(wrong, models.FieldError{Location: location, Code: fieldTooMany})
		}
	}
	if wrong != nil {
		slices.SortFunc(wrong, func(a, b models.FieldError) int { return strings.Compare(a.Location, b.Location) })
		return models.InvalidFields(wrong)
	}
	return nil
}

// admit finds out who calls and whether they may.
func (x *exchange) admit(ctx context.Context, facts *middleware.Facts) error {
	if err := x.authenticate(ctx); err != nil {
		return err
	}
	account := x.actor.UserID.String()
	facts.UserID = account
	if !x.actor.Has(x.op.Needs...) {
		return models.ErrForbidden
	}
	if x.actor.MustChangePassword && !x.op.BeforePasswordChange {
		return models.ErrPasswordChangeRequired
	}
	if x.api.perAccount == nil {
		return nil
	}
	state, err := x.api.perAccount.Get(ctx, account)
	if err != nil {
		return err
	}
	if state.Reached {
		return models.ErrThrottled.After(x.api.perAccount.Rate.Period)
	}
	return nil
}

func (x *exchange) authenticate(ctx context.Context) (err error) {
	if token := bearer(x.gin.GetHeader("Authorization")); token != "" {
		x.actor, err = x.api.options.Authenticate(ctx, token)
		return err
	}
	if x.op.Ticket {
		if ticket := x.gin.Query("ticket"); ticket != "" {
			x.actor, err = x.api.options.RedeemTicket(ctx, ticket)
			return err
		}
	}
	return models.ErrUnauthenticated
}

func bearer(header string) string {
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// acceptable tells whether the body is declared as one of the media types, as UTF-8 and not compressed. A body without
// a declaration is taken as the operation's own type; what it really is shows when it is read.
func acceptable(header http.Header, mediaTypes map[string]bool) bool {
	if encoding := header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return false
	}
	declared := header.Get("Content-Type")
	if declared == "" || mediaTypes[declared] {
		return true
	}
	name, params, err := mime.ParseMediaType(declared)
	if err != nil || !mediaTypes[name] {
		return false
	}
	charset := params["charset"]
	return charset == "" || strings.EqualFold(charset, "utf-8")
}

// outdated tells whether a client names a version below the minimum. Who names none, or none that can be compared, is
// no client of ours and served.
func (a *API) outdated(version string) bool {
	if version == "" || len(a.minVersion) == 0 {
		return false
	}
	have, ok := parseVersion(version)
	if !ok {
		return false
	}
	for i, want := range a.minVersion {
		got := 0
		if i < len(have) {
			got = have[i]
		}
		if got != want {
			return got < want
		}
	}
	return false
}

// parseVersion reads "1.4.0", and "1.4.0-beta+7" as the same.
func parseVersion(text string) ([]int, bool) {
	text, _, _ = strings.Cut(text, "+")
	text, _, _ = strings.Cut(text, "-")
	if text == "" || len(text) > 32 {
		return nil, false
	}
	var numbers []int
	for part := range strings.SplitSeq(text, ".") {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil {
			return nil, false
		}
		numbers = append(numbers, int(n))
	}
	return numbers, true
}

// seconds writes a waiting time as Retry-After wants it: whole seconds, at least one.
func seconds(wait time.Duration) string {
	return strconv.FormatInt(max(1, int64((wait+time.Second-1)/time.Second)), 10)
}
