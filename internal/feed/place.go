package feed

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

// errHeld says that another process has the consumer's lock and takes long.
var errHeld = errors.New("feed: another process has the turn")

// place takes the consumer's lock and finds where it goes on: at the lower of
// its checkpoint and its newest offset. Former is the newest offset that is in
// the table from then on.
func (t *turn) place(ctx context.Context, lock string, args ...any) (from events.Mark, former *int64, err error) {
	offset, err := t.lock(ctx, lock, args...)
	if err != nil {
		return from, nil, err
	}
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

// lock waits for the consumer's turn and reads its newest offset, nil when
// there is none. The lock is the first statement of the transaction: what is
// read after it was left by the last holder. Both go in one round trip.
func (t *turn) lock(ctx context.Context, lock string, args ...any) (offset *events.Mark, err error) {
	ctx, cancel := context.WithTimeout(ctx, hang)
	defer cancel()
	var both pgx.Batch
	both.Queue(lock, args...)
	both.Queue(newestOffset, t.consumer.Name)
	results := t.tx.SendBatch(ctx, &both)
	defer func() { err = errors.Join(err, results.Close()) }()

	var name string
	switch err := results.QueryRow().Scan(&name); {
	case isHeld(err):
		return nil, errHeld
	case errors.Is(err, pgx.ErrNoRows):
		t.registered = false // its row was deleted, so it is a new one
		return nil, errors.New("it is not registered any more")
	case err != nil:
		return nil, fmt.Errorf("take the lock: %w", err)
	}
	return scanOffset(results.QueryRow())
}

// isHeld tells whether the wait for a lock took longer than the session waits.
func isHeld(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "55P03" || pg.Code == "57014")
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
	var log, event uuid.UUID
	switch err := row.Scan(&position, &log, &event); {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the offset: %w", err)
	}
	return &events.Mark{Log: events.LogID(log), Position: events.Position(position), Event: event}, nil
}

func positionOf(m *events.Mark) *int64 {
	if m == nil {
		return nil
	}
	position := int64(m.Position)
	return &position
}
