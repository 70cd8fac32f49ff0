package eventlog

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tenure/internal/events"
)

// One select covers at most this much, so that no reader holds a snapshot for
// long or a page that does not fit in memory.
const (
	MaxPositions = 10_000
	MaxEvents    = 500
	maxPageBytes = 8 << 20
)

// maxRead is how long a reader waits for one select. The server has a limit of
// its own, which does not act when the connection is what hangs.
const maxRead = 30 * time.Second

// ErrForked says that a checkpoint is not of this log: the log is another one,
// is shorter, or has another event there. It was restored and went on
// differently; what was folded from the former one must be folded anew.
var ErrForked = errors.New("log_forked: the checkpoint is not of this log")

// ErrUndecodable says that an event in the log is unknown to this program,
// which is therefore older than the log, or wrong.
var ErrUndecodable = errors.New("eventlog: an event cannot be decoded")

// Querier is what a pool, a connection and a transaction have in common.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// Filter chooses events. What is zero is not asked for.
type Filter struct {
	Types      []string          // nil: all
	Tenants    []events.TenantID // nil: all; empty and not nil: none
	StreamType events.StreamType
	StreamID   string
	Actor      events.UserID
	// Limit is at most MaxEvents, which it is when zero.
	Limit int
	// Raw keeps the payload's bytes in Recorded.Data beside the payload.
	Raw bool
}

// boundsQuery gives the log, the event at the checkpoint, and the last place
// that a page from there can reach.
const boundsQuery = `
	select h.log_id, (select l.event_id from event_log l where l.position = $1), t.position, t.event_id
	from log_head h left join lateral (
		select l.position, l.event_id from event_log l where l.position <= $1::bigint + 10000
		order by l.position desc limit 1) t on true
	where h.only_row`

// pageQuery gives the events of a page, each with the bytes of the page up to
// and with it. Sizes are known without reading what is stored elsewhere.
const pageQuery = `
	select ` + columns + `, upto from (
		select l.*, sum(pg_column_size(l.data) + pg_column_size(l.meta)) over (order by l.position) as upto
		from event_log l
		where l.position > $1 and l.position <= $1::bigint + 10000
			and ($2::text[] is null or l.type = any($2))
			and ($3::text[] is null or l.tenant_id = any($3))
			and ($4 = '' or l.stream_type = $4) and ($5 = '' or l.stream_id = $5)
			and ($6 = '' or l.meta->>'actor_id' = $6)
		order by l.position limit $7) p
	where p.upto - pg_column_size(p.data) - pg_column_size(p.meta) < 8388608
	order by p.position`

// ReadBatch reads what follows a mark: at most 10,000 positions, 500 events and
// 8 MiB, at least one event, in one round trip. Through is From when nothing
// follows; it moves on over a range in which nothing matches. It fails with
// ErrForked when from is not of this log, and with ErrUndecodable.
func ReadBatch(ctx context.Context, q Querier, from events.Mark, f Filter) (events.Batch, error) {
	if from.Position > math.MaxInt64-MaxPositions {
		return events.Batch{}, fmt.Errorf("%w: no log reaches %d", ErrForked, from.Position)
	}
	limit := f.Limit
	if limit <= 0 || limit > MaxEvents {
		limit = MaxEvents
	}
	ctx, cancel := context.WithTimeout(ctx, maxRead)
	defer cancel()
	var both pgx.Batch
	both.Queue(boundsQuery, int64(from.Position))
	both.Queue(pageQuery, int64(from.Position), f.Types, tenants(f.Tenants), string(f.StreamType), f.StreamID, string(f.Actor), limit)
	results := q.SendBatch(ctx, &both)
	b, err := readBatch(results, from, limit, f.Raw)
	if closed := results.Close(); err == nil && closed != nil {
		err = unread(closed, "read after %d", from.Position)
	}
	return b, err
}

func readBatch(results pgx.BatchResults, from events.Mark, limit int, raw bool) (events.Batch, error) {
	reach, err := readBounds(results, &from)
	if err != nil {
		return events.Batch{}, err
	}
	rows, err := results.Query()
	if err != nil {
		return events.Batch{}, unread(err, "read after %d", from.Position)
	}
	defer rows.Close()
	b := events.Batch{From: from, Through: reach}
	var upto int64
	row := newScanner(rows, &upto)
	for rows.Next() {
		e, err := row.event(raw)
		if err != nil {
			return events.Batch{}, err
		}
		if b.Events == nil {
			b.Events = make([]events.Recorded, 0, min(limit, int(reach.Position-from.Position)))
		}
		b.Events = append(b.Events, e)
	}
	if err := rows.Err(); err != nil {
		return events.Batch{}, unread(err, "read after %d", from.Position)
	}
	// A page that was cut, or that saw an append which the first statement did
	// not, ends at its last event.
	if n := len(b.Events); n > 0 {
		if last := b.Events[n-1]; n == limit || upto >= maxPageBytes || last.Position > reach.Position {
			b.Through.Position, b.Through.Event = last.Position, last.ID
		}
	}
	return b, nil
}

// readBounds proves that from is of this log, fills in its log where it named
// none, and gives the last place that a page from there can reach.
func readBounds(results pgx.BatchResults, from *events.Mark) (events.Mark, error) {
	var log uuid.UUID
	var there, last *uuid.UUID
	var position *int64
	if err := results.QueryRow().Scan(&log, &there, &position, &last); err != nil {
		return events.Mark{}, unread(err, "read the head")
	}
	switch {
	case from.Log != (events.LogID{}) && from.Log != events.LogID(log):
		return events.Mark{}, fmt.Errorf("%w: it is of log %s, this is log %s", ErrForked, from.Log, log)
	case from.Position < 0 || from.Position > 0 && there == nil:
		return events.Mark{}, fmt.Errorf("%w: it is at %d, which this log has not reached", ErrForked, from.Position)
	case from.Position > 0 && *there != from.Event:
		return events.Mark{}, fmt.Errorf("%w: at %d it has event %s, the log has %s", ErrForked, from.Position, from.Event, *there)
	}
	from.Log = events.LogID(log)
	if position == nil {
		return *from, nil
	}
	return events.Mark{Log: from.Log, Position: events.Position(*position), Event: *last}, nil
}

// Head is the newest place of the log; position 0 when it is empty.
func Head(ctx context.Context, q Querier) (events.Mark, error) {
	return mark(ctx, q, `select h.log_id, t.position, t.event_id from log_head h left join lateral (
		select l.position, l.event_id from event_log l order by l.position desc limit 1) t on true where h.only_row`)
}

// MarkAt is the place at p. It fails with ErrForked when the log has not
// reached p.
func MarkAt(ctx context.Context, q Querier, p events.Position) (events.Mark, error) {
	m, err := mark(ctx, q, `select h.log_id, t.position, t.event_id from log_head h left join lateral (
		select l.position, l.event_id from event_log l where l.position = $1) t on true where h.only_row`, int64(p))
	if err == nil && m.Position != p {
		err = fmt.Errorf("%w: the log has no position %d", ErrForked, p)
	}
	return m, err
}

func mark(ctx context.Context, q Querier, sql string, args ...any) (events.Mark, error) {
	ctx, cancel := context.WithTimeout(ctx, maxRead)
	defer cancel()
	var log uuid.UUID
	var position *int64
	var event *uuid.UUID
	if err := q.QueryRow(ctx, sql, args...).Scan(&log, &position, &event); err != nil {
		return events.Mark{}, unread(err, "read the head")
	}
	m := events.Mark{Log: events.LogID(log)}
	if position != nil {
		m.Position, m.Event = events.Position(*position), *event
	}
	return m, nil
}

func tenants(ids []events.TenantID) []string {
	if ids == nil {
		return nil
	}
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = string(id)
	}
	return texts
}
