package feed_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/testkit"
)

// hasReadAhead waits until a connection that is in no turn has read a page.
func (w *world) hasReadAhead() {
	w.t.Helper()
	testkit.Eventually(w.t, "the next batch is read", func() bool {
		return w.number(`select count(*) from pg_stat_activity where datname = current_database()
			and application_name <> 'owner' and state = 'idle' and query like '%recorded_at, upto%'`) > 0
	})
}

// The log may become another one between reading ahead and the turn, when a
// standby takes over that did not have the newest events.
func TestWhatWasReadAheadIsNotUsedWhenTheLogHasChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	last := w.append(some(1400)...)
	m, ids := &readModel{t: t}, []uuid.UUID{}
	inHand, held := make(chan struct{}, 9), make(chan struct{})
	release := sync.OnceFunc(func() { close(held) })
	c := m.consumer("users")
	c.Fold = func(ctx context.Context, b events.Batch) error {
		inHand <- struct{}{}
		<-held
		for _, e := range b.Events {
			ids = append(ids, e.ID)
		}
		return m.fold(ctx, b)
	}
	stop := w.run(w.feed(), c)
	t.Cleanup(release)
	<-inHand
	w.hasReadAhead()
	w.exec(`alter table event_log disable trigger user`)
	w.exec(`update event_log set event_id = gen_random_uuid() where position > 700`)
	release()
	m.reaches(last)
	if err := stop(); err != nil {
		t.Error(err)
	}
	m.isComplete(last)
	if got := w.at(1000).Event; ids[999] != got {
		t.Errorf("at 1000 it saw event %s, the log has %s", ids[999], got)
	}
}

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
			w.hasReadAhead()
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
