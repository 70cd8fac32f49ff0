package eventlog

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"tenure/internal/events"
)

const streamQuery = `select ` + columns + ` from event_log
	where tenant_id = $1 and stream_type = $2 and stream_id = $3 order by version`

// ReadStream reads the whole history of one thing; none when it has none.
func ReadStream(ctx context.Context, q Querier, s events.Stream) ([]events.Recorded, error) {
	histories, err := ReadStreams(ctx, q, []events.Stream{s})
	if err != nil {
		return nil, err
	}
	return histories[0], nil
}

// ReadStreams reads several histories in one round trip, in the order asked.
func ReadStreams(ctx context.Context, q Querier, streams []events.Stream) ([][]events.Recorded, error) {
	var queries pgx.Batch
	for _, s := range streams {
		queries.Queue(streamQuery, string(s.Tenant), string(s.Type), s.ID)
	}
	results := q.SendBatch(ctx, &queries)
	histories := make([][]events.Recorded, len(streams))
	for i := range streams {
		rows, err := results.Query()
		if err != nil {
			return nil, errors.Join(unread(err, "read a stream"), results.Close())
		}
		if histories[i], err = collect(rows); err != nil {
			return nil, errors.Join(err, results.Close())
		}
	}
	if err := results.Close(); err != nil {
		return nil, unread(err, "read a stream")
	}
	return histories, nil
}

func collect(rows pgx.Rows) ([]events.Recorded, error) {
	defer rows.Close()
	var history []events.Recorded
	row := newScanner(rows)
	for rows.Next() {
		e, err := row.event(false)
		if err != nil {
			return nil, err
		}
		history = append(history, e)
	}
	if err := rows.Err(); err != nil {
		return nil, unread(err, "read a stream")
	}
	return history, nil
}

// ReadLookup lists the streams that are filed under a value, in a stable order,
// at most limit of them.
func ReadLookup(ctx context.Context, q Querier, tenant events.TenantID, kind, value string, limit int) ([]events.Stream, error) {
	rows, err := q.Query(ctx, `select stream_tenant, stream_type, stream_id from lookups
		where tenant_id = $1 and kind = $2 and value = $3
		order by stream_tenant, stream_type, stream_id limit $4`, string(tenant), kind, value, limit)
	if err != nil {
		return nil, unread(err, "look up %s", kind)
	}
	streams, err := pgx.CollectRows(rows, pgx.RowToStructByPos[events.Stream])
	if err != nil {
		return nil, unread(err, "look up %s", kind)
	}
	return streams, nil
}

// CountLookup tells how many streams are filed under a value.
func CountLookup(ctx context.Context, q Querier, tenant events.TenantID, kind, value string) (n int, err error) {
	err = q.QueryRow(ctx, `select count(*) from lookups
		where tenant_id = $1 and kind = $2 and value = $3`, string(tenant), kind, value).Scan(&n)
	if err != nil {
		return 0, unread(err, "count %s", kind)
	}
	return n, nil
}

// ReadClaim tells which stream holds a claim; false when none does.
func ReadClaim(ctx context.Context, q Querier, tenant events.TenantID, kind, value string) (events.Stream, bool, error) {
	var s events.Stream
	err := q.QueryRow(ctx, `select stream_tenant, stream_type, stream_id from claims
		where tenant_id = $1 and kind = $2 and value = $3`, string(tenant), kind, value).Scan(&s.Tenant, &s.Type, &s.ID)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return events.Stream{}, false, nil
	case err != nil:
		return events.Stream{}, false, unread(err, "read a claim of %s", kind)
	}
	return s, true, nil
}

// Answered is what a request was answered before.
type Answered struct {
	RequestHash string
	Response    string
	Position    events.Position
}

// ReadIdempotency tells what a request with this key was answered before; false
// when it was not, or when that is forgotten.
func ReadIdempotency(ctx context.Context, q Querier, i Idempotency, now time.Time) (Answered, bool, error) {
	var a Answered
	err := q.QueryRow(ctx, `select request_hash, response, position from idempotency
		where tenant_id = $1 and principal = $2 and route = $3 and key = $4 and expires_at > $5`,
		string(i.Tenant), i.Principal, i.Route, i.Key, now).Scan(&a.RequestHash, &a.Response, &a.Position)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Answered{}, false, nil
	case err != nil:
		return Answered{}, false, unread(err, "read an idempotency key")
	}
	return a, true, nil
}

// PositionAt is the last position that was recorded before t; 0 when none was.
// Times never decrease along the log, so it is found by bisection, with one
// look at one row for each halving.
func PositionAt(ctx context.Context, q Querier, t time.Time) (events.Position, error) {
	head, err := Head(ctx, q)
	if err != nil {
		return 0, err
	}
	low, high := events.Position(0), head.Position // low is before t, or the beginning
	for low < high {
		middle := low + (high-low+1)/2
		var at time.Time
		err := q.QueryRow(ctx, `select recorded_at from event_log where position = $1`, int64(middle)).Scan(&at)
		if err != nil {
			return 0, unread(err, "when was %d", middle)
		}
		if at.Before(t) {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low, nil
}
