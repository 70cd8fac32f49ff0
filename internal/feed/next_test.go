package feed_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

// A turn asks for the page where the last one ended before it knows that it may
// go on there.
func TestTwoFeedsWithFarToGoTakeTurnsWithoutAGap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	last := w.append(some(9_700)...)
	m := &readModel{t: t}
	var turns [2]atomic.Int64
	for i := range 2 {
		c := m.consumer("users")
		c.Fold = func(ctx context.Context, b events.Batch) error { turns[i].Add(1); return m.fold(ctx, b) }
		w.run(w.feed(), c)
	}
	m.reaches(last)
	m.isComplete(last)
	t.Logf("turns: %d and %d", turns[0].Load(), turns[1].Load())
}

func TestABatchThatFailsIsNotPassedOverForTheNext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	last := w.append(some(2600)...)
	m, failed := &readModel{t: t}, map[events.Position]bool{}
	c := m.consumer("users")
	c.Fold = func(ctx context.Context, b events.Batch) error {
		if b.From.Position%1000 == 500 && !failed[b.From.Position] {
			failed[b.From.Position] = true
			return errors.New("away")
		}
		return m.fold(ctx, b)
	}
	w.run(w.feed(), c)
	m.reaches(last)
	m.isComplete(last)
}

func TestAPoolWithoutAConnectionToSpareIsEnough(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	config, err := pgxpool.ParseConfig(w.url)
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns, config.AfterConnect = 3, eventlog.ReaderSession
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	f := w.feed()
	f.Pool = pool
	last := w.append(some(2600)...)
	a, b := &readModel{t: t}, &readModel{t: t}
	w.run(f, a.consumer("a"), b.consumer("b"))
	for _, m := range []*readModel{a, b} {
		m.reaches(last)
		m.isComplete(last)
	}
}
