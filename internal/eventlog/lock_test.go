package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenure/internal/eventlog"
	"tenure/internal/testkit"
)

// lockHead makes another session hold the lock under which appends take turns,
// until the test lets it go.
func (b bench) lockHead(t testing.TB) (free func()) {
	t.Helper()
	tx, err := b.owner.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `select from log_head for update`); err != nil {
		t.Fatal(err)
	}
	free = func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }
	t.Cleanup(free)
	return free
}

// waitsForLock waits until an append stands behind the one who has the lock.
func (b bench) waitsForLock(t testing.TB) {
	t.Helper()
	testkit.Eventually(t, "an append waits for the lock", func() bool {
		var waiting int
		err := b.owner.QueryRow(t.Context(), `select count(*) from pg_stat_activity
			where datname = current_database() and wait_event_type = 'Lock'`).Scan(&waiting)
		return err == nil && waiting > 0
	})
}

// impatient waits for the lock a moment only.
func impatient(config *pgxpool.Config) {
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		if err := eventlog.WriterSession(ctx, conn); err != nil {
			return err
		}
		_, err := conn.Exec(ctx, `set lock_timeout = '20ms'`)
		return err
	}
}

func TestALockThatIsHeldTooLongIsAskedForAgain(t *testing.T) {
	t.Parallel()
	b := openWith(t, eventlog.Config{}, impatient)
	b.must(t, created("first"))
	free := b.lockHead(t)
	answer := make(chan result, 1)
	go func() {
		r, err := b.Append(t.Context(), created("ada"))
		answer <- result{r, err}
	}()
	testkit.Eventually(t, "the lock was asked for three times", func() bool { return b.wire.sent() >= 4 })
	free()
	if r := <-answer; r.err != nil || r.receipt.First != 2 {
		t.Errorf("got %+v, want position 2", r)
	}
	if got := len(b.all(t)); got != 2 {
		t.Errorf("%d events in the log, want 2", got)
	}
}

// Each of the tries was rolled back by the server, which said so.
func TestALockThatIsNeverFreeLeavesNothingUnknown(t *testing.T) {
	t.Parallel()
	b := openWith(t, eventlog.Config{GiveUp: brief}, impatient)
	b.must(t, created("first"))
	free := b.lockHead(t)
	if _, err := b.Append(t.Context(), created("ada")); !errors.Is(err, eventlog.ErrUnavailable) || errors.Is(err, eventlog.ErrUnknownOutcome) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	free()
	b.must(t, created("ada"))
}

// An updated row would have to be kept in each of its versions for as long as
// the oldest snapshot.
func TestTheHeadIsLockedAndNeverUpdated(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.must(t, created("first"))
	snapshot, err := b.owner.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = snapshot.Rollback(context.WithoutCancel(t.Context())) })
	if _, err := snapshot.Exec(t.Context(), `select count(*) from event_log`); err != nil {
		t.Fatal(err)
	}
	before := b.headRow(t)
	for i := range 10 { // in batches, each of which takes the lock
		commands := make([]eventlog.Command, 100)
		for j := range commands {
			commands[j] = created(fmt.Sprint("u", i, " ", j))
		}
		b.atOnce(t, commands...)
	}
	if after := b.headRow(t); after != before {
		t.Errorf("the row of log_head was %s and is %s", before, after)
	}
	var seen int
	if err := snapshot.QueryRow(t.Context(), `select count(*) from event_log`).Scan(&seen); err != nil || seen != 1 {
		t.Errorf("the snapshot sees %d events, want 1 (%v)", seen, err)
	}
}

// headRow says which version of its row log_head has, and how many there were.
func (b bench) headRow(t testing.TB) string {
	t.Helper()
	var row string
	if err := b.owner.QueryRow(t.Context(), `select format('%s %s, %s bytes', ctid, xmin, pg_relation_size('log_head')) from log_head`).Scan(&row); err != nil {
		t.Fatal(err)
	}
	return row
}

func TestWhoeverComesBeyondTheBoundIsToldAtOnce(t *testing.T) {
	t.Parallel()
	b := openWith(t, eventlog.Config{MaxWaiting: 3}, nil)
	free := b.lockHead(t)
	var group sync.WaitGroup
	wait := func(user string) {
		group.Go(func() {
			if _, err := b.Append(t.Context(), created(user)); err != nil {
				t.Errorf("%s: %v", user, err)
			}
		})
	}
	wait("under way")
	b.waitsForLock(t)
	for _, user := range []string{"a", "b", "c"} {
		wait(user)
	}
	left, cancel := context.WithCancel(t.Context())
	cancel()
	testkit.Eventually(t, "three wait", func() bool {
		// One that is taken in leaves by itself, since its context has ended.
		_, err := b.Append(afterwards{t.Context(), left}, created("d"))
		return errors.Is(err, eventlog.ErrUnavailable)
	})
	free()
	group.Wait()
	if got := len(b.all(t)); got != 4 {
		t.Errorf("%d events, want 4", got)
	}
}

// afterwards is a context that is alive when it is asked, and whose end has
// come when it is waited for.
type afterwards struct {
	context.Context
	ended context.Context
}

func (a afterwards) Done() <-chan struct{} { return a.ended.Done() }
