package projections

import (
	"context"
	"fmt"
	"slices"
	"sync"

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
	// Read gives what follows a place of these types, with the payloads' bytes:
	// so many events at most, or fewer.
	Read func(ctx context.Context, from events.Mark, types []string, most int) (events.Batch, error)
	// Begin makes a consumer that was never here a known one at a place.
	Begin func(ctx context.Context, consumer string, at events.Mark) error
	// Hold runs work while nobody feeds a consumer. It has to be brief.
	Hold func(ctx context.Context, consumer string, work func(context.Context) error) error
	// Alone runs work in one process at a time for each name.
	Alone func(ctx context.Context, name string, work func(context.Context) error) error
}

// readAhead is how many batches are taken in before somebody folds them.
const readAhead = 8

// The log is read by several at once, each a stretch of it. So many events are
// in memory at most beside what is folded: to decode them takes longer than to
// fold them.
const (
	readers = 3
	stretch = 10_000 // positions, as many as one page reaches
)

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
		return l.ahead(ctx, from, through, types, func(b events.Batch) error {
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
		b, err := l.Read(ctx, from, types, int(min(through.Position-from.Position, stretch)))
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

// stretchOf is a part of the log that somebody reads.
type stretchOf struct {
	batches chan events.Batch
	err     error // read after batches is closed
}

// ahead is read by several at once. The batches come in order, and hold nothing
// of what is after through.
func (l Log) ahead(ctx context.Context, from, through events.Mark, types []string, take func(events.Batch) error) error {
	ctx, end := context.WithCancel(ctx)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer end()
	order := make(chan *stretchOf, readers-1)
	reading.Go(func() {
		defer close(order)
		for from.Position < through.Position && ctx.Err() == nil {
			s := &stretchOf{batches: make(chan events.Batch, 2*stretch/500)}
			first, last := from, min(from.Position+stretch, through.Position)
			select {
			case order <- s:
			case <-ctx.Done():
				return
			}
			reading.Go(func() { s.read(ctx, l, first, last, types) })
			from = events.Mark{Log: from.Log, Position: last}
		}
	})
	for s := range order {
		for b := range s.batches {
			if err := take(b); err != nil {
				return err
			}
		}
		if s.err != nil {
			return s.err
		}
	}
	return ctx.Err()
}

// read reads a stretch. Where it begins is asked for, unless it is the beginning
// of the log or a place that is known whole.
func (s *stretchOf) read(ctx context.Context, l Log, from events.Mark, last events.Position, types []string) {
	defer close(s.batches)
	if from.Position > 0 && from.Event == (events.EventID{}) {
		if from, s.err = l.At(ctx, from.Position); s.err != nil {
			return
		}
	}
	s.err = l.read(ctx, from, events.Mark{Position: last}, types, func(b events.Batch) error {
		for len(b.Events) > 0 && b.Events[len(b.Events)-1].Position > last {
			b.Events = b.Events[:len(b.Events)-1] // the next stretch has it
		}
		select {
		case s.batches <- b:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
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
