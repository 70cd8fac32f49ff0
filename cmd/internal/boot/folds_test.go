package boot

import (
	"context"
	"errors"
	"fmt"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"tenure/internal/events"
)

func TestASpanNamesTheCommandsThatLedToIt(t *testing.T) {
	t.Parallel()
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	spans := tracetest.NewSpanRecorder()
	telemetry := &Telemetry{Traces: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))}
	away := errors.New("away from ada@example.com")
	fold := telemetry.TraceFold("users", func(context.Context, events.Batch) error { return away })
	batch := events.Batch{Events: []events.Recorded{{Meta: events.Meta{Traceparent: parent}}, {Meta: events.Meta{Traceparent: parent}}, {Meta: events.Meta{Traceparent: "nonsense"}}, {}}}
	if err := fold(t.Context(), batch); !errors.Is(err, away) {
		t.Errorf("got %v", err)
	}
	if err := fold(t.Context(), events.Batch{}); !errors.Is(err, away) || len(spans.Ended()) != 1 {
		t.Errorf("an empty batch: %v, %d spans", err, len(spans.Ended()))
	}
	span := spans.Ended()[0]
	if links := span.Links(); len(links) != 1 || links[0].SpanContext.TraceID().String() != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("it is linked to %v", span.Links())
	}
	if span.Status().Code != 1 || span.Status().Description != "" {
		t.Errorf("its status is %v", span.Status())
	}
	for i := range 2 * maxLinks {
		batch.Events = append(batch.Events, events.Recorded{Meta: events.Meta{Traceparent: fmt.Sprintf("00-0af7651916cd43dd8448eb211c80319c-%016x-01", i+1)}})
	}
	if got := len(causes(t.Context(), batch)); got != maxLinks {
		t.Errorf("%d links, want %d", got, maxLinks)
	}
}
