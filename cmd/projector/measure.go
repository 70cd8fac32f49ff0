package main

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"tenure/cmd/internal/boot"
	"tenure/internal/projections"
)

// measure tells how far each read model is, whenever somebody looks. A read
// model whose store is away has no figures then, which is worth an alarm too.
func measure(t *boot.Telemetry, s *stores) error {
	meter := t.Meters.Meter("tenure/cmd/projector")
	position, err := meter.Int64ObservableGauge("tenure.projection.position",
		metric.WithDescription("The place in the log that a read model shows."))
	if err != nil {
		return fmt.Errorf("projector: metrics: %w", err)
	}
	behind, err := meter.Int64ObservableGauge("tenure.projection.lag.events",
		metric.WithDescription("How many places of the log a read model is behind."))
	if err != nil {
		return fmt.Errorf("projector: metrics: %w", err)
	}
	since, err := meter.Float64ObservableGauge("tenure.projection.lag", metric.WithUnit("s"),
		metric.WithDescription("How long ago the first event was recorded that a read model lacks."))
	if err != nil {
		return fmt.Errorf("projector: metrics: %w", err)
	}
	parked, err := meter.Int64ObservableGauge("tenure.projection.parked",
		metric.WithDescription("How many documents of a read model are shown as they were before an event that could not be applied."))
	if err != nil {
		return fmt.Errorf("projector: metrics: %w", err)
	}
	progress := projections.NewProgress(projections.NewGenerations(s.mongo, s.redis))
	_, err = meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		for _, p := range progress.Status(ctx, s.lag) {
			if p.LastError != "" || p.Generation == 0 || p.State == projections.IsRetired {
				continue
			}
			which := metric.WithAttributes(attribute.String("projection", p.Name), attribute.Int("version", p.Version), attribute.Int("generation", p.Generation),
				attribute.String("state", string(p.State)))
			o.ObserveInt64(position, int64(p.At.Position), which)
			o.ObserveInt64(behind, p.Lag.Events, which)
			o.ObserveFloat64(since, p.Lag.For.Seconds(), which)
			o.ObserveInt64(parked, p.ParkedCount, which)
		}
		return nil
	}, position, behind, since, parked)
	if err != nil {
		return fmt.Errorf("projector: metrics: %w", err)
	}
	return nil
}
