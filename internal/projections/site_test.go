package projections

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
	"tenure/internal/testkit"
)

// site is a log with its stores and what feeds them: a feed in memory, with a
// lock for each consumer.
type site struct {
	*history
	t     *testing.T
	mongo *docstore.Mongo
	redis *docstore.Redis
	lanes sync.Map // the lock of each consumer
}

func newSite(t *testing.T, h *history) *site {
	t.Helper()
	return &site{history: h, t: t, mongo: mongo(t), redis: redis(t)}
}

func (s *site) stores() stores { return stores{mongo: s.mongo, redis: s.redis, head: s.headOf} }

func (s *site) lane(consumer string) *sync.Mutex {
	lane, _ := s.lanes.LoadOrStore(consumer, &sync.Mutex{})
	return lane.(*sync.Mutex)
}

// log is what a rebuild is given.
func (s *site) log() Log {
	return Log{
		Head: s.headOf,
		At: func(_ context.Context, p events.Position) (events.Mark, error) {
			if p > s.head() {
				return events.Mark{}, ErrForked
			}
			return s.mark(p), nil
		},
		Read: func(ctx context.Context, from events.Mark, types []string, most int) (events.Batch, error) {
			if err := ctx.Err(); err != nil || most < 1 {
				return events.Batch{}, errors.Join(err, ctx.Err())
			}
			return s.next(from.Position, types), nil
		},
		Begin: func(context.Context, string, events.Mark) error { return nil },
		Hold: func(ctx context.Context, consumer string, work func(context.Context) error) error {
			lane := s.lane(consumer)
			lane.Lock()
			defer lane.Unlock()
			return work(ctx)
		},
		Alone: func(ctx context.Context, _ string, work func(context.Context) error) error { return work(ctx) },
	}
}

// next is the page after a position, with the payloads' bytes.
func (s *site) next(from events.Position, types []string) events.Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	through := min(from+100, events.Position(len(s.recorded)))
	b := s.batch(from, through, types)
	for i := range b.Events {
		_, _, data, err := events.Encode(b.Events[i].Payload)
		if err != nil {
			s.t.Error(err)
		}
		b.Events[i].Data = data
	}
	return b
}

// say appends while others read.
func (s *site) say(id events.UserID, payloads ...events.Payload) {
	s.add("", events.UserStream(events.Platform, id), payloads...)
}

// folds runs a projector and feeds it until it is stopped.
func (s *site) folds(p *Projector) (stop func()) {
	s.t.Helper()
	if err := p.Prepare(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	return running(s.t, func(ctx context.Context) {
		var both sync.WaitGroup
		both.Go(func() { p.Run(ctx) })
		defer both.Wait()
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			for _, c := range p.Consumers() {
				s.turn(ctx, c)
			}
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
	})
}

// turn gives a consumer one batch.
func (s *site) turn(ctx context.Context, c Consumer) {
	lane := s.lane(c.Name)
	if !lane.TryLock() {
		return // somebody holds it, and the others go on
	}
	defer lane.Unlock()
	at, err := c.Resume(ctx)
	if err != nil || at.Position >= s.head() {
		return
	}
	if err := c.Fold(ctx, s.next(at.Position, c.Types)); err != nil && ctx.Err() == nil {
		s.t.Logf("%s: %v", c.Name, err)
	}
}

func (s *site) projector(models ...readModel) *Projector {
	if models == nil {
		models = readModels()
	}
	return newProjector(s.stores(), models)
}

func (s *site) rebuilder() *Rebuilder {
	return &Rebuilder{Log: s.log(), Mongo: s.mongo, Redis: s.redis, Dir: s.t.TempDir()}
}

// live waits until a generation is live, and shows the log to its head.
func (s *site) live(r readModel, generation int) {
	s.t.Helper()
	testkit.Eventually(s.t, fmt.Sprintf("generation %d of %s, version %d, is live and shows all", generation, r.name, r.version), func() bool {
		reg := s.registered(r)
		at, err := r.look(s.t.Context(), s.stores(), generation)
		return reg.Live == generation && err == nil && at.Position >= s.head()
	})
}

func (s *site) registered(r readModel) docstore.Registration {
	s.t.Helper()
	reg, err := s.mongo.Registration(s.t.Context(), r.name, r.version)
	if err != nil {
		s.t.Fatal(err)
	}
	return reg
}

// reads is a Generations that is kept up to date.
func (s *site) reads() *Generations {
	s.t.Helper()
	g := NewGenerations(s.mongo, s.redis)
	running(s.t, g.Run)
	return g
}

// isClean fails unless what a generation stores is what one fold of the whole
// log makes of it.
func isClean[T any](s *site, p Projection[T], generation int) {
	s.t.Helper()
	want := documentsOf(p, s.history)
	keys := make([]docstore.Key, 0, len(want))
	for k := range want {
		keys = append(keys, k)
	}
	got, err := docstore.In[T](s.mongo, p.At(generation).Model()).Load(s.t.Context(), authz.SystemScope("test"), keys)
	if err != nil {
		s.t.Fatal(err)
	}
	count := 0
	for sum, err := range docstore.In[T](s.mongo, p.At(generation).Model()).Sums(s.t.Context(), authz.SystemScope("test")) {
		if err != nil {
			s.t.Fatal(err)
		}
		if count++; !slices.Contains(keys, sum.Key) {
			s.t.Errorf("%s: generation %d has %s, of which the log knows nothing", p.Name, generation, sum.Key)
		}
	}
	if count != len(want) {
		s.t.Errorf("%s: generation %d has %d documents, want %d", p.Name, generation, count, len(want))
	}
	for k, w := range want {
		if diff := cmp.Diff(w, deref(got[k].Body)); diff != "" {
			s.t.Errorf("%s: generation %d has %s so (-want +got):\n%s", p.Name, generation, k, diff)
		}
	}
}

func deref[T any](body *T) T {
	if body == nil {
		var none T
		return none
	}
	return *body
}

// isEmpty fails unless a directory is.
func isEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left in %s: %v, %v", dir, left, err)
	}
}

// crowded is a log about many users.
func crowded(users, each int) *history {
	h := newHistory(1)
	for n := range each {
		for u := range users {
			id := events.UserID(fmt.Sprintf("u%05d", u))
			switch {
			case n == 0:
				h.user(id, events.UserCreated{User: id, Email: fmt.Sprint(id, "@example.org"), Role: events.Viewer})
			case n == each-1 && u%7 == 0:
				h.user(id, events.UserDeleted{User: id})
			default:
				h.user(id, events.UserRenamed{User: id, Name: fmt.Sprint("name ", n)})
			}
		}
	}
	return h
}
