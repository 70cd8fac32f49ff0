package boot

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"tenure/internal/docstore"
	"tenure/internal/eventlog"
	"tenure/internal/fault"
)

// scope names this package to the instruments.
const scope = "tenure/cmd/internal/boot"

// observer measures the commands of a store, and makes a span of those that
// belong to a trace. It writes down their names and nothing of what they carry.
func (t *Telemetry) observer(system string) (docstore.Observer, error) {
	duration, err := t.Meters.Meter(scope).Float64Histogram("db.client.operation.duration",
		metric.WithUnit("s"), metric.WithDescription("How long the commands of the document stores take."),
		metric.WithExplicitBucketBoundaries(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5))
	if err != nil {
		return nil, fmt.Errorf("boot: metrics: %w", err)
	}
	tracer := t.Traces.Tracer(scope)
	return func(ctx context.Context, command string) func(error) {
		what := []attribute.KeyValue{attribute.String("db.system.name", system), attribute.String("db.operation.name", command)}
		began := time.Now()
		var span trace.Span
		if trace.SpanFromContext(ctx).IsRecording() {
			_, span = tracer.Start(ctx, system+" "+command, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(what...))
		}
		return func(err error) {
			duration.Record(ctx, time.Since(began).Seconds(), metric.WithAttributes(append(what, attribute.Bool("error", err != nil))...))
			if span == nil {
				return
			}
			if err != nil {
				span.SetStatus(codes.Error, "") // what the store says may quote what it was told
			}
			span.End()
		}
	}, nil
}

// ObserveAppends measures the batches of an appender.
func (t *Telemetry) ObserveAppends(ctx context.Context) (func(eventlog.Batch), error) {
	meter := t.Meters.Meter(scope)
	took, err := meter.Float64Histogram("tenure.append.duration", metric.WithUnit("s"),
		metric.WithDescription("How long a batch of appends takes until it is durable."),
		metric.WithExplicitBucketBoundaries(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 20))
	if err != nil {
		return nil, fmt.Errorf("boot: metrics: %w", err)
	}
	size, err := meter.Int64Histogram("tenure.append.batch", metric.WithUnit("{command}"),
		metric.WithDescription("How many commands are appended together."),
		metric.WithExplicitBucketBoundaries(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000))
	if err != nil {
		return nil, fmt.Errorf("boot: metrics: %w", err)
	}
	ctx = context.WithoutCancel(ctx)
	return func(b eventlog.Batch) {
		outcome := metric.WithAttributes(attribute.Bool("error", b.Failed))
		took.Record(ctx, b.Took.Seconds(), outcome)
		size.Record(ctx, int64(b.Commands), outcome)
	}, nil
}

// ObserveCommands measures commands and makes a span of each, within that of its
// request. A command is named by the permission that it needs, its outcome by
// the fault's code: neither says who or what it was about.
func (t *Telemetry) ObserveCommands() (func(context.Context, string) (context.Context, func(error)), error) {
	took, err := t.Meters.Meter(scope).Float64Histogram("tenure.command.duration", metric.WithUnit("s"),
		metric.WithDescription("How long a command takes from its first check until it is durable or refused."),
		metric.WithExplicitBucketBoundaries(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 20))
	if err != nil {
		return nil, fmt.Errorf("boot: metrics: %w", err)
	}
	tracer := t.Traces.Tracer(scope)
	return func(ctx context.Context, command string) (context.Context, func(error)) {
		began := time.Now()
		ctx, span := tracer.Start(ctx, "command "+command)
		return ctx, func(err error) {
			outcome := attribute.String("outcome", outcomeOf(err))
			took.Record(ctx, time.Since(began).Seconds(), metric.WithAttributes(attribute.String("command", command), outcome))
			span.SetAttributes(outcome)
			if err != nil && fault.As(err) == nil {
				span.SetStatus(codes.Error, "")
			}
			span.End()
		}
	}, nil
}

// outcomeOf is a fault's code, which is one of few; ok, or error for what no
// caller could act on.
func outcomeOf(err error) string {
	f := fault.As(err)
	switch {
	case err == nil:
		return "ok"
	case f != nil:
		return f.Code
	default:
		return "error"
	}
}
