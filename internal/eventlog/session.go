package eventlog

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Channel is where an append announces the new head, in decimal.
const Channel = "tenure_log"

// Limits act for a session, not for a function: set inside a running call they
// come too late. A writer gives up on the lock before its callers give up on
// it; a reader's batch is bounded, so half a minute means that something hangs.
//
// What a database or a login has for defaults must not change what a session
// relies on: with one snapshot for a whole transaction, it is taken before the
// lock; and a warning that is not sent is not heard.
//
// A statement that is prepared while the tables are small keeps its plan while
// they grow, and what is best for a page of a table is ruin for a large one. So
// all reads go along an index, in its order. Where none serves, a scan is priced
// so high that it would be compiled first, for 200 ms: hence jit.
const (
	settings = `set default_transaction_isolation = 'read committed'; set default_transaction_read_only = off; set client_min_messages = notice;
		set enable_seqscan = off; set enable_bitmapscan = off; set jit = off; `
	writerSettings = settings + `set role tenure_writer; set lock_timeout = '5s'; set statement_timeout = '20s'; set idle_in_transaction_session_timeout = '10s'`
	readerSettings = settings + `set role tenure_reader; set statement_timeout = '30s'; set idle_in_transaction_session_timeout = '60s'; set synchronous_commit = off`
)

// WriterSession makes a new connection the appender's: AfterConnect of its
// pool. It fails on a server that would acknowledge what can be lost.
func WriterSession(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, writerSettings); err != nil {
		return fmt.Errorf("eventlog: begin a writer's session: %w", err)
	}
	return checkDurable(ctx, conn)
}

// ReaderSession makes a new connection the feed's. It commits without waiting
// for the disk: what the feed commits are offsets, and a lost one only repeats
// a batch.
func ReaderSession(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, readerSettings); err != nil {
		return fmt.Errorf("eventlog: begin a reader's session: %w", err)
	}
	return nil
}

// ErrNotDurable says that the server may forget what it has acknowledged.
var ErrNotDurable = errors.New("eventlog: the server does not keep what it acknowledges")

func checkDurable(ctx context.Context, conn *pgx.Conn) error {
	var fsync, fullPages, commit string
	err := conn.QueryRow(ctx, `select current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit')`).
		Scan(&fsync, &fullPages, &commit)
	switch {
	case err != nil:
		return fmt.Errorf("eventlog: ask how durable the server is: %w", err)
	case fsync != "on":
		return fmt.Errorf("%w: fsync is %s; turn it on", ErrNotDurable, fsync)
	case fullPages != "on":
		return fmt.Errorf("%w: full_page_writes is %s; turn it on", ErrNotDurable, fullPages)
	case commit == "off":
		return fmt.Errorf("%w: synchronous_commit is off for this role; set it to on, or to remote_apply with a replica", ErrNotDurable)
	}
	return nil
}
