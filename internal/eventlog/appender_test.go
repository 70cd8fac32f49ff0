package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

func TestAnAppendIsReadBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	b := open(t)
	c := created("ada")
	r := b.must(t, c)
	if r.First != 1 || r.Last != 1 {
		t.Errorf("positions %d to %d, want 1", r.First, r.Last)
	}
	got, err := eventlog.ReadStream(t.Context(), b.owner, stream("ada"))
	if err != nil || len(got) != 1 {
		t.Fatalf("stream: %d events, %v", len(got), err)
	}
	e := got[0]
	if e.Position != 1 || e.Version != 1 || e.ID != c.Writes[0].Events[0].ID || e.Stream != stream("ada") ||
		e.Payload != c.Writes[0].Events[0].Payload || e.Meta.System != "test" || !e.RecordedAt.Equal(r.RecordedAt) {
		t.Errorf("read back %+v", e)
	}
}

func TestWritersOnManyStreamsGetDensePositionsInOrder(t *testing.T) {
	t.Parallel()
	b := open(t)
	second := start(t, writerPool(t, b.url, nil), eventlog.Config{}) // as another process
	const writers, each, streams = 12, 40, 5
	reader := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	go func() { reader <- tail(ctx, b.owner, writers*each) }()
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			appender := b.Appender
			if w%2 == 1 {
				appender = second
			}
			for i := range each {
				if err := appendNext(ctx, appender, b.owner, fmt.Sprintf("u%d", (w+i)%streams)); err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
			}
		})
	}
	group.Wait()
	if err := <-reader; err != nil {
		t.Errorf("the reader that tailed: %v", err)
	}
	b.isDense(t)
}

// appendNext appends one event to a stream that others write too, however
// often it loses the race.
func appendNext(ctx context.Context, a *eventlog.Appender, q eventlog.Querier, user string) error {
	for {
		past, err := eventlog.ReadStream(ctx, q, stream(user))
		if err != nil {
			return err
		}
		_, err = a.Append(ctx, next(user, events.Version(len(past)), events.UserRenamed{User: events.UserID(user), Name: "n"}))
		if !errors.Is(err, eventlog.ErrMoved) {
			return err
		}
	}
}

// tail reads while others write, and fails when a position comes late.
func tail(ctx context.Context, q eventlog.Querier, until events.Position) error {
	var at events.Mark
	for at.Position < until {
		page, err := eventlog.ReadBatch(ctx, q, at, eventlog.Filter{})
		if err != nil {
			return err
		}
		for i, e := range page.Events {
			if want := at.Position + events.Position(i) + 1; e.Position != want {
				return fmt.Errorf("position %d where %d was to be", e.Position, want)
			}
		}
		at = page.Through
	}
	return nil
}

// The server's clock may be set back. The log's is not.
func TestTimeDoesNotGoBack(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.must(t, created("ada"))
	future := time.Date(2101, 1, 1, 0, 0, 0, 0, time.UTC)
	b.exec(t, `insert into event_log select 2, tenant_id, stream_type, stream_id, 2, gen_random_uuid(), 'user.enabled', 1, '{}', meta, $1 from event_log`, future)
	if r := b.must(t, renamed("ada", 2)); !r.RecordedAt.Equal(future) {
		t.Errorf("recorded at %v, after an event of %v", r.RecordedAt, future)
	}
	b.isDense(t)
}
