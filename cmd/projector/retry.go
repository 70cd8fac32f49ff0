package main

import (
	"context"
	"errors"
	"fmt"

	"tenure/internal/docstore"
	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/projections"
)

type retry struct {
	Name string   `arg:"" help:"The read model."`
	Keys []string `arg:"" optional:"" name:"key" help:"Documents by their keys; all that are parked when none is given."`
}

// Run applies to parked documents the events that wait beside them, and prints
// what became of each. It fails when any stays parked. Projectors may run
// meanwhile.
func (c retry) Run(ctx context.Context, t *terminal) (err error) {
	opened, err := openFor(ctx, "projector retry", t.environ)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.close(ctx)) }()
	keys := make([]docstore.Key, len(c.Keys))
	for i, k := range c.Keys {
		keys[i] = docstore.Key(k)
	}
	parked := 0
	r := projections.NewRetry(opened.mongo, opened.redis, opened.readAt)
	err = r.Run(ctx, c.Name, keys, func(done projections.Retried) {
		fmt.Fprintln(t.stdout, outcome(done))
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
