package feed

import (
	"context"
	"errors"
	"fmt"
	"time"

	wsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/jackc/pgx/v5"

	"tenure/internal/events"
)

const (
	// patience is how long the end of a turn may take, which is not cut off
	// when the feed is to stop.
	patience = 15 * time.Second
	// hang is longer than the server lets any statement of a turn take: after
	// that the server is not there any more.
	hang = 45 * time.Second
)

// errUnhandled says that a message never reached its consumer.
var errUnhandled = errors.New("the batch was not handled")

// turn is one transaction of one consumer: Watermill's Tx. It moves the offset
// once or leaves no trace.
type turn struct {
	*turns
	tx     pgx.Tx
	page   page
	failed error // what the consumer said of the batch; errUnhandled until it did
	moved  bool  // the offset is where the batch ends, once this is committed
}

// QueryContext takes the lock, which is what lock and args say, and reads the
// batch. It gives one row, or none when nothing is new. Until then nobody has
// seen anything of the turn, so it is given up when the feed is to stop.
func (t *turn) QueryContext(_ context.Context, lock string, args ...any) (wsql.Rows, error) {
	from, former, err := t.place(t.running, lock, args...)
	if err != nil {
		return nil, t.pace.note(err)
	}
	b, err := t.read(t.running, from)
	if err != nil {
		return nil, t.pace.note(err)
	}
	t.page = page{former: former, batch: b}
	return &rows{page: &t.page, more: b.Through.Position > b.From.Position}, nil
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
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := t.tx.Commit(ctx)
	if err != nil {
		// It may be durable all the same. The next turn finds out, since it
		// begins where the table says.
		t.health.uncommitted()
		return t.pace.note(fmt.Errorf("commit: %w", err))
	}
	return nil
}

// Rollback ends the turn without a trace. If that fails, so has the connection,
// and the server rolls back by itself.
func (t *turn) Rollback() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := t.tx.Rollback(ctx); err != nil && !errors.Is(err, pgx.ErrTxClosed) {
		t.logger.Debug("feed: a turn's connection broke while it rolled back", "error", err)
	}
	return nil
}

// page is the row that Watermill is given.
type page struct {
	former *int64 // the newest offset in the table; nil: none
	batch  events.Batch
}

// rows is a result of one page or none: Watermill's Rows.
type rows struct {
	page *page
	more bool
}

// Next tells whether there is a row that was not read yet.
func (r *rows) Next() bool {
	more := r.more
	r.more = false
	return more
}

// Scan hands over the page itself; nothing is copied.
func (r *rows) Scan(into ...any) error {
	if to, ok := into[0].(**page); ok && len(into) == 1 {
		*to = r.page
		return nil
	}
	return errors.New("feed: a row of the log is scanned into one page")
}

// Close does nothing.
func (r *rows) Close() error { return nil }
