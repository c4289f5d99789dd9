// Package api is the contract kit: it states once how an operation is described, who may call it, how it is
// validated, and how it fails. A feature registers its operations and adds nothing by hand.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/store/memory"

	"lianqi/middleware"
	"lianqi/models"
)

// Prefix is the base path of every operation.
const Prefix = "/api/v1"

// Options are what the kit needs from outside. Authenticate, Now and Log are required.
type Options struct {
	// Version is the version of the product, as the spec states it.
	Version string
	// Authenticate finds who an access token stands for; its errors are the answer.
	Authenticate func(ctx context.Context, token string) (models.Actor, error)
	// RedeemTicket finds who a one-time ticket stands for, for operations that declare Ticket.
	RedeemTicket func(ctx context.Context, ticket string) (models.Actor, error)
	Now          func() time.Time
	Log          *slog.Logger
	// RateLimit is how many requests a second an account may make; 0 lets it make any number.
	RateLimit int
	// MinClientVersion is the oldest Client-Version that is served ("1.4.0"); empty serves all. ClientDownload is
	// where the current one is to be had.
	MinClientVersion string
	ClientDownload   string
	// CORSOrigins are the origins of pages that may call from browsers; none unless set.
	CORSOrigins []string
	// TrustedProxies are the addresses whose X-Forwarded-For is believed; none unless set.
	TrustedProxies []string
	// Metrics collects request metrics and is served under /metrics to callers on this machine.
	Metrics *prometheus.Registry
	// Tracing opens a span for each request, with the tracer that middleware.Tracing set up.
	Tracing bool
	// Middleware runs after the kit's own, before every route.
	Middleware []gin.HandlerFunc
}

// API is the router with everything that is served. All middleware is in place when it is made, so none can be
// installed after an operation and be skipped for it. Register everything before the first request.
type API struct {
	options    Options
	engine     *gin.Engine
	group      *gin.RouterGroup
	huma       huma.API
	operations []Op
	served     map[string]bool  // "METHOD /route" of each operation
	bodyLimits map[string]int64 // the same, where the limit is not the default
	perAccount *limiter.Limiter
	minVersion []int
	spec       func() (documents, error)
}

type documents struct{ yaml31, yaml30 []byte }

// New makes the router with all its middleware, the documentation page and nothing else. It panics on trusted proxies
// or origins that are none, which the settings have to refuse before.
func New(options Options) *API {
	configureOnce()
	gin.SetMode(gin.ReleaseMode)
	a := &API{options: options, engine: gin.New(), served: map[string]bool{}, bodyLimits: map[string]int64{}}
	a.spec = sync.OnceValues(a.render)
	a.minVersion, _ = parseVersion(options.MinClientVersion)
	if options.RateLimit > 0 {
		a.perAccount = limiter.New(memory.NewStore(), limiter.Rate{Period: time.Second, Limit: int64(options.RateLimit)})
	}
	a.engine.HandleMethodNotAllowed = true
	a.engine.RedirectTrailingSlash = false
	if err := a.engine.SetTrustedProxies(options.TrustedProxies); err != nil {
		panic("api: trusted proxies: " + err.Error())
	}
	a.install()
	a.group = a.engine.Group(Prefix)
	a.huma = strictAPI{humagin.NewWithGroup(a.engine, a.group, configuration(options.Version))}
	a.installDocs()
	return a
}

func (a *API) install() {
	o := a.options
	a.engine.Use(middleware.Identify(), middleware.AccessLog(o.Log, o.Now))
	if o.Metrics != nil {
		a.engine.Use(middleware.Metrics(o.Metrics, o.Now))
	}
	if o.Tracing {
		a.engine.Use(middleware.Trace())
	}
	a.engine.Use(
		middleware.Recover(o.Log, func(c *gin.Context) { a.exchange(c, nil).write(models.ErrInternal.Code, 500) }),
		middleware.SecurityHeaders(),
	)
	if len(o.CORSOrigins) > 0 {
		a.engine.Use(middleware.CORS(o.CORSOrigins))
	}
	a.engine.Use(middleware.LimitBody(a.bodyLimit))
	a.engine.Use(o.Middleware...)
	a.engine.NoRoute(a.NotFound)
	a.engine.NoMethod(func(c *gin.Context) { a.exchange(c, nil).write(codeMethodNotAllowed, 405) })
	if o.Metrics != nil {
		a.Raw(http.MethodGet, "/metrics", middleware.MetricsPage(o.Metrics, a.NotFound))
	}
}

// defaultBodyLimit is what a request body may weigh unless its operation says otherwise.
const defaultBodyLimit = 1 << 20

func (a *API) bodyLimit(c *gin.Context) int64 {
	if limit, ok := a.bodyLimits[c.Request.Method+" "+c.FullPath()]; ok {
		return limit
	}
	return defaultBodyLimit
}

// configuration is the OpenAPI adapter without anything that it serves or adds of its own accord.
func configuration(version string) huma.Config {
	schemas := huma.NewMapRegistry("#/components/schemas/", schemaName)
	// Ids state their format wherever they stand, without a tag on every field.
	schemas.RegisterTypeAlias(typeOf[uuid.UUID](), typeOf[uuidSchema]())
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:   "Lianqi",
				Version: version,
				Description: "The backend of a development zone that serves its enterprises (联企). " +
					"Errors are problem documents (RFC 9457) with a stable code; their texts are Chinese, or English for Accept-Language: en.",
			},
			Servers: []*huma.Server{{URL: Prefix}},
			Components: &huma.Components{
				Schemas: schemas,
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT"},
					"ticket": {Type: "apiKey", In: "query", Name: "ticket", Description: "A one-time ticket, for clients that cannot send headers."},
				},
			},
		},
		Formats:       map[string]huma.Format{"application/json": {Marshal: encode, Unmarshal: decode}},
		DefaultFormat: "application/json",
	}
}

// schemaName keeps the short names for the features: what went wrong is not called as what an enterprise needs solved.
func schemaName(t reflect.Type, hint string) string {
	if t == typeOf[Problem]() {
		return "ProblemDetails"
	}
	return huma.DefaultSchemaNamer(t, hint)
}

// uuidPattern is the one form of ids: of the others that decoders accept, the format alone would let some pass.
const uuidPattern = "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"

// uuidSchema stands for uuid.UUID in the spec.
type uuidSchema struct{}

func (uuidSchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "uuid", Pattern: uuidPattern}
}

// Raw serves what is not part of the contract. A test holds the list of these routes.
func (a *API) Raw(method, path string, handler gin.HandlerFunc) {
	a.engine.Handle(method, path, handler)
}

// NotFound answers as if nothing were there.
func (a *API) NotFound(c *gin.Context) {
	a.exchange(c, nil).write(models.ErrNotFound.Code, 404)
}

func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.engine.ServeHTTP(w, r) }

// Operations are all registered operations, in the order of their registration.
func (a *API) Operations() []Op { return append([]Op(nil), a.operations...) }

// Route is one method and path that is served, the path in the notation of the spec.
type Route struct {
	Method, Path string
	// Raw routes are not in the spec.
	Raw bool
}

// Routes are all routes that are served, sorted by path and method. The list is the router's own.
func (a *API) Routes() []Route {
	var routes []Route
	for _, r := range a.engine.Routes() {
		routes = append(routes, Route{Method: r.Method, Path: specPath(r.Path), Raw: !a.served[r.Method+" "+r.Path]})
	}
	sort.Slice(routes, func(i, j int) bool {
		if routes[i].Path != routes[j].Path {
			return routes[i].Path < routes[j].Path
		}
		return routes[i].Method < routes[j].Method
	})
	return routes
}

// Spec is the contract as YAML, OpenAPI 3.1 and its down-grade to 3.0; the same operations give the same bytes. What
// is registered after the first call is not in it.
func (a *API) Spec() (yaml31, yaml30 []byte, err error) {
	d, err := a.spec()
	return d.yaml31, d.yaml30, err
}

func (a *API) render() (d documents, err error) {
	if d.yaml31, err = a.huma.OpenAPI().YAML(); err != nil {
		return d, err
	}
	d.yaml30, err = a.huma.OpenAPI().DowngradeYAML()
	return d, err
}

// ginPath writes a path of the spec as the router does.
func ginPath(path string) string {
	return strings.ReplaceAll(strings.ReplaceAll(path, "{", ":"), "}", "")
}

// specPath is the reverse of ginPath.
func specPath(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if strings.HasPrefix(part, ":") {
			parts[i] = "{" + part[1:] + "}"
		}
	}
	return strings.Join(parts, "/")
}
