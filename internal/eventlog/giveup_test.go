package eventlog_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenure/internal/eventlog"
)

// brief is how long an appender of these tests insists.
const brief = 300 * time.Millisecond

func TestWithTheServerAwayACommandWasNotAppended(t *testing.T) {
	t.Parallel()
	b := openWith(t, eventlog.Config{GiveUp: brief}, nil)
	b.wire.away()
	if _, err := b.Append(t.Context(), created("ada")); !errors.Is(err, eventlog.ErrUnavailable) {
		t.Errorf("append without a server: %v, want ErrUnavailable", err)
	}
	b.wire.back()
	if r := b.must(t, created("ada")); r.First != 1 {
		t.Errorf("after it came back: position %d, want 1", r.First)
	}
}

func TestWithTheAnswerLostForGoodTheOutcomeIsUnknown(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		cut      cut
		appended bool
	}{
		"the server had carried it out": {unheard(), true},
		"the server never got it":       {lost(), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := openWith(t, eventlog.Config{GiveUp: brief}, nil)
			b.must(t, created("first"))
			b.wire.cut(tt.cut)
			b.wire.onCut(b.wire.away)
			c := created("ada")
			if _, err := b.Append(t.Context(), c); !errors.Is(err, eventlog.ErrUnknownOutcome) {
				t.Errorf("append: %v, want ErrUnknownOutcome", err)
			}
			b.wire.back()
			b.must(t, created("bob"))
			if got := len(b.all(t)); (got == 3) != tt.appended {
				t.Errorf("%d events in the log", got)
			}
			b.must(t, c) // its caller asks again, with the same event ids
			if got := len(b.all(t)); got != 3 {
				t.Errorf("asked again: %d events in the log, want 3", got)
			}
		})
	}
}

// What comes back after a lost answer may be a word that no further try can
// change. It says nothing of the first try.
func TestAnAnswerToASecondTryDoesNotTellOfTheFirst(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.must(t, created("first"))
	b.hold(t)
	answer := b.begin(t.Context(), t, created("ada"))
	b.wire.cut(unheard())
	b.wire.onCut(func() { b.exec(t, `revoke execute on function append_commands from tenure_writer`) })
	b.gate.open()
	if r := <-answer; !errors.Is(r.err, eventlog.ErrUnknownOutcome) {
		t.Errorf("got %v, want ErrUnknownOutcome: the first try appended it", r.err)
	}
	if got := len(b.all(t)); got != 3 {
		t.Errorf("%d events in the log, want 3", got)
	}
	if _, err := b.Append(t.Context(), created("bob")); err == nil || errors.Is(err, eventlog.ErrUnknownOutcome) || errors.Is(err, eventlog.ErrUnavailable) {
		t.Errorf("a command that was refused at its first try: %v", err)
	}
}

// A session that the server ends with an error may have committed before.
func TestASessionThatIsEndedLeavesTheOutcomeUnknown(t *testing.T) {
	t.Parallel()
	b := openWith(t, eventlog.Config{GiveUp: brief}, nil)
	b.must(t, created("first"))
	free := b.lockHead(t)
	answer := make(chan result, 1)
	go func() {
		r, err := b.Append(t.Context(), created("ada"))
		answer <- result{r, err}
	}()
	b.waitsForLock(t)
	b.wire.full()
	b.exec(t, `select pg_terminate_backend(pid) from pg_stat_activity
		where datname = current_database() and wait_event_type = 'Lock'`)
	if r := <-answer; !errors.Is(r.err, eventlog.ErrUnknownOutcome) {
		t.Errorf("got %v, want ErrUnknownOutcome", r.err)
	}
	free()
}

// After a failover the old primary still answers, and a pool keeps what works.
func TestAServerThatIsReadOnlyIsLeft(t *testing.T) {
	t.Parallel()
	var connections atomic.Int32
	b := openPools(t, func(config *pgxpool.Config) {
		config.MaxConns = 1
		config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			if err := eventlog.WriterSession(ctx, conn); err != nil || connections.Add(1) > 1 {
				return err
			}
			_, err := conn.Exec(ctx, `set default_transaction_read_only = on`)
			return err
		}
	})
	b.Appender = start(t, b.writer, eventlog.Config{})
	if r := b.must(t, created("ada")); r.First != 1 {
		t.Errorf("position %d, want 1", r.First)
	}
}
