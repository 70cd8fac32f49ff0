package boot

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// Every span has the tenant, whoever begins it; what a process asks its stores
// by itself begins no trace.
func TestTheTenantIsOnEverySpan(t *testing.T) {
	t.Parallel()
	kept := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(tenantOnSpans{none: "platform"}), sdktrace.WithSpanProcessor(kept),
		sdktrace.WithSampler(sdktrace.ParentBased(doors{sdktrace.AlwaysSample()})))
	member, err := baggage.NewMemberRaw(tenantKey, "acme")
	if err != nil {
		t.Fatal(err)
	}
	b, err := baggage.New(member)
	if err != nil {
		t.Fatal(err)
	}
	tracer := provider.Tracer("test")
	call := trace.WithSpanKind(trace.SpanKindClient)

	ctx, request := tracer.Start(baggage.ContextWithBaggage(t.Context(), b), "request", trace.WithSpanKind(trace.SpanKindServer))
	_, query := tracer.Start(ctx, "query", call)
	query.End()
	request.End()
	_, job := tracer.Start(context.Background(), "job")
	job.End()
	_, poll := tracer.Start(context.Background(), "poll", call)
	poll.End()

	got := map[string]string{}
	for _, s := range kept.Ended() {
		attributes := attribute.NewSet(s.Attributes()...)
		tenant, _ := attributes.Value(tenantKey)
		got[s.Name()] = tenant.AsString()
	}
	if d := cmp.Diff(map[string]string{"request": "acme", "query": "acme", "job": "platform"}, got); d != "" {
		t.Error(d)
	}
}

// Without a collector spans are kept nowhere, and have ids for logs and events.
func TestWithoutACollectorSpansStillHaveIDs(t *testing.T) {
	t.Parallel()
	s := NewAPI().Process
	who, err := describe(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	provider, err := openTraces(t.Context(), s, who)
	if err != nil {
		t.Fatal(err)
	}
	_, span := provider.Tracer("test").Start(t.Context(), "request")
	if !span.SpanContext().IsValid() || span.IsRecording() {
		t.Errorf("valid %t, recording %t", span.SpanContext().IsValid(), span.IsRecording())
	}
}

func TestWhereTracesGo(t *testing.T) {
	t.Parallel()
	for from, want := range map[Endpoint]string{
		"http://collector:4318":         "http://collector:4318/v1/traces",
		"http://collector:4318/":        "http://collector:4318/v1/traces",
		"https://collector:4318/own/in": "https://collector:4318/own/in",
	} {
		if got := pathOf(from, "/v1/traces"); got != want {
			t.Errorf("%s: %s, want %s", from, got, want)
		}
	}
}
