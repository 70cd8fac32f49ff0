package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"tenure/internal/authz"
)

// Server answers the API. All of its fields but those with a default must be
// set; Handler says what is missing.
type Server struct {
	Logger     *slog.Logger
	Traces     trace.TracerProvider
	Meters     metric.MeterProvider
	Propagator propagation.TextMapPropagator

	// Identity finds out who makes a request. It fails with an Unauthenticated
	// fault for nobody, and with anything else when it cannot tell.
	Identity func(context.Context, *http.Request) (authz.Principal, error)
	// Checks are what readyz asks.
	Checks []Check

	Prefix        string // of all but health and documentation; default /api/v1
	TenantHeader  string // default X-Tenant-ID
	DefaultTenant string // of the telemetry of requests that name none; default platform
	Origins       []string
	Credentials   bool
	Version       string
	Wait          time.Duration // how long a command waits until it is visible; default 2 s
}

// Handler is the whole API in its layers. It fails when a setting is missing
// or unsafe, before anything is served.
func (s *Server) Handler() (http.Handler, error) { return s.serve((*Server).routes) }

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
	c.Prefix = "/" + strings.Trim(orElse(c.Prefix, "/api/v1"), "/")
	c.TenantHeader = orElse(c.TenantHeader, "X-Tenant-ID")
	c.DefaultTenant = orElse(c.DefaultTenant, "platform")
	c.Wait = orElse(c.Wait, 2*time.Second)
	switch {
	case c.Logger == nil || c.Traces == nil || c.Meters == nil || c.Propagator == nil:
		return nil, errors.New("httpapi: logger, traces, meters and propagator must be set")
	case c.Identity == nil:
		return nil, errors.New("httpapi: identity must be set")
	}
	return &c, nil
}

// orElse is v, or what stands for its zero.
func orElse[T comparable](v, zero T) T {
	var none T
	if v == none {
		return zero
	}
	return v
}

// away tells whether err means that a store cannot be reached.
func (s *Server) away(error) bool { return false }
