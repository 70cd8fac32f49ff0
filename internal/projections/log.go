package projections

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"tenure/internal/events"
)

// Log is the log, and those who follow it, as a rebuild needs them. It is what
// feed and eventlog do, which this package never sees.
type Log struct {
	// Head is the newest place.
	Head func(ctx context.Context) (events.Mark, error)
	// At is the place at a position; it fails when the log has not reached it.
	At func(ctx context.Context, p events.Position) (events.Mark, error)
	// Read gives what follows a place of these types, with the payloads' bytes.
	Read func(ctx context.Context, from events.Mark, types []string) (events.Batch, error)
	// Begin makes a consumer that was never here a known one at a place.
	Begin func(ctx context.Context, consumer string, at events.Mark) error
	// Hold runs work while nobody feeds a consumer. It has to be brief.
	Hold func(ctx context.Context, consumer string, work func(context.Context) error) error
	// Alone runs work in one process at a time for each name.
	Alone func(ctx context.Context, name string, work func(context.Context) error) error
}

// readAhead is how many batches are read before somebody takes them.
const readAhead = 8

// each reads the log after a place up to another, once, and gives every batch
// to all of those who take. They work beside each other and beside the reading,
// each in order. Seen is told how far it is; nil: nobody.
func (l Log) each(ctx context.Context, from, through events.Mark, types []string, seen func(events.Position), take ...func(events.Batch) error) error {
	group, ctx := errgroup.WithContext(ctx)
	var queues []chan events.Batch
	for _, t := range take {
		queue := make(chan events.Batch, readAhead)
		queues = append(queues, queue)
		group.Go(func() error {
			for b := range queue {
				if err := t(b); err != nil {
					return err
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		defer func() {
			for _, q := range queues {
				close(q)
			}
		}()
		return l.read(ctx, from, through, types, func(b events.Batch) error {
			for _, q := range queues {
				select {
				case q <- b:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			if seen != nil {
				seen(min(b.Through.Position, through.Position))
			}
			return nil
		})
	})
	return group.Wait()
}

// read gives the batches after a place until they have come to another.
func (l Log) read(ctx context.Context, from, through events.Mark, types []string, take func(events.Batch) error) error {
	for from.Position < through.Position {
		b, err := l.Read(ctx, from, types)
		if err != nil {
			return err
		}
		if b.Through.Position <= from.Position {
			return fmt.Errorf("%w: it ends at %d, not at %d", ErrForked, from.Position, through.Position)
		}
		if err := take(b); err != nil {
			return err
		}
		from = b.Through
	}
	return nil
}

// typesOf are the types that any of the read models folds.
func typesOf(models []readModel) []string {
	var all []string
	for _, r := range models {
		all = append(all, r.types...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
