package eventlog

import (
	"context"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tenure/internal/events"
)

// MaxAudited is how many events an auditor's page has at most.
const MaxAudited = 1000

// endOfTime is a position that no log reaches.
const endOfTime = events.Position(math.MaxInt64 - MaxPositions)

// Audited is a page of what an auditor sees.
type Audited struct {
	Events []events.Recorded
	// Through is the last position that was looked at. It is where the page
	// began when nothing in sight follows.
	Through events.Position
}

// The statements differ in where they begin. Who sees all goes along the
// positions. Who sees some tenants goes along each one's own events, and never
// over those of others: the log may hold a million of these for one of his.
//
// "= any(array[...])" is an equality that the planner does not reason with, so
// that only event_log_by_tenant gives the order that is asked for; with sorting
// priced high, no plan is left that walks over other tenants' events. With "="
// the order would be that of the positions alone, and the primary key would
// serve while statistics know of one tenant.
const (
	// allReach is the 10,000th event after $1, or the last one.
	allReach = `select coalesce((select l.position from event_log l
		where l.position <= $1::bigint + $2::bigint order by l.position desc limit 1), 0)`
	// tenantsReach is the place up to which no tenant has more than $2 events
	// after $1, or else the last event of any of them.
	tenantsReach = `select coalesce(
		(select min(cut.position) from unnest($3::text[]) t(tenant) cross join lateral (
			select l.position from event_log l where l.tenant_id = any(array[t.tenant]) and l.position > $1
			order by l.tenant_id, l.position offset $2::bigint - 1 limit 1) cut),
		(select max(last.position) from unnest($3::text[]) t(tenant) cross join lateral (
			select l.position from event_log l where l.tenant_id = any(array[t.tenant])
			order by l.tenant_id desc, l.position desc limit 1) last), 0)`

	asked = ` and ($3::text[] is null or l.type = any($3))
		and ($4 = '' or l.stream_type = $4) and ($5 = '' or l.stream_id = $5)
		and ($6 = '' or l.meta->>'actor_id' = $6)`
	allFrom = `select l.* from event_log l
		where l.position > $1 and l.position <= $2` + asked + ` order by l.position limit $7`
	tenantsFrom = `select l.* from unnest($8::text[]) t(tenant) cross join lateral (
			select l.* from event_log l
			where l.tenant_id = any(array[t.tenant]) and l.position > $1 and l.position <= $2` + asked + `
			order by l.tenant_id, l.position limit $7) l
		order by l.position limit $7`

	// pageOf cuts what it is given where it has 8 MiB, after one event at least.
	pageOf = `select ` + columns + `, upto from (
			select l.*, sum(pg_column_size(l.data) + pg_column_size(l.meta)) over (order by l.position) as upto from (`
	upToBytes = `) l) p
		where p.upto - pg_column_size(p.data) - pg_column_size(p.meta) < 8388608
		order by p.position`

	allPage     = pageOf + allFrom + upToBytes
	tenantsPage = pageOf + tenantsFrom + upToBytes

	allLast = `select h.log_id, l.position, l.event_id, l.recorded_at from log_head h left join lateral (
		select * from event_log l where l.position <= $1 order by l.position desc limit 1) l on true`
	tenantsLast = `select h.log_id, l.position, l.event_id, l.recorded_at from log_head h left join lateral (
		select l.* from unnest($2::text[]) t(tenant) cross join lateral (
			select * from event_log l where l.tenant_id = any(array[t.tenant]) and l.position <= $1
			order by l.tenant_id desc, l.position desc limit 1) l
		order by l.position desc limit 1) l on true`
)

// Page reads what follows a position and is in sight: it looks at no more than
// 10,000 events, and gives at most f.Limit of them, 500 when that is zero,
// never more than 1,000, and 8 MiB, but one event at least. It moves on over
// events that f does not ask for. The sight takes the place of f.Tenants, which
// is refused.
func (a *Auditor) Page(ctx context.Context, s Sight, after events.Position, f Filter) (page Audited, err error) {
	if f.Tenants != nil {
		return Audited{}, refuse("a filter of tenants beside an auditor's sight")
	}
	if f.Limit <= 0 {
		f.Limit = MaxEvents
	}
	f.Limit = min(f.Limit, MaxAudited)
	page.Through = min(max(after, 0), endOfTime)
	err = a.read(ctx, s, "read the log for an auditor", func(ctx context.Context, tx pgx.Tx, named []string) error {
		reach, err := reachOf(ctx, tx, named, page.Through)
		if err != nil || reach <= page.Through {
			return err
		}
		page, err = readPage(ctx, tx, named, page.Through, reach, f)
		return err
	})
	return page, err
}

// reachOf is the last position that a page from there can reach.
func reachOf(ctx context.Context, tx pgx.Tx, named []string, after events.Position) (reach events.Position, err error) {
	if named == nil {
		err = tx.QueryRow(ctx, allReach, int64(after), MaxPositions).Scan(&reach)
	} else {
		err = tx.QueryRow(ctx, tenantsReach, int64(after), max(1, MaxPositions/max(1, len(named))), named).Scan(&reach)
	}
	if err != nil {
		return 0, unread(err, "find an auditor's reach after %d", after)
	}
	return reach, nil
}

func readPage(ctx context.Context, tx pgx.Tx, named []string, after, reach events.Position, f Filter) (Audited, error) {
	statement := allPage
	args := []any{int64(after), int64(reach), f.Types, string(f.StreamType), f.StreamID, string(f.Actor), f.Limit}
	if named != nil {
		statement, args = tenantsPage, append(args, named)
	}
	rows, err := tx.Query(ctx, statement, args...)
	if err != nil {
		return Audited{}, unread(err, "read for an auditor after %d", after)
	}
	defer rows.Close()
	page := Audited{Through: reach}
	var upto int64
	for row := newScanner(rows, &upto); rows.Next(); {
		e, err := row.event(f.Raw)
		if err != nil {
			return Audited{}, err
		}
		page.Events = append(page.Events, e)
	}
	if err := rows.Err(); err != nil {
		return Audited{}, unread(err, "read for an auditor after %d", after)
	}
	if n := len(page.Events); n == f.Limit || upto >= maxPageBytes {
		page.Through = page.Events[n-1].Position
	}
	return page, nil
}

// Event reads the event at p; false when there is none in sight.
func (a *Auditor) Event(ctx context.Context, s Sight, p events.Position, raw bool) (e events.Recorded, found bool, err error) {
	err = a.read(ctx, s, "read an event for an auditor", func(ctx context.Context, tx pgx.Tx, named []string) error {
		rows, err := tx.Query(ctx, `select `+columns+` from event_log
			where position = $1 and ($2::text[] is null or tenant_id = any($2))`, int64(p), named)
		if err != nil {
			return unread(err, "read the event at %d", p)
		}
		defer rows.Close()
		if found = rows.Next(); found {
			if e, err = newScanner(rows).event(raw); err != nil {
				return err
			}
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return unread(err, "read the event at %d", p)
		}
		return nil
	})
	return e, found && err == nil, err
}

// lastUpTo is the last event in sight at p or before.
func lastUpTo(ctx context.Context, tx pgx.Tx, named []string, p events.Position) (events.Mark, error) {
	m, _, err := last(ctx, tx, named, p)
	return m, err
}

// recordedBefore tells whether what is in sight up to p was recorded before t.
func recordedBefore(ctx context.Context, tx pgx.Tx, named []string, p events.Position, t time.Time) (bool, error) {
	_, at, err := last(ctx, tx, named, p)
	return err == nil && at.Before(t), err
}

func last(ctx context.Context, tx pgx.Tx, named []string, p events.Position) (events.Mark, time.Time, error) {
	statement, args := allLast, []any{int64(p)}
	if named != nil {
		statement, args = tenantsLast, append(args, named)
	}
	var log uuid.UUID
	var position *int64
	var event *uuid.UUID
	var at *time.Time
	if err := tx.QueryRow(ctx, statement, args...).Scan(&log, &position, &event, &at); err != nil {
		return events.Mark{}, time.Time{}, unread(err, "read the last event up to %d", p)
	}
	m := events.Mark{Log: events.LogID(log)}
	if position == nil {
		return m, time.Time{}, nil
	}
	m.Position, m.Event = events.Position(*position), *event
	return m, *at, nil
}
