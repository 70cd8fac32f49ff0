package feed_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/feed"
	"tenure/internal/testkit"
)

// serve runs f.Serve and gives how to name a set, and what stops it and tells
// what it returned.
func (w *world) serve(f *feed.Feed) (sets chan<- []feed.Consumer, stop func() error) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	named := make(chan []feed.Consumer)
	returned := make(chan error, 1)
	go func() { returned <- f.Serve(ctx, named) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-returned
	})
	w.t.Cleanup(func() { _ = stop() })
	return named, stop
}

func TestConsumersComeAndGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	users, suppliers := &readModel{t: t}, &readModel{t: t}
	sets, stop := w.serve(w.feed())
	sets <- []feed.Consumer{users.consumer("users")}
	users.reaches(w.append(some(5)...))
	sets <- []feed.Consumer{users.consumer("users"), suppliers.consumer("suppliers")}
	last := w.append(some(5)...)
	users.reaches(last) // an announcement reaches those who came later too
	suppliers.reaches(last)
	sets <- []feed.Consumer{suppliers.consumer("suppliers")}
	gone := last
	for range 3 {
		last = w.append(some(5)...)
		suppliers.reaches(last)
	}
	if at, _ := users.resume(t.Context()); at.Position > gone+5 {
		t.Errorf("one that is gone went on to %d", at.Position)
	}
	sets <- []feed.Consumer{users.consumer("users"), suppliers.consumer("suppliers")}
	users.reaches(last)
	users.isComplete(last)
	suppliers.isComplete(last)
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// One that was stopped for good is told of when all are, or at the end.
func TestServingEndsWhenAllAreStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wrong := errors.New("wrong")
	bad := feed.Consumer{
		Name: "bad", Start: feed.FromBeginning,
		Fold: func(context.Context, events.Batch) error { return feed.Stop(wrong) },
	}
	returned := make(chan error, 1)
	sets := make(chan []feed.Consumer, 1)
	sets <- []feed.Consumer{bad}
	go func() { returned <- w.feed().Serve(t.Context(), sets) }()
	w.append(some(1)...)
	if err := <-returned; !errors.Is(err, wrong) {
		t.Errorf("got %v", err)
	}
}

func TestNobodyIsFedWhileHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m, other := &readModel{t: t}, &readModel{t: t}
	f := w.feed()
	w.run(f, m.consumer("users"), other.consumer("suppliers"))
	at := w.append(some(3)...)
	m.reaches(at)
	err := w.feed().Hold(t.Context(), "users", func(context.Context) error {
		later := w.append(some(3)...)
		other.reaches(later)
		if now, _ := m.resume(t.Context()); now.Position != at {
			t.Errorf("it went on to %d", now.Position)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	m.reaches(at + 3)
	m.isComplete(at + 3)
}

func TestAConsumerBeginsWhereItIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.feed()
	last := w.append(some(9)...)
	at, err := eventlog.MarkAt(t.Context(), f.Pool, 6)
	if err != nil {
		t.Fatal(err)
	}
	forked := at
	forked.Event[0]++
	if err := f.Begin(t.Context(), "users", forked); !errors.Is(err, eventlog.ErrForked) {
		t.Errorf("at an event that is not there: %v", err)
	}
	if err := f.Begin(t.Context(), "users", at); err != nil {
		t.Fatal(err)
	}
	if err := f.Begin(t.Context(), "users", events.Mark{Log: at.Log}); err != nil {
		t.Fatal(err) // it is known, and left where it is
	}
	first := make(chan events.Position, 1)
	w.run(f, feed.Consumer{
		Name: "users", Start: feed.FromBeginning,
		Fold: func(_ context.Context, b events.Batch) error {
			select {
			case first <- b.From.Position:
			default:
			}
			return nil
		},
	})
	if got := <-first; got != 6 || last != 9 {
		t.Errorf("it began after %d", got)
	}
}

func TestOneIsAloneAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.feed(), w.feed()
	err := one.Alone(t.Context(), "x", func(context.Context) error {
		if err := two.Alone(t.Context(), "x", func(context.Context) error { return nil }); !errors.Is(err, feed.ErrBusy) {
			t.Errorf("two are alone: %v", err)
		}
		return two.Alone(t.Context(), "y", func(context.Context) error { return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	// Who lost the lock is told to end.
	err = one.Alone(t.Context(), "x", func(ctx context.Context) error {
		w.exec(`select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and pid <> pg_backend_pid()
			and database = (select oid from pg_database where datname = current_database())`)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Second):
			return nil
		}
	})
	if err == nil {
		t.Error("it is not told that it is not alone any more")
	}
	testkit.Eventually(t, "the lock is free", func() bool {
		return two.Alone(t.Context(), "x", func(context.Context) error { return nil }) == nil
	})
}
