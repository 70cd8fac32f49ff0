package boot

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// tenantOnSpans puts the tenant on every span, whoever begins it.
type tenantOnSpans struct{ none string }

// OnStart copies the tenant from the baggage.
func (t tenantOnSpans) OnStart(parent context.Context, s sdktrace.ReadWriteSpan) {
	s.SetAttributes(attribute.String(tenantKey, tenantOf(parent, t.none)))
}

// OnEnd does nothing.
func (tenantOnSpans) OnEnd(sdktrace.ReadOnlySpan) {}

// Shutdown does nothing.
func (tenantOnSpans) Shutdown(context.Context) error { return nil }

// ForceFlush does nothing.
func (tenantOnSpans) ForceFlush(context.Context) error { return nil }

// doors samples traces that begin at a door of the house. What a process asks
// its stores by itself, each second and for nobody, begins none.
type doors struct{ sdktrace.Sampler }

// ShouldSample drops calls to others that nothing here led to.
func (d doors) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	if p.Kind == trace.SpanKindClient {
		return sdktrace.SamplingResult{Decision: sdktrace.Drop, Tracestate: trace.SpanContextFromContext(p.ParentContext).TraceState()}
	}
	return d.Sampler.ShouldSample(p)
}
