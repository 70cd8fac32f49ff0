package main

import (
	"context"
	"time"

	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/projections"
)

// lag is how far the log is ahead of a place: in events, and since when.
func (s *stores) lag(ctx context.Context, at events.Mark) (projections.Lag, error) {
	head, err := s.head(ctx)
	if err != nil || head.Position <= at.Position {
		return projections.Lag{}, err
	}
	lag := projections.Lag{Events: int64(head.Position - at.Position)}
	missing, err := eventlog.ReadBatch(ctx, s.log, at, eventlog.Filter{Limit: 1})
	if err == nil && len(missing.Events) > 0 {
		lag.For = max(0, time.Since(missing.Events[0].RecordedAt))
	}
	return lag, err
}
