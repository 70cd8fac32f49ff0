package feed

import (
	"context"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

// ahead reads the batches after the one in hand, at most two, while that is
// worked on, on a connection that it holds no longer than it reads. What
// follows a mark of the log never changes, so it does not matter that it is
// read without the consumer's lock; the turn that uses a batch proves that it
// begins at its place and ends in this log.
type ahead struct {
	cancel  context.CancelFunc
	batches chan events.Batch // in order; closed where a turn has to look by itself
}

// lookAhead begins to read what follows b, if much does.
func (ts *turns) lookAhead(b events.Batch) {
	if ts.ahead != nil || !full(b) {
		return
	}
	ctx, cancel := context.WithCancel(ts.running)
	ts.ahead = &ahead{cancel: cancel, batches: make(chan events.Batch, 1)}
	go ts.readOn(ctx, b, ts.ahead.batches)
}

// readOn reads batch after batch until one is not full.
func (ts *turns) readOn(ctx context.Context, b events.Batch, to chan<- events.Batch) {
	defer close(to)
	for err := error(nil); full(b); {
		if b, err = ts.readPage(ctx, ts.pool, b.Through); err != nil {
			return // the turn meets the error too, and reports it
		}
		select {
		case to <- b:
		case <-ctx.Done():
			return
		}
	}
}

func (ts *turns) readPage(ctx context.Context, q eventlog.Querier, from events.Mark) (events.Batch, error) {
	ctx, cancel := context.WithTimeout(ctx, hang)
	defer cancel()
	return eventlog.ReadBatch(ctx, q, from, eventlog.Filter{Types: ts.consumer.Types})
}

// short is a batch that no limit can have cut: so many events of the largest
// size fill no page. Where it ends the log ended when it was read.
const short = 16

// full tells whether a batch ended because it may not be longer.
func full(b events.Batch) bool {
	return len(b.Events) >= eventlog.MaxEvents || b.Through.Position-b.From.Position >= eventlog.MaxPositions
}

// forget ends what was begun by lookAhead, and waits for its end.
func (ts *turns) forget() {
	if ts.ahead == nil {
		return
	}
	ts.ahead.cancel()
	for range ts.ahead.batches { // until it is closed
	}
	ts.ahead = nil
}

// read gives the batch after from.
func (t *turn) read(ctx context.Context, from events.Mark) (b events.Batch, err error) {
	b, ok := t.fromAhead(ctx, from)
	if !ok {
		t.forget()
		b, err = t.readPage(ctx, t.tx, from)
	}
	if err != nil {
		return b, err
	}
	t.pace.atEnd = b.Through.Position-b.From.Position < short
	t.lookAhead(b)
	return b, nil
}

// fromAhead gives the batch after from if it was read ahead and is of this log:
// since positions are dense, a log that has its last event has all of it. That
// nothing follows is not for it to say.
func (t *turn) fromAhead(ctx context.Context, from events.Mark) (events.Batch, bool) {
	if t.ahead == nil {
		return events.Batch{}, false
	}
	for b := range t.ahead.batches {
		if b.From.Position < from.Position {
			continue // another process had that turn
		}
		if b.From != from || b.Through == b.From {
			break
		}
		end, err := eventlog.MarkAt(ctx, t.tx, b.Through.Position)
		return b, err == nil && end == b.Through
	}
	return events.Batch{}, false
}
