package boot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// ObserveRevocation measures how long a right may still be honoured that was
// taken away. Counts tell how many authority documents were kept, and for how
// many Redis was asked.
func (t *Telemetry) ObserveRevocation(
	ctx context.Context, bound time.Duration, counts func() (hits, misses int64),
) (func(took time.Duration, outcome string), error) {
	meter := t.Meters.Meter(scope)
	_, boundErr := meter.Float64ObservableGauge("tenure.revocation.bound", metric.WithUnit("s"),
		metric.WithDescription("How long a right may be honoured at most after it was taken away, as it is set."),
		metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
			o.Observe(bound.Seconds())
			return nil
		}))
	_, readErr := meter.Int64ObservableCounter("tenure.authority.reads", metric.WithUnit("{document}"),
		metric.WithDescription("How many authority documents were served from memory, and for how many Redis was asked."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			hits, misses := counts()
			o.Observe(hits, metric.WithAttributes(attribute.Bool("kept", true)))
			o.Observe(misses, metric.WithAttributes(attribute.Bool("kept", false)))
			return nil
		}))
	took, err := meter.Float64Histogram("tenure.revocation.confirmation.duration", metric.WithUnit("s"),
		metric.WithDescription("How long it took until no process honoured what was taken away."),
		metric.WithExplicitBucketBoundaries(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2))
	if err := errors.Join(boundErr, readErr, err); err != nil {
		return nil, fmt.Errorf("boot: metrics: %w", err)
	}
	ctx = context.WithoutCancel(ctx)
	return func(d time.Duration, outcome string) {
		took.Record(ctx, d.Seconds(), metric.WithAttributes(attribute.String("outcome", outcome)))
	}, nil
}
