package feed_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/feed"
	"tenure/internal/testkit"
)

// BenchmarkTail reads a log of 100,000 events through the feed, and beside it
// the same rows in pages of 500 with the driver alone.
func BenchmarkTail(b *testing.B) {
	const length = 100_000
	w := newWorld(b)
	for range length / 10_000 {
		w.appendSilently(some(10_000)...)
	}
	w.exec(`vacuum analyze event_log`)
	pool := testkit.OpenPostgres(b, w.url, eventlog.ReaderSession)
	b.Run("driver", func(b *testing.B) {
		for b.Loop() {
			pages(b, pool, length)
		}
		b.ReportMetric(length*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	})
	b.Run("batches", func(b *testing.B) {
		for b.Loop() {
			for at := (events.Mark{}); at.Position < length; {
				batch, err := eventlog.ReadBatch(b.Context(), pool, at, eventlog.Filter{})
				if err != nil {
					b.Fatal(err)
				}
				at = batch.Through
			}
		}
		b.ReportMetric(length*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	})
	b.Run("feed", func(b *testing.B) {
		for b.Loop() {
			w.exec(`truncate feed_consumers, feed_offsets`)
			f := feed.Feed{Pool: pool}
			ctx, cancel := context.WithCancel(b.Context())
			if err := f.Run(ctx, counter(length, cancel)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(length*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	})
}

// counter is a consumer that counts, and calls done at the end.
func counter(length int, done func()) feed.Consumer {
	seen := 0
	return feed.Consumer{Name: "counter", Start: feed.FromBeginning, Fold: func(_ context.Context, b events.Batch) error {
		if seen += len(b.Events); seen >= length {
			done()
		}
		return nil
	}}
}

// pages reads the log as a program would that has nothing but the driver.
func pages(b testing.TB, pool *pgxpool.Pool, length int64) {
	b.Helper()
	for at := int64(0); at < length; {
		rows, err := pool.Query(b.Context(), `select position, tenant_id, stream_type, stream_id, version, event_id,
			type, schema, data, meta, recorded_at from event_log where position > $1 order by position limit 500`, at)
		if err != nil {
			b.Fatal(err)
		}
		for rows.Next() {
			var e events.Recorded
			var data, meta []byte
			if err := rows.Scan(&at, &e.Stream.Tenant, &e.Stream.Type, &e.Stream.ID, &e.Version, &e.ID,
				&e.Type, &e.Schema, &data, &meta, &e.RecordedAt); err != nil {
				b.Fatal(err)
			}
		}
		if err := rows.Err(); err != nil {
			b.Fatal(err)
		}
	}
}
