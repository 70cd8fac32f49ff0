package feed_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"tenure/internal/events"
	"tenure/internal/feed"
	"tenure/internal/testkit"
)

// jobs is a table that a reaction writes, and that nothing keeps from having a
// row twice.
func (w *world) jobs() {
	w.t.Helper()
	w.exec(`create table jobs (position bigint)`)
	w.exec(`grant select, insert on jobs to tenure_reader`)
}

func insertJobs(ctx context.Context, tx pgx.Tx, b events.Batch) error {
	for _, e := range b.Events {
		if _, err := tx.Exec(ctx, `insert into jobs values ($1)`, int64(e.Position)); err != nil {
			return err
		}
	}
	return nil
}

// eachOnce checks that each event up to last led to one job.
func (w *world) eachOnce(last events.Position) {
	w.t.Helper()
	rows, _ := w.owner.Query(context.Background(), `select position from jobs order by position`)
	got, err := pgx.CollectRows(rows, pgx.RowTo[events.Position])
	if err != nil {
		w.t.Fatal(err)
	}
	var want []events.Position
	for p := range last {
		want = append(want, p+1)
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("jobs for %v, want one for each up to %d", got, last)
	}
}

func TestWhatAReactionWritesIsThereExactlyOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.jobs()
	cutOff := func(ctx context.Context, tx pgx.Tx) {
		var pid uint32
		if err := tx.QueryRow(ctx, `select pg_backend_pid()`).Scan(&pid); err != nil {
			t.Error(err)
		}
		w.exec(`select pg_terminate_backend($1)`, pid)
	}
	var open []pgx.Rows // closed when all is over, and nothing depends on it
	leaveOpen := func(rows pgx.Rows, err error) error {
		open = append(open, rows)
		return err
	}
	failures := []func(ctx context.Context, tx pgx.Tx) error{
		func(context.Context, pgx.Tx) error { return errors.New("after the writes") },
		func(context.Context, pgx.Tx) error { panic("after the writes") },
		func(ctx context.Context, tx pgx.Tx) error { cutOff(ctx, tx); return nil },
		func(ctx context.Context, tx pgx.Tx) error { _, _ = tx.Exec(ctx, `select 1/0`); return nil }, // and hides it
		func(ctx context.Context, tx pgx.Tx) error { return leaveOpen(tx.Query(ctx, `select 1`)) },
		func(ctx context.Context, tx pgx.Tx) error {
			if err := leaveOpen(tx.Query(ctx, `select generate_series(1, 100000)`)); err != nil {
				return err
			}
			panic("while it reads")
		},
	}
	attempts := make([]atomic.Int64, len(failures))
	w.run(w.feed(), feed.Consumer{
		Name: "mails", Start: feed.FromBeginning,
		React: func(ctx context.Context, tx pgx.Tx, b events.Batch) error {
			if err := insertJobs(ctx, tx, b); err != nil {
				return err
			}
			if i := b.From.Position / 3; attempts[i].Add(1) == 1 {
				return failures[i](ctx, tx)
			}
			return nil
		},
	})
	for i := range failures {
		last := w.append(some(3)...)
		testkit.Eventually(t, "the offset is at the end", func() bool { return w.offset("mails") == last })
		w.eachOnce(last)
		if got := attempts[i].Load(); got != 2 {
			t.Errorf("%d attempts after failure %d, want 2", got, i)
		}
	}
	if w.logs.count("stack=") != 2 {
		t.Error("a panic was not logged with its stack")
	}
	for _, rows := range open {
		rows.Close()
	}
}

// The connection is cut by the server in the middle of the commit.
func TestACommitThatIsCutOffIsCountedAndRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.jobs()
	w.exec(`create sequence commits`)
	w.exec(`create function cut() returns trigger language plpgsql security definer as $$
		begin
			case nextval('commits')
				when 1 then perform pg_terminate_backend(pg_backend_pid());
				when 2 then raise exception 'the disk is full';
				else null;
			end case;
			return null;
		end $$`)
	w.exec(`create constraint trigger cut after insert on feed_offsets deferrable initially deferred
		for each row when (new.position > 0) execute function cut()`)
	f := w.feed()
	w.run(f, feed.Consumer{Name: "mails", Start: feed.FromBeginning, React: insertJobs})
	last := w.append(some(7)...)
	testkit.Eventually(t, "the offset is at the end", func() bool { return w.offset("mails") == last })
	w.eachOnce(last)
	testkit.Eventually(t, "it has recovered", func() bool { return w.status(f, "mails").LastError == nil })
	if got := w.status(f, "mails").CommitErrors; got != 2 {
		t.Errorf("%d commit errors, want 2", got)
	}
}

func TestAReactionCannotEndTheTransactionOfItsTurn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.jobs()
	var ends []error
	stop := w.run(w.feed(), feed.Consumer{
		Name: "mails", Start: feed.FromBeginning,
		React: func(ctx context.Context, tx pgx.Tx, b events.Batch) error {
			ends = []error{tx.Commit(ctx), tx.Rollback(ctx)}
			savepoint, err := tx.Begin(ctx)
			if err != nil {
				return err
			}
			if err := insertJobs(ctx, savepoint, b); err != nil {
				return err
			}
			return savepoint.Commit(ctx)
		},
	})
	last := w.append(some(2)...)
	testkit.Eventually(t, "the offset is at the end", func() bool { return w.offset("mails") == last })
	w.eachOnce(last)
	if err := stop(); err != nil {
		t.Error(err)
	}
	if ends[0] == nil || ends[1] == nil {
		t.Errorf("commit: %v, rollback: %v, want both refused", ends[0], ends[1])
	}
}

func TestAReactionIsNotCalledForABatchWithoutItsEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.feed(), feed.Consumer{
		Name: "keys", Start: feed.FromBeginning, Types: []string{"api_key.revoked"},
		React: func(context.Context, pgx.Tx, events.Batch) error { t.Error("called"); return nil },
	})
	last := w.append(some(20)...)
	testkit.Eventually(t, "the offset moves all the same", func() bool { return w.offset("keys") == last })
}

func TestAReactionStartsWhereItSaysAndOnlyTheFirstTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.jobs()
	w.append(some(10)...)
	c := feed.Consumer{Name: "mails", Start: feed.FromHead, React: insertJobs}
	stop := w.run(w.feed(), c)
	testkit.Eventually(t, "it is at the head", func() bool { return w.offset("mails") == 10 })
	w.append(some(5)...)
	testkit.Eventually(t, "it is at the end", func() bool { return w.offset("mails") == 15 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	w.append(some(5)...) // while it is away
	w.run(w.feed(), c)
	testkit.Eventually(t, "it is at the end", func() bool { return w.offset("mails") == 20 })
	if got := w.number(`select count(*) from jobs where position > 10`); got != 10 {
		t.Errorf("%d jobs, want 10", got)
	}
	if got := w.number(`select count(*) from jobs where position <= 10`); got != 0 {
		t.Errorf("%d jobs for what was before it", got)
	}
}

// A head that an empty log has is a place like any other.
func TestAReactionThatIsRegisteredBeforeTheFirstEventGetsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.jobs()
	w.run(w.feed(), feed.Consumer{Name: "mails", Start: feed.FromHead, React: insertJobs})
	testkit.Eventually(t, "it is at the head", func() bool { return w.offset("mails") == 0 })
	last := w.append(some(3)...)
	testkit.Eventually(t, "it is at the end", func() bool { return w.offset("mails") == last })
	w.eachOnce(last)
}

func TestAReactionWhoseOffsetIsGoneIsRefused(t *testing.T) {
	t.Parallel()
	for _, start := range []feed.Start{feed.FromBeginning, feed.FromHead} {
		w := newWorld(t)
		w.jobs()
		c := feed.Consumer{Name: "mails", Start: start, React: insertJobs}
		stop := w.run(w.feed(), c)
		testkit.Eventually(t, "it is registered", func() bool { return w.offset("mails") == 0 })
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		w.append(some(3)...)
		w.exec(`delete from feed_offsets`)
		err := w.feed().Run(t.Context(), c)
		if err == nil || !strings.Contains(err.Error(), "its offset is gone") {
			t.Errorf("Run: %v, want that its offset is gone", err)
		}
		w.eachOnce(0)
		if w.logs.count("feed_consumers") != 1 {
			t.Error("nobody was told what to do")
		}
	}
}

func TestAProjectionWhoseOffsetIsGoneGoesOnFromItsCheckpoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := &readModel{t: t}
	stop := w.run(w.feed(), m.consumer("users"))
	m.reaches(w.append(some(10)...))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	w.exec(`delete from feed_offsets`)
	last := w.append(some(10)...)
	w.run(w.feed(), m.consumer("users"))
	m.reaches(last)
	m.isComplete(last)
	testkit.Eventually(t, "the offset is back", func() bool { return w.offset("users") == last })
}
