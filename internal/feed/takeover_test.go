package feed_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"tenure/internal/events"
	"tenure/internal/testkit"
)

func TestTwoFeedsOfOneConsumerTakeTurnsWithoutAGap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := &readModel{t: t}
	var inside, turns [2]atomic.Int64
	for i := range 2 {
		c := m.consumer("users")
		c.Fold = func(ctx context.Context, b events.Batch) error {
			inside[i].Add(1)
			defer inside[i].Add(-1)
			if inside[1-i].Load() > 0 {
				t.Error("both have the turn")
			}
			turns[i].Add(1)
			return m.fold(ctx, b)
		}
		w.run(w.feed(), c)
	}
	var last events.Position
	testkit.Eventually(t, "both had turns", func() bool {
		last = w.append(some(7)...)
		return turns[0].Load() > 20 && turns[1].Load() > 20
	})
	m.reaches(last)
	m.isComplete(last)
}

func TestWhenTheHolderOfTheLockIsCutOffTheOtherGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := &readModel{t: t}
	holds, late := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(late) })
	stuck := m.consumer("users")
	stuck.Fold = func(ctx context.Context, b events.Batch) error {
		if b.Through.Position < 1000 {
			return m.fold(ctx, b)
		}
		close(holds)
		<-late
		return m.fold(ctx, b) // a fold that was late: it is told apart by its checkpoint
	}
	first := w.run(w.feed(), stuck)
	t.Cleanup(release)
	m.reaches(w.append(some(100)...))
	last := w.append(some(1500)...)
	<-holds
	w.run(w.feed(), m.consumer("users"))
	w.waitsForTheLock()
	if got := m.position(); got != 100 && got != 600 {
		t.Errorf("while the lock is held the read model is at %d", got)
	}
	terminated := w.number(`select count(pg_terminate_backend(pid)) from pg_stat_activity
		where datname = current_database() and state = 'idle in transaction'`)
	if terminated != 1 {
		t.Errorf("%d backends held a turn, want 1", terminated)
	}
	m.reaches(last) // while the first is still in its fold
	release()
	if err := first(); err != nil {
		t.Errorf("the first: %v", err)
	}
	m.isComplete(last)
	testkit.Eventually(t, "the offset is at the end", func() bool { return w.offset("users") == last })
}

// Whoever waited for the lock reads the offset afterwards, with a snapshot that
// comes after the lock too.
func TestWhoWaitedForTheLockSeesWhatItsHolderLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := &readModel{t: t}
	holds, held := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(held) })
	holder := m.consumer("users")
	holder.Resume = nil // or a checkpoint would tell where to go on
	holder.Fold = func(ctx context.Context, b events.Batch) error {
		close(holds)
		<-held
		return m.fold(ctx, b)
	}
	w.append(some(10)...)
	ctx, cancel := context.WithCancel(t.Context())
	f, ended := w.feed(), make(chan error, 1)
	go func() { ended <- f.Run(ctx, holder) }()
	t.Cleanup(release)
	<-holds
	var began []events.Position
	waiter := holder
	waiter.Fold = func(ctx context.Context, b events.Batch) error {
		began = append(began, b.From.Position)
		return m.fold(ctx, b)
	}
	stop := w.run(w.feed(), waiter)
	w.waitsForTheLock()
	w.append(some(10)...)
	cancel() // it finishes the batch in hand and takes no other
	release()
	m.reaches(20)
	if err := errors.Join(<-ended, stop()); err != nil {
		t.Error(err)
	}
	if len(began) != 1 || began[0] != 10 {
		t.Errorf("the one that waited began after %v, want [10]", began)
	}
	if w.logs.count("level=ERROR") > 0 {
		t.Error("it took its turn more than once")
	}
}

// waitsForTheLock waits until someone waits for a consumer's lock.
func (w *world) waitsForTheLock() {
	w.t.Helper()
	testkit.Eventually(w.t, "the other one waits for the lock", func() bool {
		return w.number(`select count(*) from pg_stat_activity where datname = current_database()
			and wait_event_type = 'Lock' and query like '%feed_consumers%for update%'`) == 1
	})
}

func TestAnOffsetThatMovedDuringATurnIsNotOverwritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	last := w.append(some(10)...)
	m := &readModel{t: t}
	var began []events.Position
	c := m.consumer("users")
	c.Fold = func(ctx context.Context, b events.Batch) error {
		began = append(began, b.From.Position)
		if len(began) == 1 { // someone moves the offset without taking the lock
			to := w.at(4)
			w.exec(`insert into feed_offsets values ('users', 4, $1, $2)`, to.Log.String(), to.Event)
		}
		return m.fold(ctx, b)
	}
	f := w.feed()
	stop := w.run(f, c)
	testkit.Eventually(t, "the offset is at the end", func() bool { return w.offset("users") == last })
	if err := stop(); err != nil {
		t.Error(err)
	}
	if len(began) != 2 || began[0] != 0 || began[1] != 4 {
		t.Errorf("batches began after %v, want [0 4]: the first must not commit", began)
	}
	if w.logs.count("moved without the lock") != 1 {
		t.Error("nobody was told that the offset moved without the lock")
	}
}
