package feed_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/feed"
	"tenure/internal/testkit"
)

func TestABatchInHandIsFinishedWhenRunIsToEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := &readModel{t: t}
	inHand, release := make(chan struct{}), make(chan struct{})
	c := m.consumer("users")
	c.Fold = func(ctx context.Context, b events.Batch) error {
		close(inHand)
		<-release
		if ctx.Err() != nil {
			t.Error("the context of a batch in hand has ended before the grace is over")
		}
		return m.fold(ctx, b)
	}
	ctx, cancel := context.WithCancel(t.Context())
	f, returned := w.feed(), make(chan error)
	go func() { returned <- f.Run(ctx, c) }()
	last := w.append(some(600)...)
	<-inHand
	cancel()
	close(release)
	if err := <-returned; err != nil {
		t.Errorf("Run: %v", err)
	}
	if got := w.offset("users"); got != 500 || m.position() != 500 {
		t.Errorf("offset %d, read model %d, want the first batch and no second one", got, m.position())
	}
	w.run(w.feed(), m.consumer("users"))
	m.reaches(last)
	m.isComplete(last)
}

func TestABatchThatTakesTooLongIsGivenUpAndComesAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := &readModel{t: t}
	inHand := make(chan struct{})
	c := m.consumer("users")
	c.Fold = func(ctx context.Context, _ events.Batch) error {
		close(inHand)
		<-ctx.Done()
		return ctx.Err()
	}
	f := w.feed()
	f.Grace = time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	returned := make(chan error)
	go func() { returned <- f.Run(ctx, c) }()
	last := w.append(some(5)...)
	<-inHand
	cancel()
	if err := <-returned; err != nil {
		t.Errorf("Run: %v", err)
	}
	if got := w.offset("users"); got != 0 {
		t.Errorf("the offset is at %d, want 0", got)
	}
	w.run(w.feed(), m.consumer("users"))
	m.reaches(last)
	m.isComplete(last)
}

func TestAFoldThatFailsIsTriedAgainInItsPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m, other := &readModel{t: t}, &readModel{t: t}
	var attempts atomic.Int64
	away := errors.New("the store is away")
	c := m.consumer("users")
	c.Fold = func(ctx context.Context, b events.Batch) error {
		if attempts.Add(1) < 4 {
			return away
		}
		return m.fold(ctx, b)
	}
	f := w.feed()
	w.run(f, c, other.consumer("other"))
	last := w.append(some(5)...)
	testkit.Eventually(t, "its failure shows", func() bool { return errors.Is(w.status(f, "users").LastError, away) })
	other.reaches(last)
	m.reaches(last)
	m.isComplete(last)
	testkit.Eventually(t, "its failure is over", func() bool { return w.status(f, "users").LastError == nil })
	if got := w.status(f, "users"); got.Position != last || got.Stopped || got.CommitErrors != 0 {
		t.Errorf("status: %+v", got)
	}
	if got := w.logs.count("the store is away"); got != 1 {
		t.Errorf("the same failure was logged %d times", got)
	}
}

func TestAnnouncementsDoNotShortenThePausesAfterAFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var attempts atomic.Int64
	m := &readModel{t: t}
	w.run(w.feed(), m.consumer("other"), feed.Consumer{
		Name: "users", Start: feed.FromBeginning,
		Fold: func(context.Context, events.Batch) error { attempts.Add(1); return errors.New("away") },
	})
	for range 60 {
		m.reaches(w.append(some(1)...))
	}
	if got := attempts.Load(); got > 6 { // 100 + 200 + 400 + 800 + 1600 ms
		t.Errorf("%d attempts during 60 announcements", got)
	}
}

func TestAnErrorThatNoRetryCanMendStopsOneConsumer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := &readModel{t: t}
	hopeless := errors.New("hopeless")
	f := w.feed()
	stop := w.run(f, m.consumer("users"), feed.Consumer{
		Name: "broken", Start: feed.FromBeginning,
		Fold: func(context.Context, events.Batch) error { return feed.Stop(hopeless) },
	})
	w.append(some(1)...)
	testkit.Eventually(t, "it is stopped", func() bool { return w.status(f, "broken").Stopped })
	last := w.append(some(5)...)
	m.reaches(last)
	if err := stop(); !errors.Is(err, hopeless) || !strings.Contains(err.Error(), "broken") {
		t.Errorf("Run: %v", err)
	}
	if w.status(f, "broken").Position != 0 || w.status(f, "users").Stopped {
		t.Error("the wrong one was stopped, or its place was lost")
	}
}

func TestAnEventThatCannotBeDecodedStopsWhoReadsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append(some(4)...)
	w.exec(`insert into event_log select position + 1, tenant_id, stream_type, stream_id, version + 1, gen_random_uuid(),
		'user.from_the_future', schema, data, meta, recorded_at from event_log where position = 4`)
	w.append(some(4)...)
	m := &readModel{t: t}
	narrow := m.consumer("narrow")
	narrow.Types = []string{"user.created", "user.renamed"}
	all := feed.Consumer{Name: "all", Start: feed.FromBeginning, Fold: func(context.Context, events.Batch) error { return nil }}
	stop := w.run(w.feed(), narrow, all)
	m.reaches(9)
	if len(m.seen) != 8 {
		t.Errorf("the narrow one saw %d events, want 8", len(m.seen))
	}
	testkit.Eventually(t, "the other is told to be older than the log", func() bool { return w.logs.count("older than the log") == 1 })
	if err := stop(); !errors.Is(err, eventlog.ErrUndecodable) {
		t.Errorf("Run: %v, want %v", err, eventlog.ErrUndecodable)
	}
}

func TestRunReturnsWhenAllHaveBeenStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append(some(1)...)
	hopeless := func(context.Context, events.Batch) error { return feed.Stop(errors.New("hopeless")) }
	f := w.feed()
	consumers := []feed.Consumer{
		{Name: "a", Start: feed.FromBeginning, Fold: hopeless},
		{Name: "b", Start: feed.FromBeginning, Fold: hopeless},
	}
	for range 2 { // and may run again afterwards
		err := f.Run(t.Context(), consumers...)
		if err == nil || !strings.Contains(err.Error(), "feed: a: ") || !strings.Contains(err.Error(), "feed: b: ") {
			t.Errorf("Run: %v", err)
		}
	}
}

func TestAServerThatComesBackIsFoundAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := &readModel{t: t}
	w.run(w.feed(), m.consumer("users"))
	m.reaches(w.append(some(3)...))
	for range 3 {
		w.number(`select count(pg_terminate_backend(pid)) from pg_stat_activity
			where datname = current_database() and application_name <> 'owner'`)
		m.reaches(w.append(some(3)...))
	}
	m.isComplete(m.position())
}
