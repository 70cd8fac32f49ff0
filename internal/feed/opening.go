package feed

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenure/internal/events"
)

// opening is what a turn says first: it begins the transaction, takes the
// consumer's lock and asks for the newest offset, all in the round trip of the
// statements that it is given to send. The lock is the first statement, and at
// read committed each statement has a snapshot of its own, so whatever is read
// after it was left by the last holder or came later.
type opening struct {
	*pgxpool.Conn
	lock   string // takes the consumer's name
	newest string
	args   []any

	// What was answered.
	tx     pgx.Tx
	offset *events.Mark // nil: there is none
	err    error
}

// SendBatch sends its own statements before those of rest, and gives the
// results of rest.
func (o *opening) SendBatch(ctx context.Context, rest *pgx.Batch) pgx.BatchResults {
	var all pgx.Batch
	all.BeginTx(pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	all.Queue(o.lock, o.args...)
	all.Queue(o.newest, o.args...)
	all.QueuedQueries = append(all.QueuedQueries, rest.QueuedQueries...)
	results := o.Conn.SendBatch(ctx, &all)
	o.tx = results.Tx()
	o.offset, o.err = o.read(results)
	return results
}

func (o *opening) read(results pgx.BatchResults) (*events.Mark, error) {
	if _, err := results.Exec(); err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	locked, err := results.Exec()
	switch {
	case isHeld(err):
		return nil, errHeld
	case err != nil:
		return nil, fmt.Errorf("take the lock: %w", err)
	case locked.RowsAffected() == 0:
		return nil, errUnregistered
	}
	return scanOffset(results.QueryRow())
}

var (
	// errHeld says that another process has the consumer's lock and takes long.
	errHeld = errors.New("feed: another process has the turn")
	// errUnregistered says that an operator made the consumer a new one.
	errUnregistered = errors.New("it is not registered any more")
)

// isHeld tells whether the wait for a lock took longer than the session waits.
func isHeld(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "55P03" || pg.Code == "57014")
}
