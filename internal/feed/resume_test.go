package feed_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/testkit"
)

func TestARestoredReadModelIsFoldedAgainFromItsCheckpoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := &readModel{t: t}
	stop := w.run(w.feed(), m.consumer("users"))
	for range 4 {
		m.reaches(w.append(some(10)...))
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	// The store is set back to what it was at 15. Its offset says 40.
	m.checkpoint, m.seen = w.at(15), m.seen[:15]
	w.run(w.feed(), m.consumer("users"))
	m.reaches(40)
	m.isComplete(40)
	last := w.append(some(5)...)
	m.reaches(last)
	m.isComplete(last)
	testkit.Eventually(t, "the offset follows", func() bool { return w.offset("users") == last })
}

func TestTheOffsetsAboveALowerCheckpointAreDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := &readModel{t: t}
	stop := w.run(w.feed(), m.consumer("users"))
	for range 4 {
		m.reaches(w.append(some(10)...))
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	m.checkpoint, m.seen = w.at(15), m.seen[:15]
	w.exec(`update feed_offsets set event_id = gen_random_uuid() where position = 40`) // told apart from the one that comes
	var left []int64
	c := m.consumer("users")
	c.Types = []string{"user.created"}
	stop = w.run(w.feed(), c)
	m.reaches(40)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	rows, _ := w.owner.Query(t.Context(), `select position from feed_offsets where position > 15 order by position`)
	for rows.Next() {
		var p int64
		if err := rows.Scan(&p); err != nil {
			t.Fatal(err)
		}
		left = append(left, p)
	}
	if want := []int64{40}; !slices.Equal(left, want) {
		t.Errorf("offsets above the checkpoint: %v, want %v", left, want)
	}
	if got := w.number(`select count(*) from feed_offsets where position = 40 and event_id = $1`, w.at(40).Event); got != 1 {
		t.Error("the offset at 40 is the one from before")
	}
}

// The feed that takes over asks for the checkpoint under the lock, and not
// only when it starts.
func TestAReadModelThatIsRestoredWhileTheFeedRunsIsFoldedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := &readModel{t: t}
	w.run(w.feed(), m.consumer("users"))
	m.reaches(w.append(some(30)...))
	testkit.Eventually(t, "the offset follows", func() bool { return w.offset("users") == 30 })
	m.mu.Lock()
	m.checkpoint, m.seen, m.restored = w.at(7), m.seen[:7], true
	m.mu.Unlock()
	last := w.append(some(3)...)
	m.reaches(last)
	m.isComplete(last)
}

func TestAFoldThatWasNotCommittedComesAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	last := w.append(some(20)...)
	m := &readModel{t: t, checkpoint: w.at(12)} // it died between fold and commit; its offset is 0
	for p := range events.Position(12) {
		m.seen = append(m.seen, p+1)
	}
	from := events.Position(-1)
	c := m.consumer("users")
	c.Fold = func(ctx context.Context, b events.Batch) error { from = b.From.Position; return m.fold(ctx, b) }
	stop := w.run(w.feed(), c)
	m.reaches(last)
	m.isComplete(last)
	if err := stop(); err != nil {
		t.Error(err)
	}
	if from != 0 {
		t.Errorf("the batch begins after %d, want 0, the lower of the two", from)
	}
}

// fork replaces the event at p, as a log has it that was restored to before p
// and went on.
func (w *world) fork(p events.Position) {
	w.t.Helper()
	w.exec(`alter table event_log disable trigger user`)
	w.exec(`update event_log set event_id = gen_random_uuid() where position = $1`, int64(p))
	w.exec(`alter table event_log enable trigger user`)
}

func TestAForkedLogStopsTheConsumerAndNoOther(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(w *world, m *readModel){
		"another event at the checkpoint and the offset": func(w *world, _ *readModel) { w.fork(20) },
		"another event at the checkpoint, which is ahead of the offset": func(w *world, m *readModel) {
			w.exec(`delete from feed_offsets where position > 0`)
			w.exec(`insert into feed_offsets select 'users', 0, log_id, $1 from log_head on conflict do nothing`, uuid.Nil)
			m.checkpoint.Event = uuid.New()
		},
		"a log that is shorter than the checkpoint":  func(_ *world, m *readModel) { m.checkpoint.Position += 100 },
		"a checkpoint of another log":                func(_ *world, m *readModel) { m.checkpoint.Log = events.LogID(uuid.New()) },
		"another event at the offset, no checkpoint": func(w *world, m *readModel) { m.checkpoint = events.Mark{}; w.fork(20) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			m, other := &readModel{t: t}, &readModel{t: t}
			stop := w.run(w.feed(), m.consumer("users"))
			m.reaches(w.append(some(20)...))
			testkit.Eventually(t, "the offset follows", func() bool { return w.offset("users") == 20 })
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			folds := m.batches
			harm(w, m)
			c := m.consumer("users")
			if m.checkpoint == (events.Mark{}) {
				c.Resume = nil
			}
			f := w.feed()
			stop = w.run(f, c, other.consumer("other"))
			testkit.Eventually(t, "it is stopped", func() bool { return w.status(f, "users").Stopped })
			last := w.append(some(5)...)
			other.reaches(last)
			err := stop()
			if !errors.Is(err, eventlog.ErrForked) || !strings.Contains(err.Error(), "users") {
				t.Errorf("Run: %v, want %v of users", err, eventlog.ErrForked)
			}
			if m.batches != folds {
				t.Error("it was given a batch of a forked log")
			}
			if w.logs.count("projector rebuild") != 1 {
				t.Error("nobody was told what to do")
			}
			if got := w.status(f, "users"); !errors.Is(got.LastError, eventlog.ErrForked) {
				t.Errorf("status: %+v", got)
			}
		})
	}
}
