package eventlog_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

// listen hears what is announced, and gives a function that waits until a
// position, or one beyond it, was.
func (b bench) listen(t testing.TB) (heard func(events.Position)) {
	t.Helper()
	conn, err := b.connect(t, eventlog.ReaderSession)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `listen `+eventlog.Channel); err != nil {
		t.Fatal(err)
	}
	newest := events.Position(0)
	return func(p events.Position) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		for newest < p {
			n, err := conn.WaitForNotification(ctx)
			if err != nil {
				t.Fatalf("waited in vain for position %d, heard of %d: %v", p, newest, err)
			}
			head, err := strconv.ParseInt(n.Payload, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			if events.Position(head) < newest {
				t.Errorf("heard of %d after %d", head, newest)
			}
			newest = events.Position(head)
		}
	}
}

func TestEachAppendIsAnnounced(t *testing.T) {
	t.Parallel()
	b := open(t)
	heard := b.listen(t)
	for i := range 20 {
		heard(b.must(t, created(fmt.Sprint("u", i))).Last)
	}
	var last events.Position
	for _, r := range b.together(t, created("a"), created("b"), renamed("nobody", 7), created("c")) {
		last = max(last, r.receipt.Last)
	}
	heard(last)
	// What is announced is in the log for whoever hears it.
	if got := events.Position(len(b.all(t))); got != last {
		t.Errorf("%d events in the log, want %d", got, last)
	}
}

// The process that appended it did not hear that it had.
func TestAnAppendThatWasKnownAgainIsAnnounced(t *testing.T) {
	t.Parallel()
	b := open(t)
	heard := b.listen(t)
	b.must(t, created("ada"))
	heard(1)
	b.wire.cut(unheard())
	heard(b.must(t, created("bob")).Last)
}

func TestTheLastAppendIsAnnouncedBeforeTheEnd(t *testing.T) {
	t.Parallel()
	b := openPools(t, nil)
	heard := b.listen(t)
	for i := range 10 { // who ends first would be chance
		a := start(t, b.writer, eventlog.Config{})
		var last events.Position
		for j := range 3 {
			r, err := a.Append(t.Context(), created(fmt.Sprint("u", i, " ", j)))
			if err != nil {
				t.Fatal(err)
			}
			last = r.Last
		}
		if err := a.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		heard(last)
	}
}

func TestAnAnnouncementThatFailsCostsNobodyAnything(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.exec(t, `revoke execute on function pg_notify(text, text) from public`)
	for i := range 20 {
		b.must(t, created(fmt.Sprint("u", i)))
	}
	if got := len(b.all(t)); got != 20 {
		t.Errorf("%d events in the log, want 20", got)
	}
	b.exec(t, `grant execute on function pg_notify(text, text) to public`)
	heard := b.listen(t)
	heard(b.must(t, created("last")).Last) // and the next one is heard
}
