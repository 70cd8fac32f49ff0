package feed_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"tenure/internal/events"
	"tenure/internal/testkit"
)

func TestAnAnnouncementWakesAConsumer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := &readModel{t: t}
	w.run(w.feed(), m.consumer("users")) // polls once an hour
	var last events.Position
	for range 50 {
		last = w.append(some(2)...)
		m.reaches(last)
	}
	m.isComplete(last)
}

// One turn for each announcement, and none to see that nothing came after it.
func TestAConsumerAtTheEndOfTheLogWaitsToBeTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := &readModel{t: t}
	var turns atomic.Int64
	c := m.consumer("users")
	c.Resume = func(ctx context.Context) (events.Mark, error) { turns.Add(1); return m.resume(ctx) }
	w.run(w.feed(), c)
	const appends = 40
	for range appends {
		m.reaches(w.append(some(1)...))
	}
	if got := turns.Load(); got > appends+10 { // a few until it had caught up and listened
		t.Errorf("%d turns for %d appends", got, appends)
	}
}

// The one that waits is listed last, and the listener tells them in order: when
// it has seen the event, the first was told too, in the middle of its turn.
func TestWhatIsAnnouncedDuringATurnIsNotSleptThrough(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	busy, witness := &readModel{t: t}, &readModel{t: t}
	var during atomic.Int64
	c := busy.consumer("busy")
	c.Fold = func(ctx context.Context, b events.Batch) error {
		if during.Load() == 0 {
			last := w.append(some(1)...)
			during.Store(int64(last))
			witness.reaches(last)
		}
		return busy.fold(ctx, b)
	}
	w.run(w.feed(), c, witness.consumer("witness")) // they poll once an hour
	w.append(some(1)...)
	busy.reaches(2)
	busy.isComplete(2)
}

func TestALostAnnouncementCostsOnePoll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := &readModel{t: t}
	f := w.feed()
	f.Poll = 20 * time.Millisecond
	w.run(f, m.consumer("users"))
	m.reaches(w.append(some(1)...))
	for range 5 {
		m.reaches(w.appendSilently(some(2)...))
	}
}

func TestTheListenerComesBackByItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := &readModel{t: t}
	w.run(w.feed(), m.consumer("users")) // polls once an hour
	m.reaches(w.append(some(1)...))
	const listeners = ` from pg_stat_activity where datname = current_database() and application_name = 'tenure feed: listen'`
	for range 2 {
		testkit.Eventually(t, "it listens, on one connection", func() bool { return w.number(`select count(*)`+listeners) == 1 })
		w.number(`select count(pg_terminate_backend(pid))` + listeners)
		// This one is announced to nobody; the new connection looks for it.
		m.reaches(w.append(some(3)...))
	}
	last := w.append(some(3)...)
	m.reaches(last)
	m.isComplete(last)
	if w.logs.count("the announcements are interrupted") == 0 {
		t.Error("nobody was told that the announcements were interrupted")
	}
}

func TestAllConsumersOfAProcessShareOneListener(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, c := &readModel{t: t}, &readModel{t: t}, &readModel{t: t}
	w.run(w.feed(), a.consumer("a"), b.consumer("b"), c.consumer("c"))
	last := w.append(some(1)...)
	for _, m := range []*readModel{a, b, c} {
		m.reaches(last)
	}
	if got := w.number(`select count(*) from pg_stat_activity where datname = current_database() and application_name like 'tenure feed%'`); got != 1 {
		t.Errorf("%d connections listen, want 1", got)
	}
}
