package feed

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	wsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/jackc/pgx/v5"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

// turns opens a consumer's turns, one after the other: Watermill's Beginner.
// It remembers nothing of a turn that the next would rely on, because another
// process may have a turn of this consumer in between.
type turns struct {
	*runner
	running    context.Context // ends when no further turn is to begin
	pace       *pace
	expected   *events.Mark // where the next turn begins unless somebody else has one before
	registered bool
	count      int
}

// BeginTx gives a turn that opens with its first question.
func (ts *turns) BeginTx(context.Context, *sql.TxOptions) (wsql.Tx, error) {
	ctx, cancel := context.WithTimeout(ts.running, hang)
	defer cancel()
	if err := ts.register(ctx); err != nil {
		return nil, ts.pace.note(err)
	}
	conn, err := ts.pool.Acquire(ctx)
	if err != nil {
		return nil, ts.pace.note(fmt.Errorf("get a connection: %w", err))
	}
	return &turn{turns: ts, conn: conn, failed: errUnhandled}, nil
}

// register makes a consumer that was never here a known one, at the place
// where it starts. From then on a missing offset is no new beginning.
func (ts *turns) register(ctx context.Context) error {
	if ts.registered {
		return nil
	}
	err := pgx.BeginFunc(ctx, ts.pool, func(tx pgx.Tx) error {
		isNew, err := insertConsumer(ctx, tx, ts.consumer.Name)
		if err != nil || !isNew {
			return err
		}
		first, err := eventlog.Head(ctx, tx)
		if ts.consumer.Start == FromBeginning {
			first = events.Mark{Log: first.Log}
		}
		if err != nil {
			return err
		}
		return insertOffset(ctx, tx, ts.consumer.Name, first)
	}) // if the process dies before this commit the consumer was never here; after it, it is at its start
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	ts.registered = true
	return nil
}

var errOutsideTurn = errors.New("feed: a statement outside of a turn")

// ExecContext is refused: nothing is done outside of a turn.
func (ts *turns) ExecContext(context.Context, string, ...any) (wsql.Result, error) {
	return nil, errOutsideTurn
}

// QueryContext is refused: nothing is read outside of a turn.
func (ts *turns) QueryContext(context.Context, string, ...any) (wsql.Rows, error) {
	return nil, errOutsideTurn
}
