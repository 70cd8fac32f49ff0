package feed

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

// place finds where the consumer goes on: at the lower of its checkpoint and
// its newest offset. Former is the newest offset that is in the table from then
// on.
func (t *turn) place(ctx context.Context, offset *events.Mark) (from events.Mark, former *int64, err error) {
	if t.consumer.Resume == nil {
		if offset == nil {
			return from, nil, errNoOffset
		}
		return *offset, positionOf(offset), nil
	}
	var checkpoint events.Mark
	if err := guard(func() (err error) { checkpoint, err = t.consumer.Resume(ctx); return err }); err != nil {
		return from, nil, fmt.Errorf("ask for the checkpoint: %w", err)
	}
	return t.reconcile(ctx, checkpoint, offset)
}

// reconcile brings a projection's own checkpoint and its offset together.
func (t *turn) reconcile(ctx context.Context, checkpoint events.Mark, offset *events.Mark) (events.Mark, *int64, error) {
	switch {
	case offset == nil || checkpoint.Position == offset.Position:
		return checkpoint, positionOf(offset), nil
	case checkpoint.Position > offset.Position:
		// The last turn ended between the fold and its commit. What it folded
		// is in this log, or the log is forked: to go on from the offset would
		// not show it, because the read model skips what it has.
		there, err := eventlog.MarkAt(ctx, t.tx, checkpoint.Position)
		if err == nil && there != checkpoint {
			err = fmt.Errorf("%w: the checkpoint at %d has event %s, the log has %s",
				eventlog.ErrForked, checkpoint.Position, checkpoint.Event, there.Event)
		}
		return *offset, positionOf(offset), err
	default:
		// The read model was restored from an older copy.
		former, err := t.rewind(ctx, checkpoint.Position)
		return checkpoint, former, err
	}
}

// rewind deletes the offsets above a checkpoint and tells the newest one left.
func (t *turn) rewind(ctx context.Context, to events.Position) (*int64, error) {
	if err := deleteOffsetsAbove(ctx, t.tx, t.consumer.Name, to); err != nil {
		return nil, err
	}
	left, err := scanOffset(t.tx.QueryRow(ctx, newestOffset, t.consumer.Name))
	return positionOf(left), err
}

// scanOffset reads a row of newestOffset, nil when there is none.
func scanOffset(row pgx.Row) (*events.Mark, error) {
	var position int64
	var log, event [16]byte
	switch err := row.Scan(&position, &log, &event); {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the offset: %w", err)
	}
	return &events.Mark{Log: log, Position: events.Position(position), Event: event}, nil
}

func positionOf(m *events.Mark) *int64 {
	if m == nil {
		return nil
	}
	position := int64(m.Position)
	return &position
}
