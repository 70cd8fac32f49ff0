package eventlog

import (
	"context"
	"fmt"

	"tenure/internal/events"
)

// positionsQuery gives the events at some places, each with the bytes up to and
// with it.
const positionsQuery = `
	select ` + columns + ` from (
		select l.*, sum(pg_column_size(l.data) + pg_column_size(l.meta)) over (order by l.position) as upto
		from event_log l where l.position = any($1)) p
	where p.upto - pg_column_size(p.data) - pg_column_size(p.meta) < 8388608
	order by p.position`

// ReadAt reads the events at these places, which ascend: the first of them, at
// most 500 and 8 MiB, at least one, in one round trip. Whoever wants the rest
// asks again for what he did not get. It fails with ErrForked when the log has
// not reached one of them, and with ErrUndecodable.
func ReadAt(ctx context.Context, q Querier, positions []events.Position) ([]events.Recorded, error) {
	if len(positions) == 0 {
		return nil, nil
	}
	wanted := make([]int64, 0, min(len(positions), MaxEvents))
	for _, p := range positions[:cap(wanted)] {
		wanted = append(wanted, int64(p))
	}
	ctx, cancel := context.WithTimeout(ctx, maxRead)
	defer cancel()
	rows, err := q.Query(ctx, positionsQuery, wanted)
	if err != nil {
		return nil, unread(err, "read at %d", wanted[0])
	}
	read, err := collect(rows)
	if err != nil {
		return nil, err
	}
	for i, e := range read {
		if e.Position != positions[i] {
			return nil, fmt.Errorf("%w: the log has no position %d", ErrForked, positions[i])
		}
	}
	if len(read) == 0 {
		return nil, fmt.Errorf("%w: the log has no position %d", ErrForked, positions[0])
	}
	return read, nil
}
