package boot

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"tenure/internal/events"
)

// maxLinks is how many commands a span of a batch names at most.
const maxLinks = 128

// TraceFold makes a span of each batch that holds events, linked to the commands
// that caused them: so one can go from a request to when it became visible.
func (t *Telemetry) TraceFold(projection string, fold func(context.Context, events.Batch) error) func(context.Context, events.Batch) error {
	tracer := t.Traces.Tracer(scope)
	return func(ctx context.Context, b events.Batch) error {
		if len(b.Events) == 0 {
			return fold(ctx, b)
		}
		ctx, span := tracer.Start(ctx, "fold "+projection, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithLinks(causes(ctx, b)...),
			trace.WithAttributes(
				attribute.String("tenure.projection", projection),
				attribute.Int64("tenure.position", int64(b.Through.Position)),
				attribute.Int("tenure.events", len(b.Events)),
			))
		defer span.End()
		err := fold(ctx, b)
		if err != nil {
			span.SetStatus(codes.Error, "") // what went wrong may name a document
		}
		return err
	}
}

// causes are links to the commands of a batch, each once.
func causes(ctx context.Context, b events.Batch) []trace.Link {
	none := trace.ContextWithSpanContext(ctx, trace.SpanContext{}) // or ours would be taken for what cannot be read
	var links []trace.Link
	seen := make(map[string]bool)
	for _, e := range b.Events {
		parent := e.Meta.Traceparent
		if parent == "" || seen[parent] || len(links) == maxLinks {
			continue
		}
		seen[parent] = true
		from := propagation.TraceContext{}.Extract(none, propagation.MapCarrier{"traceparent": parent})
		if cause := trace.SpanContextFromContext(from); cause.IsValid() {
			links = append(links, trace.Link{SpanContext: cause})
		}
	}
	return links
}
