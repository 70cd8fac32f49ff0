package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"tenure/internal/docstore"
	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/projections"
)

// retry applies to parked documents the events that wait beside them, and
// prints what became of each. It fails when any stays parked. Projectors may
// run meanwhile.
func retry(ctx context.Context, name string, given, environ []string, stdout io.Writer) (err error) {
	opened, err := openFor(ctx, "projector retry", environ)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.close(ctx)) }()
	keys := make([]docstore.Key, len(given))
	for i, k := range given {
		keys[i] = docstore.Key(k)
	}
	parked := 0
	r := projections.NewRetry(opened.mongo, opened.redis, opened.readAt)
	err = r.Run(ctx, name, keys, func(done projections.Retried) {
		fmt.Fprintln(stdout, outcome(done))
		if done.Parked != nil {
			parked++
		}
	})
	if err == nil && parked > 0 {
		err = fmt.Errorf("%d still parked", parked)
	}
	return err
}

func outcome(r projections.Retried) string {
	switch {
	case r.Parked != nil:
		return fmt.Sprintf("%s: %d applied, parked at %d: %s", r.Key, r.Applied, r.Parked.Position, oneLine(r.Parked.Error))
	case r.Applied == 0:
		return r.Key + ": not parked"
	default:
		return fmt.Sprintf("%s: %d applied, parked no more", r.Key, r.Applied)
	}
}

// readAt reads the first of the events at these places of the log.
func (s *stores) readAt(ctx context.Context, positions []events.Position) ([]events.Recorded, error) {
	return eventlog.ReadAt(ctx, s.log, positions)
}
