package main

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"tenure/internal/events"
)

// load fills a new database with users, each with one event and one claim, and
// leaves it as one that has been running for a while.
func (b *bench) load(ctx context.Context, address string) (err error) {
	if err := migrate(ctx, address); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"event_log"}, eventColumns,
		pgx.CopyFromSlice(b.events, firstEvent)); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, `insert into claims
		select 'platform', $1, encode(sha256(convert_to(stream_id, 'UTF8')), 'hex'), tenant_id, stream_type, stream_id
		from event_log`, claimKind); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, `vacuum analyze`)
	return err
}

// firstEvent is the first event of a new user, at position i+1.
func firstEvent(i int) ([]any, error) {
	user, err := newCaller(i)
	if err != nil {
		return nil, err
	}
	return user.eventRow(int64(i)+1, time.Now()), nil
}

var eventColumns = []string{
	"position", "tenant_id", "stream_type", "stream_id", "version", "event_id", "type", "schema", "data", "meta", "recorded_at",
}

// eventRow is the caller's next event, in the order of eventColumns.
func (c *caller) eventRow(position int64, at time.Time) []any {
	c.version++
	return []any{
		position, string(c.stream.Tenant), string(c.stream.Type), c.stream.ID, int64(c.version), [16]byte(newID()),
		c.name, int32(c.schema), c.data, c.raw, at,
	}
}

// claimRow is a claim that nobody holds, in the order of the columns.
func (c *caller) claimRow() []any {
	return []any{
		string(events.Platform), claimKind, newClaim(), string(c.stream.Tenant), string(c.stream.Type), c.stream.ID,
	}
}

const claimKind = "user.email"
