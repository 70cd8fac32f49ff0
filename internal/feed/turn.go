package feed

import (
	"context"
	"errors"
	"fmt"
	"time"

	wsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

const (
	// patience is how long the end of a turn may take, which is not cut off
	// when the feed is to stop.
	patience = 15 * time.Second
	// hang is longer than the server lets the beginning of a turn take: after
	// that the server is not there any more.
	hang = 90 * time.Second
	// short is a batch that no limit can have cut: so many events of the
	// largest size fill no page. Where it ends the log ended when it was read.
	short = 16
)

// errUnhandled says that a message never reached its consumer.
var errUnhandled = errors.New("the batch was not handled")

// turn is one transaction of one consumer: Watermill's Tx. It moves the offset
// once or leaves no trace.
type turn struct {
	*turns
	conn   *pgxpool.Conn
	tx     pgx.Tx // nil until it is open
	page   page
	failed error // what the consumer said of the batch; errUnhandled until it did
	moved  bool  // the offset is where the batch ends, once this is committed
}

// QueryContext opens the turn, asks for the newest offset by the statement that
// batches gave, and reads the batch from there. It gives one row, or none when
// nothing is new. Until then nobody has seen anything of the turn, so it is
// given up when the feed is to stop.
func (t *turn) QueryContext(_ context.Context, newest string, args ...any) (wsql.Rows, error) {
	ctx, cancel := context.WithTimeout(t.running, hang)
	defer cancel()
	o := &opening{Conn: t.conn, lock: lockConsumer, newest: newest, args: args}
	var err error
	if t.page, err = t.next(ctx, o); err != nil {
		return nil, t.pace.note(err)
	}
	b := t.page.batch
	t.pace.atEnd = b.Through.Position-b.From.Position < short
	more := b.Through.Position > b.From.Position
	if !more {
		t.expected = &t.page.batch.From
	}
	return &rows{page: &t.page, more: more}, nil
}

// next opens the turn and reads the page that it is about. It sends along the
// question for the page where the last turn ended. Unless the place is found to
// be another one, under the lock, that saves asking once more.
func (t *turn) next(ctx context.Context, o *opening) (page, error) {
	expected := t.expected
	t.expected = nil
	b, unread := t.read(ctx, o, expected)
	t.tx = o.tx
	if o.err != nil {
		t.registered = !errors.Is(o.err, errUnregistered)
		return page{}, o.err
	}
	from, former, err := t.place(ctx, o.offset)
	if err != nil {
		return page{}, err
	}
	if expected == nil || *expected != from {
		b, unread = t.read(ctx, t.tx, &from)
	}
	return page{former, b}, unread
}

// read reads the batch after from. Nil asks for none, and sends nothing but
// what q sends by itself.
func (t *turn) read(ctx context.Context, q eventlog.Querier, from *events.Mark) (events.Batch, error) {
	if from == nil {
		return events.Batch{}, q.SendBatch(ctx, &pgx.Batch{}).Close()
	}
	return eventlog.ReadBatch(ctx, q, *from, eventlog.Filter{Types: t.consumer.Types})
}

// ExecContext moves the offset, by the statement that offsets gave. It fails
// when the consumer failed, and when the offset is not where it was: then
// someone took a turn without the lock, or gave the offset another value.
func (t *turn) ExecContext(ctx context.Context, move string, args ...any) (wsql.Result, error) {
	if t.failed != nil {
		return nil, t.pace.note(t.failed)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tag, err := t.tx.Exec(ctx, move, args...)
	switch {
	case err != nil:
		return nil, t.pace.note(fmt.Errorf("move the offset: %w", err))
	case tag.RowsAffected() != 1:
		return nil, t.pace.note(errMoved)
	}
	if err := t.prune(ctx); err != nil {
		return nil, t.pace.note(err)
	}
	t.moved = true
	return wsql.PgxResult{CommandTag: tag}, nil
}

// Commit ends the turn. Watermill also calls it when there was nothing to do,
// or when it gave up: unless the offset moved, the turn is rolled back. If the
// process dies before the commit is durable, the batch comes again; a
// reaction's writes are then gone with the offset.
func (t *turn) Commit() error {
	if !t.moved {
		return t.Rollback()
	}
	defer t.conn.Release()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := t.tx.Commit(ctx); err != nil {
		// It may be durable all the same. The next turn finds out, since it
		// begins where the table says.
		t.health.uncommitted()
		return t.pace.note(fmt.Errorf("commit: %w", err))
	}
	t.expected = &t.page.batch.Through
	return nil
}

// Rollback ends the turn without a trace. If that fails, so has the connection,
// and the server rolls back by itself.
func (t *turn) Rollback() error {
	defer t.conn.Release()
	if t.tx == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := t.tx.Rollback(ctx); err != nil && !errors.Is(err, pgx.ErrTxClosed) {
		t.logger.Debug("feed: a turn's connection broke while it rolled back", "error", err)
	}
	return nil
}
