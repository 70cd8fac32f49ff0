package feed_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"tenure/internal/events"
	"tenure/internal/feed"
	"tenure/internal/testkit"
)

func TestSeveralConsumersGetAllInOrderWhileWritersAppend(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all, renamed := &readModel{t: t}, &readModel{t: t}
	only := renamed.consumer("renamed")
	only.Types = []string{"user.renamed"}
	var reacted []events.Position
	var reactedTo atomic.Int64
	w.run(w.feed(), all.consumer("all"), only, feed.Consumer{
		Name: "reaction", Start: feed.FromBeginning,
		React: func(_ context.Context, _ pgx.Tx, b events.Batch) error {
			for _, e := range b.Events {
				reacted = append(reacted, e.Position)
			}
			reactedTo.Store(int64(b.Through.Position))
			return nil
		},
	})
	var writers sync.WaitGroup
	for range 3 {
		writers.Go(func() {
			for n := range 60 {
				w.append(some(1 + n%9)...)
			}
		})
	}
	writers.Wait()
	last := events.Position(w.number(`select max(position) from event_log`))

	all.reaches(last)
	all.isComplete(last)
	renamed.reaches(last) // also over what it does not fold
	var want []events.Position
	rows, _ := w.owner.Query(t.Context(), `select position from event_log where type = 'user.renamed' order by position`)
	want, err := pgx.CollectRows(rows, pgx.RowTo[events.Position])
	if err != nil || !slices.Equal(renamed.seen, want) {
		t.Errorf("the filtered consumer saw %d events, want %d (%v)", len(renamed.seen), len(want), err)
	}
	testkit.Eventually(t, "the reaction has reached the end", func() bool { return reactedTo.Load() == int64(last) })
	if len(reacted) != int(last) || !slices.IsSorted(reacted) {
		t.Errorf("the reaction saw %d events in order: %v, want %d", len(reacted), slices.IsSorted(reacted), last)
	}
}

func TestAConsumerThatIsRestartedAnywhereMissesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	last := w.append(some(3000)...)
	m := &readModel{t: t}
	// Each run ends in another place of its first or second batch.
	for place := 0; m.position() < last; place++ {
		ctx, cancel := context.WithCancel(t.Context())
		batch := 0
		c := m.consumer("users")
		c.Fold = func(ctx context.Context, b events.Batch) error {
			batch++
			ends := batch == 1+place%2
			if ends && place%3 == 0 {
				cancel()
				return errors.New("it ended before the fold")
			}
			err := m.fold(ctx, b)
			if ends || m.position() == last {
				cancel()
				if place%3 == 1 {
					return errors.New("it ended between the fold and the commit")
				}
			}
			return err
		}
		if err := w.feed().Run(ctx, c); err != nil {
			t.Fatalf("Run: %v", err)
		}
		cancel()
	}
	m.isComplete(last)
}

func TestASlowConsumerHoldsBackNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m, release := &readModel{t: t}, make(chan struct{})
	w.run(w.feed(), m.consumer("quick"), feed.Consumer{
		Name: "slow", Start: feed.FromBeginning,
		Fold: func(context.Context, events.Batch) error { <-release; return nil },
	})
	defer close(release)
	for range 20 {
		m.reaches(w.append(some(100)...))
	}
	if got := w.offset("slow"); got != 0 {
		t.Errorf("the slow one is at %d", got)
	}
}
