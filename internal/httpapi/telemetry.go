package httpapi

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// The tenant is on every span and log line, the request's name on every line.
const (
	tenantKey  = "tenant.id"
	requestKey = "request.id"
)

// scope names this package to the instruments.
const scope = "tenure/internal/httpapi"

// telemetry opens a span and takes a measure for every request. It writes
// down neither queries nor addresses nor user agents: those hold what
// identifies people.
type telemetry struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	duration   metric.Float64Histogram
	tenant     func(*http.Request) string
}

// newTelemetry fails when the instruments cannot be made.
func (s *Server) newTelemetry() (*telemetry, error) {
	duration, err := s.Meters.Meter(scope).Float64Histogram("http.server.request.duration",
		metric.WithUnit("s"), metric.WithDescription("How long requests take."),
		metric.WithExplicitBucketBoundaries(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10))
	if err != nil {
		return nil, err
	}
	return &telemetry{tracer: s.Traces.Tracer(scope), propagator: s.Propagator, duration: duration, tenant: s.tenantLabel}, nil
}

// tenantLabel is the tenant of a request's telemetry: the one it names, if
// that is a UUID, so that nothing else gets from a header into a log.
func (s *Server) tenantLabel(r *http.Request) string {
	if t, err := s.tenantOf(r); err == nil && t != "" {
		return string(t)
	}
	return s.DefaultTenant
}

// wrap is the layer. The tenant is in the baggage before the span begins, so
// that whoever copies it to spans and log lines finds it on the first.
func (t *telemetry) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tenant := t.tenant(r)
		ctx := withPlace(t.propagator.Extract(r.Context(), propagation.HeaderCarrier(r.Header)), tenant, requestIDOf(r))
		ctx, span := t.tracer.Start(ctx, knownMethod(r.Method), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			attribute.String(tenantKey, tenant),
			attribute.String("http.request.method", knownMethod(r.Method)),
			attribute.String(requestKey, requestIDOf(r)),
		))
		defer span.End()
		label, began := &routeLabel{}, time.Now()
		answer := &answerWriter{ResponseWriter: w}
		// Deferred, since a panic that breaks the connection comes by here.
		defer func() { t.record(ctx, span, r.Method, label.path, answer.code(), time.Since(began)) }()
		next.ServeHTTP(answer, r.WithContext(context.WithValue(ctx, routeLabelKey{}, label)))
	})
}

// record closes the books on one request.
func (t *telemetry) record(ctx context.Context, span trace.Span, method, path string, code int, took time.Duration) {
	status := attribute.Int("http.response.status_code", code)
	span.SetAttributes(status)
	if code >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
	t.duration.Record(ctx, took.Seconds(), metric.WithAttributes(status,
		attribute.String("http.request.method", knownMethod(method)), attribute.String("http.route", path)))
}

// routeLabel is what telemetry learns of a request on its way: the path of its
// operation, with the names of the variables and not what they hold.
type routeLabel struct{ path string }

type routeLabelKey struct{}

// nameRoute tells telemetry which operation a request came to.
func nameRoute(ctx context.Context, method, path string) {
	if label, ok := ctx.Value(routeLabelKey{}).(*routeLabel); ok {
		label.path = path
	}
	span := trace.SpanFromContext(ctx)
	span.SetName(method + " " + path)
	span.SetAttributes(attribute.String("http.route", path))
}

// withPlace makes the tenant and the request's name the whole baggage, where
// every log line finds them. What a caller sent as baggage is not kept: it
// would end up there too.
func withPlace(ctx context.Context, tenant, requestID string) context.Context {
	var b baggage.Baggage
	for key, value := range map[string]string{tenantKey: tenant, requestKey: requestID} {
		member, err := baggage.NewMemberRaw(key, value)
		if err != nil {
			continue
		}
		b, _ = b.SetMember(member) // one that is valid can be set
	}
	return baggage.ContextWithBaggage(ctx, b)
}

// knownMethod bounds what a caller can make us count by.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	default:
		return "_OTHER"
	}
}
