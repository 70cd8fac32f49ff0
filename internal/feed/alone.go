package feed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

// ErrBusy says that another process is at it.
var ErrBusy = errors.New("feed: another process is doing this now")

// holding is how long a consumer may be held, and how long it may take until
// the turn of another process ends.
const holding = 20 * time.Second

// Hold runs work while no turn of a consumer is open in any process, and none
// begins. It has to be brief: the server ends it after a minute. A consumer
// that was never here is not held, since nobody is there to be held up.
func (f *Feed) Hold(ctx context.Context, consumer string, work func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, holding)
	defer cancel()
	return pgx.BeginFunc(ctx, f.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockConsumer, consumer); err != nil {
			return fmt.Errorf("feed: hold %s: %w", consumer, err)
		}
		return work(ctx)
	})
}

// Begin makes a consumer that was never here a known one at a place, which has
// to be of this log: it goes on from there. One that is known is left where it
// is. It fails with eventlog.ErrForked.
//
// Dies the process before the commit, nothing is changed.
func (f *Feed) Begin(ctx context.Context, consumer string, at events.Mark) error {
	return pgx.BeginFunc(ctx, f.Pool, func(tx pgx.Tx) error {
		there, err := eventlog.MarkAt(ctx, tx, at.Position)
		if at.Position == 0 {
			there, err = at, nil
		}
		if err == nil && there != at {
			err = fmt.Errorf("%w: at %d it has event %s, the log has %s", eventlog.ErrForked, at.Position, at.Event, there.Event)
		}
		if err != nil {
			return err
		}
		isNew, err := insertConsumer(ctx, tx, consumer)
		if err == nil && isNew {
			err = insertOffset(ctx, tx, consumer, at)
		}
		if err != nil {
			return fmt.Errorf("feed: begin %s: %w", consumer, err)
		}
		return nil
	})
}

// Alone runs work in no more than one process at a time, for each name. It
// fails with ErrBusy when another one is at it, and ends the context of work
// when it can no longer be sure to be the only one: it holds a lock of the
// session, on a connection of its own that goes through no pooler.
func (f *Feed) Alone(ctx context.Context, name string, work func(context.Context) error) error {
	conn, err := pgx.ConnectConfig(ctx, f.direct())
	if err != nil {
		return fmt.Errorf("feed: connect for a lock: %w", err)
	}
	defer func() { _ = hangUp(ctx, conn) }() // which lets the lock go
	var mine bool
	if err := conn.QueryRow(ctx, `select pg_try_advisory_lock(hashtextextended($1, 0))`, "tenure "+name).Scan(&mine); err != nil {
		return fmt.Errorf("feed: lock %s: %w", name, err)
	}
	if !mine {
		return fmt.Errorf("%w: %s", ErrBusy, name)
	}
	working, end := context.WithCancelCause(ctx)
	defer end(nil)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		end(keep(working, conn))
	}()
	err = work(working)
	if err != nil && ctx.Err() == nil && working.Err() != nil {
		err = errors.Join(err, context.Cause(working))
	}
	end(nil)
	<-watched
	return err
}

// keep asks a connection each second whether it lives, until it does not.
func keep(ctx context.Context, conn *pgx.Conn) error {
	for {
		if sleep(ctx, time.Second, nil); ctx.Err() != nil {
			return ctx.Err()
		}
		asking, cancel := context.WithTimeout(ctx, patience)
		err := conn.Ping(asking)
		cancel()
		if err != nil {
			return fmt.Errorf("feed: the lock is lost: %w", err) // or the work has ended, and nobody asks
		}
	}
}
