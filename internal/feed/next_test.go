package feed_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/feed"
	"tenure/internal/testkit"
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

// The page that was asked for along with the offset is not the one that the
// offset says, and is not used.
func TestATurnGoesOnWhereTheOffsetIsAndNotWhereItWas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var seen []events.Position
	stop := w.run(w.feed(), feed.Consumer{
		Name: "users", Start: feed.FromBeginning,
		Fold: func(_ context.Context, b events.Batch) error {
			for _, e := range b.Events {
				seen = append(seen, e.Position)
			}
			return nil
		},
	})
	w.append(some(10)...)
	testkit.Eventually(t, "it is at the end", func() bool { return w.offset("users") == 10 })
	to := w.at(4)
	w.exec(`with gone as (delete from feed_offsets) insert into feed_offsets values ('users', 4, $1, $2)`, to.Log.String(), to.Event)
	w.append(some(3)...)
	testkit.Eventually(t, "it is at the end again", func() bool { return w.offset("users") == 13 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if want := []events.Position{5, 6, 7, 8, 9, 10, 11, 12, 13}; !slices.Equal(seen[10:], want) {
		t.Errorf("after the offset went back to 4 it saw %v, want %v", seen[10:], want)
	}
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
