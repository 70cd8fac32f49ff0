package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"tenure/internal/eventlog"
	"tenure/internal/testkit"
)

func TestACallerWhoLeavesBeforeItIsSentHasDoneNothing(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.hold(t)
	ctx, leave := context.WithCancel(t.Context())
	left := b.begin(ctx, t, created("ada"))
	stays := b.begin(t.Context(), t, created("bob"))
	leave()
	if r := <-left; !errors.Is(r.err, context.Canceled) || errors.Is(r.err, eventlog.ErrUnknownOutcome) {
		t.Errorf("who left: %v, want that it was not sent", r.err)
	}
	b.gate.open()
	if r := <-stays; r.err != nil || r.receipt.First != 2 {
		t.Errorf("who stays: %+v, want position 2, after the plug", r)
	}
	if _, err := b.Append(unwatched{ctx}, created("ada")); !errors.Is(err, context.Canceled) || errors.Is(err, eventlog.ErrUnknownOutcome) {
		t.Errorf("who had left before he came: %v", err)
	}
	if got := len(b.all(t)); got != 2 {
		t.Errorf("%d events in the log, want 2", got)
	}
}

// unwatched is a context that knows it has ended, and wakes nobody.
type unwatched struct{ context.Context }

func (unwatched) Done() <-chan struct{} { return nil }

func TestACallerWhoLeavesAfterItIsSentStopsNobody(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.must(t, created("first"))
	b.hold(t)
	ctx, leave := context.WithCancel(t.Context())
	left := b.begin(ctx, t, created("ada"))
	stays := b.begin(t.Context(), t, created("bob"))
	free := b.lockHead(t)
	b.gate.open()
	b.waitsForLock(t)
	leave()
	if r := <-left; !errors.Is(r.err, eventlog.ErrUnknownOutcome) || !errors.Is(r.err, context.Canceled) {
		t.Errorf("who left: %v, want ErrUnknownOutcome", r.err)
	}
	sent := b.wire.sent()
	free()
	if r := <-stays; r.err != nil || r.receipt.First != 4 {
		t.Errorf("who stays: %+v, want position 4", r)
	}
	if got := len(b.all(t)); got != 4 || b.wire.sent() != sent {
		t.Errorf("%d events in the log, want 4; sent %d times more, want 0", got, b.wire.sent()-sent)
	}
}

func TestCloseAnswersAllThatWait(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.hold(t)
	var answers []<-chan result
	for i := range 40 {
		answers = append(answers, b.begin(t.Context(), t, created(fmt.Sprint("u", i))))
	}
	closed := make(chan error, 1)
	go func() { closed <- b.Close(t.Context()) }()
	testkit.Eventually(t, "no more commands are taken", func() bool {
		ctx, leave := context.WithTimeout(t.Context(), time.Millisecond)
		defer leave()
		_, err := b.Append(ctx, created("late"))
		return errors.Is(err, eventlog.ErrUnavailable)
	})
	b.gate.open()
	for i, answer := range answers {
		if r := <-answer; r.err != nil {
			t.Errorf("who waited as number %d: %v", i, r.err)
		}
	}
	if err := <-closed; err != nil {
		t.Errorf("close: %v", err)
	}
	if err := b.Close(t.Context()); err != nil {
		t.Errorf("close again: %v", err)
	}
}

// The server hangs, and somebody waits for the shutdown: it ends when its time
// is over, and nobody is left without an answer.
func TestCloseEndsInItsTime(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.must(t, created("first"))
	b.hold(t)
	sent := b.begin(t.Context(), t, created("ada"))
	free := b.lockHead(t)
	b.gate.open()
	b.waitsForLock(t)
	queued := b.begin(t.Context(), t, created("bob"))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := b.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("close: %v, want that its time was over", err)
	}
	// The lock is still held: what ended it was the time.
	if r := <-sent; !errors.Is(r.err, eventlog.ErrUnknownOutcome) {
		t.Errorf("who was sent: %v, want ErrUnknownOutcome", r.err)
	}
	if r := <-queued; !errors.Is(r.err, eventlog.ErrUnavailable) {
		t.Errorf("who was queued: %v, want ErrUnavailable", r.err)
	}
	free()
}
