package httpapi

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"tenure/internal/authz"
	"tenure/internal/commands"
	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/identity"
	"tenure/internal/projections"
)

// Server answers the API. All of its fields but those with a default must be
// set; Handler says what is missing.
type Server struct {
	Logger     *slog.Logger
	Traces     trace.TracerProvider
	Meters     metric.MeterProvider
	Propagator propagation.TextMapPropagator

	// Identity finds out who makes a request. It fails with an Unauthenticated
	// fault for nobody, and with anything else when it cannot tell. The tenant
	// is the supplier that the request names.
	Identity    func(context.Context, *http.Request, events.TenantID) (authz.Principal, error)
	Commands    *commands.Handler
	Users       *projections.UserQueries
	Memberships *projections.MembershipQueries
	Suppliers   *projections.SupplierQueries
	Keys        *projections.APIKeyQueries
	// Log tells where the log ends, and Audit reads it for auditors.
	Log   eventlog.Querier
	Audit *eventlog.Auditor
	// Visible waits until every live read model that folds one of these events
	// shows the log up to a position. It returns false when the context ends
	// before, or when there is no point in waiting.
	Visible func(ctx context.Context, log events.LogID, p events.Position, shown []events.Recorded) bool
	// Shown tells up to where the named read models show the log, or all of them
	// when none is named, as far as is known without asking: the zero mark when
	// it is not. Reached waits until they show it up to a position, and returns
	// false when the context ends before or there is no point in waiting.
	Shown   func(models ...string) events.Mark
	Reached func(ctx context.Context, log events.LogID, p events.Position, models ...string) bool
	// Limit counts an act of a subject, and fails with a Limited fault when he
	// does it too often.
	Limit func(ctx context.Context, act identity.Act, subject string) error
	// Projections tells how every read model fares, given how far the log is
	// ahead of a place.
	Projections func(context.Context, func(context.Context, events.Mark) (projections.Lag, error)) []projections.ProjectionStatus
	// NewKey makes an API key, NewID an id of a thing, and Now is the clock.
	NewKey func() identity.Key
	NewID  func() uuid.UUID
	Now    func() time.Time
	// Checks are what readyz asks.
	Checks []Check

	Prefix        string // of all but health and documentation; default /api/v1
	TenantHeader  string // default X-Tenant-ID
	DefaultTenant string // of the telemetry of requests that name none; default platform
	Origins       []string
	Credentials   bool
	Version       string        // of the program, in the description; default dev
	Wait          time.Duration // how long a command waits until it is visible; default 2 s
	TokenWait     time.Duration // how long a query waits for what its token names; default 5 s
}

// Handler is the whole API in its layers. It fails when a setting is missing
// or unsafe, before anything is served.
func (s *Server) Handler() (http.Handler, error) {
	if s.Commands == nil || s.Users == nil || s.Memberships == nil || s.Suppliers == nil || s.Keys == nil || s.Log == nil || s.Audit == nil ||
		s.Visible == nil || s.Shown == nil || s.Reached == nil || s.Limit == nil || s.Projections == nil || s.NewKey == nil || s.NewID == nil || s.Now == nil {
		return nil, errors.New("httpapi: commands, read models, log, visibility, limits, projections, and the sources of keys, ids and time must be set")
	}
	return s.serve((*Server).routes)
}

// serve puts some resources between the layers and the documentation.
func (s *Server) serve(routes func(*Server, *api)) (http.Handler, error) {
	ready, err := s.withDefaults()
	if err != nil {
		return nil, err
	}
	router := newRouter()
	a := newAPI(ready, router)
	routes(ready, a)
	if err := routeDocs(router, a); err != nil {
		return nil, err
	}
	return ready.layers(router)
}

// routes lists the resources.
func (s *Server) routes(a *api) {
	s.routeHealth(a)
	s.routeMe(a) // before users: /users/me is no user's id
	s.routeKeys(a)
	s.routeUsers(a)
	s.routeMemberships(a)
	s.routeSuppliers(a)
	s.routeTenants(a)
	s.routeAudit(a)
	s.routeOperations(a)
	s.stated(a)
}

// layers puts around the router what every answer goes through, so that also
// an answer that no handler gave has its request id and its CORS headers. The
// outermost comes last.
func (s *Server) layers(h http.Handler) (http.Handler, error) {
	h, err := withGzip(h)
	if err != nil {
		return nil, err
	}
	if h, err = s.withCORS(withRecover(s.Logger, withHeaderLimit(h))); err != nil {
		return nil, err
	}
	t, err := s.newTelemetry()
	if err != nil {
		return nil, err
	}
	return withRequestID(t.wrap(h)), nil
}

// withDefaults is a copy of s in which everything is set, or what is missing.
func (s *Server) withDefaults() (*Server, error) {
	c := *s
	c.Prefix = "/" + strings.Trim(cmp.Or(c.Prefix, "/api/v1"), "/")
	c.TenantHeader = cmp.Or(c.TenantHeader, "X-Tenant-ID")
	c.DefaultTenant = cmp.Or(c.DefaultTenant, "platform")
	c.Version = cmp.Or(c.Version, "dev")
	c.Wait = cmp.Or(c.Wait, 2*time.Second)
	c.TokenWait = cmp.Or(c.TokenWait, 5*time.Second)
	switch {
	case c.Logger == nil || c.Traces == nil || c.Meters == nil || c.Propagator == nil:
		return nil, errors.New("httpapi: logger, traces, meters and propagator must be set")
	case c.Identity == nil:
		return nil, errors.New("httpapi: identity must be set")
	}
	return &c, nil
}
