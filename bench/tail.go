package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/feed"
)

func tail() row {
	return row{
		key: "tail", name: "a tail reader through Watermill",
		against: "pages of 500 of the same rows with the driver alone",
		unit:    "events/s", goal: always(0.6),
		open: func(ctx context.Context, s *stage) (pair, error) {
			address, err := s.database(ctx)
			if err != nil {
				return pair{}, err
			}
			readers, err := s.pool(ctx, address, 4, func(c *pgxpool.Config) { c.AfterConnect = eventlog.ReaderSession })
			if err != nil {
				return pair{}, err
			}
			one, err := s.pool(ctx, address, 1, nil)
			return pair{ours: reading(throughFeed(readers, s.events)), peer: reading(byDriver(one))}, err
		},
	}
}

// pass reads the whole log once, and tells how many events it read and how long
// that took.
type pass func(ctx context.Context) (int, time.Duration, error)

// reading reads the log again and again, and counts the events in a second.
func reading(once pass) side {
	return func(ctx context.Context, d time.Duration) (float64, error) {
		var total int
		var took time.Duration
		for took < d {
			n, t, err := once(ctx)
			if err != nil {
				return 0, err
			}
			total, took = total+n, took+t
		}
		return float64(total) / took.Seconds(), nil
	}
}

// throughFeed is a consumer that was never here before, from its start until it
// has seen the last event.
func throughFeed(pool *pgxpool.Pool, last int) pass {
	return func(ctx context.Context) (int, time.Duration, error) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		var took time.Duration
		seen, began := 0, time.Now()
		f := &feed.Feed{Pool: pool, Logger: slog.Default()}
		err := f.Run(ctx, feed.Consumer{
			Name: "bench-" + uuid.NewString(), Start: feed.FromBeginning,
			Fold: func(_ context.Context, b events.Batch) error {
				seen += len(b.Events)
				if seen >= last && took == 0 {
					took = time.Since(began)
					stop()
				}
				return nil
			},
		})
		if err == nil && seen != last {
			err = fmt.Errorf("read %d events of %d: %w", seen, last, context.Cause(ctx))
		}
		return seen, took, err
	}
}

// byDriver asks for page after page and scans the rows, and nothing else.
func byDriver(pool *pgxpool.Pool) pass {
	return func(ctx context.Context) (int, time.Duration, error) {
		began, total, last := time.Now(), 0, int64(0)
		for {
			n, err := page(ctx, pool, &last)
			if err != nil || n == 0 {
				return total, time.Since(began), err
			}
			total += n
		}
	}
}

// page reads 500 events after last, and moves it.
func page(ctx context.Context, pool *pgxpool.Pool, last *int64) (n int, err error) {
	rows, err := pool.Query(ctx, `select position, tenant_id, stream_type, stream_id, version, event_id, type, schema, data, meta, recorded_at
		from event_log where position > $1 order by position limit 500`, *last)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var tenant, streamType, stream, name string
		var version int64
		var schema int
		var id [16]byte
		var data, meta []byte
		var at time.Time
		if err := rows.Scan(last, &tenant, &streamType, &stream, &version, &id, &name, &schema, &data, &meta, &at); err != nil {
			return 0, err
		}
		n++
	}
	return n, rows.Err()
}
