package projections

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"tenure/internal/docstore"
	"tenure/internal/events"
	"tenure/internal/testkit"
)

// town is a log with its stores, a projector and someone who waits.
type town struct {
	*history
	mongo  *docstore.Mongo
	redis  *docstore.Redis
	url    string // of Redis
	prefix string
	// mongoURL is where mongo is.
	mongoURL string
}

func newTown(t *testing.T) *town {
	t.Helper()
	url, prefix := testkit.RedisURL(t)
	w := &town{history: aFewOfEach(), redis: openRedis(t, url, prefix, nil), url: url, prefix: prefix, mongoURL: testkit.MongoURL(t)}
	w.mongo = openMongo(t, w.mongoURL, nil)
	return w
}

func (w *town) stores() stores { return stores{mongo: w.mongo, redis: w.redis, head: w.headOf} }

// projector folds what there is, and beats until it is stopped.
func (w *town) projector(t *testing.T) (p *Projector, stop func()) {
	t.Helper()
	p = NewProjector(w.mongo, w.redis, w.headOf)
	if err := p.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.feed(t, p.Consumers()...)
	return p, running(t, p.Run)
}

// progress is a Progress that runs, as an API process has one. It hears and
// looks through r.
func (w *town) progress(t *testing.T, r *docstore.Redis) *Progress {
	t.Helper()
	p := NewProgress(NewGenerations(w.mongo, r))
	running(t, p.Run)
	return p
}

// running runs until it is stopped, or the test ends.
func running(t *testing.T, run func(context.Context)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return stop
}

// soon ends after what nothing here takes.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// knows waits until everything up to the head is known to be shown.
func (w *town) knows(t *testing.T, p *Progress) {
	t.Helper()
	ctx := soon(t)
	if !p.Wait(ctx, w.log, w.head(), nil) {
		t.Fatal("waited in vain for the head")
	}
}

// rename appends an event.
func (w *town) rename() { w.user("ada", events.UserRenamed{User: "ada", Name: "again"}) }

// feed gives consumers what they lack.
func (w *town) feed(t *testing.T, all ...Consumer) {
	t.Helper()
	for _, c := range all {
		follow(t, w.history, c)
	}
}

// answer is what a waiter was told, and whether that was before he gave up.
type answer struct{ visible, inTime bool }

// waits waits in the background, for at most ten seconds.
func (w *town) waits(t *testing.T, p *Progress, position events.Position, types ...string) <-chan answer {
	t.Helper()
	told := make(chan answer, 1)
	before := p.waiters()
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		visible := p.Wait(ctx, w.log, position, ofTypes(types...))
		told <- answer{visible, ctx.Err() == nil}
	}()
	testkit.Eventually(t, "it waits, or has its answer", func() bool { return p.waiters() > before || len(told) > 0 })
	return told
}

// ofTypes are events of which nothing but their type is known.
func ofTypes(types ...string) []events.Recorded {
	var all []events.Recorded
	for _, name := range types {
		all = append(all, events.Recorded{Type: name})
	}
	return all
}

func (p *Progress) waiters() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waiting
}

func TestAWaiterIsWokenByAnAnnouncement(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	projector, _ := w.projector(t)
	p := w.progress(t, openRedis(t, w.url, w.prefix, nil))
	w.knows(t, p)
	w.rename()
	told := w.waits(t, p, w.head(), "user.renamed")
	all := projector.Consumers()
	w.feed(t, all[0])
	if !p.WaitFor(soon(t), w.log, w.head(), "users") || p.waiters() != 1 || len(told) != 0 {
		t.Error("it is told before authentication has the event too")
	}
	w.feed(t, all[3])
	if got := <-told; got != (answer{true, true}) {
		t.Errorf("told %+v, want that the event is visible", got)
	}
	// Nobody waits for who does not fold it.
	if !p.Wait(soon(t), w.log, w.head(), ofTypes("user.renamed")) {
		t.Error("what is shown is not visible to one who asks again")
	}
}

func TestAQueryWaitsForWhatItReads(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.projector(t)
	p := w.progress(t, openRedis(t, w.url, w.prefix, nil))
	w.knows(t, p)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tt := range map[string]struct {
		log      events.LogID
		position events.Position
		names    []string
		want     bool
	}{
		"what is there":                  {w.log, w.head(), []string{"users", "suppliers"}, true},
		"what is not there yet":          {w.log, w.head() + 1, []string{"users"}, false},
		"another log":                    {events.LogID{15: 9}, 1, []string{"users"}, false},
		"every one, which is there":      {w.log, w.head(), nil, true},
		"every one, which is not":        {w.log, w.head() + 1, nil, false},
		"a read model that there is not": {w.log, 1, []string{"users", "apikeys"}, false},
		"the beginning of another log":   {events.LogID{15: 9}, 0, []string{"users"}, true},
	} {
		if got := p.WaitFor(ended, tt.log, tt.position, tt.names...); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// The channel is cut, the projector works: what it writes is seen all the
// same.
func TestALostAnnouncementCostsABeat(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	projector, _ := w.projector(t)
	p := NewProgress(NewGenerations(w.mongo, w.redis))
	p.redis = openRedis(t, w.url, w.prefix+"nobody-speaks-here:", nil)
	running(t, p.Run)
	w.knows(t, p)
	for range 3 {
		w.rename()
		told := w.waits(t, p, w.head(), "user.renamed")
		w.feed(t, projector.Consumers()...)
		if got := <-told; got != (answer{true, true}) {
			t.Errorf("told %+v, want that the event is visible", got)
		}
	}
}

func TestAProjectorThatIsGoneIsWaitedForOnce(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	projector, stop := w.projector(t)
	p := w.progress(t, openRedis(t, w.url, w.prefix, nil))
	w.knows(t, p)
	stop()
	w.rename()
	if got := <-w.waits(t, p, w.head(), "user.renamed"); got != (answer{false, true}) {
		t.Errorf("told %+v, want at once that nobody folds it", got)
	}
	// From now on it is known, so nobody else pays.
	ctx := soon(t)
	for range 100 {
		if w, visible := p.enter(goal{w.log, w.head()}, func(*track) bool { return true }, nil); w != nil || visible {
			t.Fatal("one more waits for a projector that is known to be gone")
		}
	}
	// It comes back, and is believed.
	running(t, projector.Run)
	w.feed(t, projector.Consumers()...)
	testkit.Eventually(t, "the event is visible again", func() bool {
		return p.Wait(ctx, w.log, w.head(), ofTypes("user.renamed"))
	})
}

func TestWhatFailsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	projector, _ := w.projector(t)
	p := w.progress(t, openRedis(t, w.url, w.prefix, nil))
	w.knows(t, p)
	w.rename()
	told := w.waits(t, p, w.head(), "user.renamed")
	projector.builds[0].note(w.batch(w.head()-1, w.head(), nil), errors.New("it cannot go on"))
	if got := <-told; got != (answer{false, true}) {
		t.Errorf("told %+v, want at once that its projector failed", got)
	}
	status := p.Status(t.Context(), func(_ context.Context, at events.Mark) (Lag, error) {
		return Lag{Events: int64(w.head() - at.Position)}, nil
	})
	if status[0].LastError != "it cannot go on" || status[0].Lag.Events != 1 || status[0].Name != "users" ||
		status[0].Version != Users.Version || status[0].Generation != 1 {
		t.Errorf("the status is %+v", status[0])
	}
	if status[3].LastError != "" || status[3].Name != "authentication" {
		t.Errorf("the status of another is %+v", status[3])
	}
	// Others are waited for as before.
	if !p.Wait(soon(t), w.log, w.head()-1, ofTypes("supplier.changed")) {
		t.Error("who folds nothing of this is not visible either")
	}
	// Another process folds it, and the failure is over for everybody.
	w.projector(t)
	ctx := soon(t)
	testkit.Eventually(t, "who failed says so no more", func() bool {
		b := projector.builds[0]
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.failed == ""
	})
	testkit.Eventually(t, "the failure is over", func() bool {
		return p.Wait(ctx, w.log, w.head(), nil) && p.Status(ctx, noLag)[0].LastError == ""
	})
}

func noLag(context.Context, events.Mark) (Lag, error) { return Lag{}, nil }

// The connection breaks, which loses announcements, and comes back.
func TestABrokenChannelIsConnectedAgain(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	projector, _ := w.projector(t)
	address, cut := through(t, w.url, nil)
	p := w.progress(t, openRedis(t, address, w.prefix, nil))
	for range 3 {
		w.knows(t, p)
		cut()
		w.rename()
		told := w.waits(t, p, w.head(), "user.renamed")
		w.feed(t, projector.Consumers()...)
		if got := <-told; got != (answer{true, true}) {
			t.Errorf("told %+v, want that the event is visible", got)
		}
		testkit.Eventually(t, "it hears again", func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			return !slices.ContainsFunc(p.tracks, func(t *track) bool { return t.silent > 1 })
		})
	}
}

func TestAStoreThatIsGoneIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.projector(t)
	down := make(chan struct{})
	address, _ := through(t, w.url, down)
	p := w.progress(t, openRedis(t, address, w.prefix, nil))
	w.knows(t, p)
	close(down)
	w.rename()
	if got := <-w.waits(t, p, w.head(), "user.renamed"); got != (answer{false, true}) {
		t.Errorf("told %+v, want at once that the store is gone", got)
	}
}

func TestWaitersAreBounded(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.projector(t)
	p := NewProgress(NewGenerations(w.mongo, w.redis))
	p.MaxWaiters = 2
	running(t, p.Run)
	w.knows(t, p)
	ctx, cancel := context.WithCancel(t.Context())
	told := make(chan bool, 2)
	for range 2 {
		go func() { told <- p.Wait(ctx, w.log, w.head()+1, nil) }()
	}
	testkit.Eventually(t, "two wait", func() bool { return p.waiters() == 2 })
	everything := func(*track) bool { return true }
	if third, visible := p.enter(goal{w.log, w.head() + 1}, everything, nil); third != nil || visible {
		t.Error("a third one waits")
	}
	if !p.Wait(soon(t), w.log, w.head(), nil) {
		t.Error("what is there needs no place to wait")
	}
	cancel()
	for range 2 {
		if <-told {
			t.Error("what is not there is visible")
		}
	}
	if n := p.waiters(); n != 0 {
		t.Errorf("%d still wait", n)
	}
}

func TestNothingRunsOnAfterTheEnd(t *testing.T) {
	w := newTown(t) // the stores' own connections stay open
	before := goleak.IgnoreCurrent()
	_, stop := w.projector(t)
	p := NewProgress(NewGenerations(w.mongo, w.redis))
	stopProgress := running(t, p.Run)
	w.knows(t, p)
	r := NewRevocations(w.redis, RevocationOptions{Process: uuid.New(), Now: time.Now})
	stopRevocations := running(t, r.Run)
	testkit.Eventually(t, "it takes part", func() bool {
		members, _ := r.live(t.Context())
		return len(members) > 0
	})
	stopRevocations()
	stopProgress()
	stop()
	// The driver asks its server how it is, now and then, as long as it is open.
	heartbeat := goleak.IgnoreAnyFunction("go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology.(*contextDoneListener).Listen")
	goleak.VerifyNone(t, before, heartbeat)
}

// Announcements of two projectors cross each other; one of them is behind.
func TestCrossedAnnouncements(t *testing.T) {
	t.Parallel()
	h := aFewOfEach()
	tr := &track{silent: silence, waiters: make(map[*waiter]bool)}
	say := func(p events.Position) {
		tr.hear(announcement{Log: h.log.String(), Position: p})
	}
	say(10)
	say(9)
	if !tr.reached(goal{h.log, 10}) {
		t.Error("what one projector has shown is forgotten because another is behind")
	}
	// The store went back, and everybody says so.
	for range doubt + 1 {
		tr.beat()
		say(9)
	}
	if tr.reached(goal{h.log, 10}) {
		t.Error("what nobody confirms is still believed")
	}
}
