package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
	"tenure/internal/testkit"
)

// poisoned is p with a fold that spoils the document halfway, and then panics,
// at some events.
func poisoned(p Projection[journal], at ...events.Position) Projection[journal] {
	mended := p.Apply
	p.Apply = func(j *journal, k docstore.Key, e events.Recorded) {
		if slices.Contains(at, e.Position) {
			for i := range j.Applied {
				j.Applied[i] = -1
			}
			panic("somebody's name")
		}
		mended(j, k, e)
	}
	return p
}

// readAt reads a history as the log is read, a few events at a time.
func (h *history) readAt(_ context.Context, positions []events.Position) ([]events.Recorded, error) {
	var read []events.Recorded
	for _, p := range positions[:min(2, len(positions))] {
		read = append(read, h.recorded[p-1])
	}
	return read, nil
}

// lot is what a read model is while some of its documents are parked.
type lot struct {
	Bodies  map[docstore.Key]journal
	Parked  map[docstore.Key]events.Position
	Waiting map[docstore.Key][]events.Position
}

func newLot() lot {
	return lot{map[docstore.Key]journal{}, map[docstore.Key]events.Position{}, map[docstore.Key][]events.Position{}}
}

// lotOf is what it is to be when the fold panics at some events.
func lotOf(p Projection[journal], h *history, at ...events.Position) lot {
	l := newLot()
	for _, e := range h.recorded {
		for _, k := range p.Keys(e) {
			if l.Parked[k] == 0 && slices.Contains(at, e.Position) {
				l.Parked[k] = e.Position
			}
			if l.Parked[k] > 0 {
				l.Waiting[k] = append(l.Waiting[k], e.Position)
				continue
			}
			doc := l.Bodies[k]
			p.Apply(&doc, k, e)
			l.Bodies[k] = doc
		}
	}
	for k, doc := range l.Bodies {
		if deleted(&doc) {
			delete(l.Bodies, k)
		}
	}
	return l
}

// inMongoNow is what MongoDB has of it.
func (l lot) inMongoNow(ctx context.Context, t rapid.TB, m *docstore.Mongo, p Projection[journal], h *history) lot {
	t.Helper()
	c, now := docstore.In[journal](m, p.Model()), newLot()
	docs, err := c.Load(ctx, parking(), touched(p, h.batch(0, h.head(), p.Types())))
	if err != nil {
		t.Fatal(err)
	}
	for k, d := range docs {
		if d.Body != nil {
			now.Bodies[k] = *d.Body
		}
		if d.Parked == nil {
			continue
		}
		now.Parked[k] = d.Parked.Position
		if now.Waiting[k], err = c.Queued(ctx, d, everyParked); err != nil {
			t.Fatal(err)
		}
	}
	return now
}

// inRedisNow is what Redis has of it.
func (l lot) inRedisNow(ctx context.Context, t rapid.TB, r *docstore.Redis, p Projection[journal], h *history) lot {
	t.Helper()
	store, now := docstore.PartitionsIn[journal](r, p.Model()), newLot()
	parts, err := store.Load(ctx, parking(), touched(p, h.batch(0, h.head(), p.Types())))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range parts {
		for k, doc := range part.Docs {
			now.Bodies[k] = doc
		}
		for k, held := range part.Held {
			if held.Doc != nil {
				now.Bodies[k] = *held.Doc
			}
			now.Parked[k] = held.Position
			if _, now.Waiting[k], _, err = store.LoadHeld(ctx, parking(), k); err != nil {
				t.Fatal(err)
			}
		}
	}
	return now
}

func (l lot) same(t rapid.TB, got lot) {
	t.Helper()
	if diff := cmp.Diff(l, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}

// drained retries everything, and fails unless nothing stays parked.
func drained(ctx context.Context, t rapid.TB, s bay[journal]) {
	t.Helper()
	err := retryOf(s)(ctx, nil, func(r Retried) {
		if r.Parked != nil {
			t.Errorf("%s stays parked at %d: %s", r.Key, r.Parked.Position, r.Parked.Error)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// someOf are events at which a fold is to panic.
func someOf(t *rapid.T, h *history) []events.Position {
	return rapid.SliceOfN(rapid.Map(rapid.IntRange(1, max(1, int(h.head()))), func(n int) events.Position { return events.Position(n) }), 1, 3).Draw(t, "bad")
}

func TestWhatCannotBeAppliedParksItsDocumentAlone(t *testing.T) {
	t.Parallel()
	m := mongo(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		h, p, ctx := randomHistory(t, 30), named(journals, n), context.Background()
		bad := someOf(t, h)
		d := inMongo(poisoned(p, bad...), m)
		if err := foldAll(ctx, d, h, cuts(t, h), rapid.Bool().Draw(t, "repeat")); err != nil {
			t.Fatal(err)
		}
		want := lotOf(p, h, bad...)
		want.same(t, want.inMongoNow(ctx, t, m, p, h))
		if err := d.fold(ctx, h.batch(0, h.head(), p.Types())); err != nil { // all of it once more
			t.Fatal(err)
		}
		want.same(t, want.inMongoNow(ctx, t, m, p, h))

		drained(ctx, t, mongoBay(p, m, h.readAt))
		sameAsOne(ctx, t, m, p, h)
		nothingWaits(ctx, t, d.store, p, h)
	})
}

// nothingWaits fails when something is left in the queue.
func nothingWaits(ctx context.Context, t rapid.TB, c docstore.Collection[journal], p Projection[journal], h *history) {
	t.Helper()
	for _, k := range touched(p, h.batch(0, h.head(), p.Types())) {
		all := docstore.Document[journal]{Key: k, Position: h.head(), Parked: &docstore.Parked{}}
		if left, err := c.Queued(ctx, all, 1); len(left) > 0 || err != nil {
			t.Fatalf("%v is left in the queue of %s, %v", left, k, err)
		}
	}
}

func TestWhatCannotBeAppliedParksItsDocumentAloneInRedis(t *testing.T) {
	t.Parallel()
	r := redis(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		h, p, ctx := randomHistory(t, 30), named(journals, n), context.Background()
		bad := someOf(t, h)
		g := inRedis(poisoned(p, bad...), r, h.headOf)
		if err := foldPartitions(ctx, g, h, cuts(t, h), rapid.Bool().Draw(t, "repeat")); err != nil {
			t.Fatal(err)
		}
		want := lotOf(p, h, bad...)
		want.same(t, want.inRedisNow(ctx, t, r, p, h))
		if err := inRedis(poisoned(p, bad...), r, h.headOf).fold(ctx, h.batch(0, h.head(), p.Types())); err != nil {
			t.Fatal(err)
		}
		want.same(t, want.inRedisNow(ctx, t, r, p, h))

		drained(ctx, t, redisBay(p, r, h.readAt))
		sameAsOneInRedis(ctx, t, r, p, h)
		if all, n, err := g.store.Parked(ctx, parking(), 100); len(all) != 0 || n != 0 || err != nil {
			t.Fatalf("%v, %d, %v are parked still", all, n, err)
		}
	})
}

// Two projectors and an operator who retries, all at once; one of the two has
// the fold that panics.
func TestRetryWhileProjectorsRun(t *testing.T) {
	t.Parallel()
	url := testkit.MongoURL(t)
	m := openMongo(t, url, nil)
	gates, stores := make([]*gate, 3), make([]*docstore.Mongo, 3)
	for i := range gates {
		gates[i] = newGate("find", "insert", "update", "delete")
		stores[i] = openMongo(t, url, gates[i].observe)
	}
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		h, p, ctx := contendedHistory(t, 24), named(journals, n), context.Background()
		bad := someOf(t, h)
		half := h.head() / 2
		if err := foldAll(ctx, inMongo(poisoned(p, bad...), m), h, []events.Position{half}, false); err != nil {
			t.Fatal(err)
		}
		r := randomRace(t, h)
		failed := make([]error, 3)
		fold := func(i int, p Projection[journal]) func() {
			return func() { failed[i] = foldAll(ctx, inMongo(p, stores[i]), h, r.plans[i].ends, r.plans[i].repeat) }
		}
		interleave(
			r.schedule, gates[0].start(fold(0, p)), gates[1].start(fold(1, poisoned(p, bad...))),
			gates[2].start(func() {
				failed[2] = retryOf(mongoBay(p, stores[2], h.readAt))(ctx, nil, func(Retried) {})
			}),
		)
		if err := errors.Join(failed...); err != nil {
			t.Fatal(err)
		}
		drained(ctx, t, mongoBay(p, m, h.readAt))
		sameAsOne(ctx, t, m, p, h)
	})
}

func TestRetryWhileProjectorsRunInRedis(t *testing.T) {
	t.Parallel()
	url, prefix := testkit.RedisURL(t)
	r := openRedis(t, url, prefix, nil)
	gates, stores := make([]*gate, 3), make([]*docstore.Redis, 3)
	for i := range gates {
		gates[i] = newGate("hmget", "evalsha")
		stores[i] = openRedis(t, url, prefix, gates[i].observe)
	}
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		h, p, ctx := contendedHistory(t, 24), named(journals, n), context.Background()
		bad := someOf(t, h)
		half := h.head() / 2
		if err := foldPartitions(ctx, inRedis(poisoned(p, bad...), r, h.headOf), h, []events.Position{half}, false); err != nil {
			t.Fatal(err)
		}
		race := randomRace(t, h)
		failed := make([]error, 3)
		fold := func(i int, p Projection[journal]) func() {
			return func() {
				failed[i] = foldPartitions(ctx, inRedis(p, stores[i], h.headOf), h, race.plans[i].ends, race.plans[i].repeat)
			}
		}
		interleave(
			race.schedule, gates[0].start(fold(0, p)), gates[1].start(fold(1, poisoned(p, bad...))),
			gates[2].start(func() {
				failed[2] = retryOf(redisBay(p, stores[2], h.readAt))(ctx, nil, func(Retried) {})
			}),
		)
		if err := errors.Join(failed...); err != nil {
			t.Fatal(err)
		}
		drained(ctx, t, redisBay(p, r, h.readAt))
		sameAsOneInRedis(ctx, t, r, p, h)
	})
}

// town of a few people, in which the second event of bob's is poison.
func parkedHistory() (h *history, bad []events.Position) {
	h = newHistory(1)
	h.user("ada", events.UserCreated{User: "ada", Email: "ada@example.org"})
	h.user("bob", events.UserCreated{User: "bob", Email: "bob@example.org"}, events.UserRenamed{User: "bob", Name: "Bob"})
	h.user("eve", events.UserCreated{User: "eve", Email: "eve@example.org"})
	h.user("bob", events.UserDisabled{User: "bob"}, events.UserEnabled{User: "bob"})
	h.user("ada", events.UserRenamed{User: "ada", Name: "Ada"})
	h.user("tom", events.UserCreated{User: "tom", Email: "tom@example.org"}, events.UserRenamed{User: "tom", Name: "Tom"})
	return h, []events.Position{3, 8}
}

func TestDyingWhileADocumentIsParkedLosesNothing(t *testing.T) {
	t.Parallel()
	url := testkit.MongoURL(t)
	m := openMongo(t, url, nil)
	g := newGate("find", "insert", "update", "delete")
	behind := openMongo(t, url, g.observe)
	h, bad := parkedHistory()
	ends := []events.Position{2, 4, 9}
	dies := func(steps int, work func(p Projection[journal])) (p Projection[journal], over bool) {
		p = named(journals, steps)
		a := g.start(func() { work(p) })
		for range steps {
			if !a.over {
				a.step()
			}
		}
		if a.over {
			return p, true
		}
		a.die()
		return p, false
	}
	for steps, over := 0, false; !over; steps++ {
		var p Projection[journal]
		p, over = dies(steps, func(p Projection[journal]) {
			_ = foldAll(context.Background(), inMongo(poisoned(p, bad...), behind), h, ends, false)
			_ = retryOf(mongoBay(p, behind, h.readAt))(context.Background(), nil, func(Retried) {})
		})
		if over && steps < 40 {
			t.Fatalf("it took %d steps, which is hardly all of them", steps)
		}
		if err := foldAll(t.Context(), inMongo(poisoned(p, bad...), m), h, ends, false); err != nil {
			t.Fatalf("after it died at step %d: %v", steps, err)
		}
		drained(t.Context(), t, mongoBay(p, m, h.readAt))
		sameAsOne(t.Context(), t, m, p, h)
	}
}

func TestRetryThatStillFails(t *testing.T) {
	t.Parallel()
	m, r := mongo(t), redis(t)
	h, _ := parkedHistory()
	if err := foldAll(t.Context(), inMongo(poisoned(journals, 3, 6), m), h, []events.Position{9}, false); err != nil {
		t.Fatal(err)
	}
	if err := foldPartitions(t.Context(), inRedis(poisoned(journals, 3, 6), r, h.headOf), h, []events.Position{9}, false); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]func(Projection[journal]) bay[journal]{
		"MongoDB": func(p Projection[journal]) bay[journal] { return mongoBay(p, m, h.readAt) },
		"Redis":   func(p Projection[journal]) bay[journal] { return redisBay(p, r, h.readAt) },
	} {
		try := func(p Projection[journal], applied int, at events.Position) {
			t.Helper()
			var got []Retried
			if err := retryOf(s(p))(t.Context(), nil, func(r Retried) { got = append(got, r) }); err != nil {
				t.Fatal(name, err)
			}
			if len(got) != 1 || got[0].Key != "user/bob" || got[0].Applied != applied || got[0].Parked == nil || got[0].Parked.Position != at ||
				!strings.Contains(got[0].Parked.Error, "the fold panics with a string (park_test.go:") {
				t.Errorf("%s: %+v, want %d applied and to be parked at %d", name, got, applied, at)
			}
		}
		try(poisoned(journals, 3, 6), 0, 3)
		try(poisoned(journals, 6), 2, 6)
		try(poisoned(journals, 6), 0, 6)
	}
	want := lotOf(journals, h, 6)
	want.same(t, want.inMongoNow(t.Context(), t, m, journals, h))
	want.same(t, want.inRedisNow(t.Context(), t, r, journals, h))
	// It is not parked any more, or never was.
	for _, key := range []docstore.Key{"user/ada", "user/nobody"} {
		err := retryOf(mongoBay(journals, m, h.readAt))(t.Context(), []docstore.Key{key}, func(r Retried) {
			if r.Applied != 0 || r.Parked != nil {
				t.Errorf("%s: %+v", key, r)
			}
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// unsound is a document that a store may refuse.
type unsound struct {
	Text  string   `bson:"text"`
	Other any      `bson:"other"`
	Seen  []string `bson:"seen"`
}

func TestWhatTheStoreRefusesIsParked(t *testing.T) {
	t.Parallel()
	m := mongo(t)
	h, _ := parkedHistory()
	for name, tt := range map[string]struct {
		spoil, mend func(*unsound)
		why         string
	}{
		"too large":          {spoil: func(u *unsound) { u.Text = strings.Repeat("x", 17<<20) }, why: "user.renamed: its 178"},
		"not BSON":           {spoil: func(u *unsound) { u.Other = make(chan int) }, why: "user.renamed: it cannot be encoded"},
		"tags that panic":    {spoil: func(u *unsound) { u.Text = "tags" }, why: "user.renamed: the fold panics with a string"},
		"two arrays at once": {spoil: func(u *unsound) { u.Other, u.Seen = []int{1, 2}, []string{"a", "b"} }, why: "user.renamed: MongoDB says 171"},
	} {
		for _, end := range [][]events.Position{{9}, {3, 9}, {1, 2, 3, 4, 5, 6, 7, 8, 9}} {
			t.Run(fmt.Sprint(name, end), func(t *testing.T) {
				t.Parallel()
				p := unsounds(strings.ReplaceAll(name, " ", "-")+fmt.Sprint(len(end)), func(u *unsound, e events.Recorded) {
					if e.Position == 3 {
						tt.spoil(u)
					}
				})
				d := inMongo(p, m)
				if err := d.prepare(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := foldAll(t.Context(), d, h, end, false); err != nil {
					t.Fatal(err)
				}
				all, err := d.store.Parked(t.Context(), parking(), 100)
				if err != nil || len(all) != 1 || all[0].Key != "bob" || all[0].Position != 3 || !strings.HasPrefix(all[0].Error, tt.why) {
					t.Fatalf("parked are %v, %v, want bob at 3, %s", all, err, tt.why)
				}
				for k, want := range map[docstore.Key][]string{"ada": {"1", "7"}, "bob": {"2"}, "eve": {"4"}, "tom": {"8", "9"}} {
					got, err := d.store.Get(t.Context(), parking(), k)
					if diff := cmp.Diff(want, got.Body.Seen); diff != "" || err != nil {
						t.Errorf("%s: %v (-want +got):\n%s", k, err, diff)
					}
				}
				drain := func(p Projection[unsound], stays bool) {
					t.Helper()
					err := retryOf(mongoBay(p, m, h.readAt))(t.Context(), nil, func(r Retried) {
						if (r.Parked != nil) != stays {
							t.Errorf("after a retry: %+v", r)
						}
					})
					if err != nil {
						t.Fatal(err)
					}
				}
				drain(p, true)
				drain(unsounds(strings.TrimSuffix(p.Name, "-unsound"), func(*unsound, events.Recorded) {}), false)
				got, err := d.store.Get(t.Context(), parking(), "bob")
				if diff := cmp.Diff([]string{"2", "3", "5", "6"}, got.Body.Seen); diff != "" || err != nil || got.Parked != 0 {
					t.Errorf("mended: %v, parked at %d (-want +got):\n%s", err, got.Parked, diff)
				}
			})
		}
	}
}

// unsounds note which events they saw.
func unsounds(name string, spoil func(*unsound, events.Recorded)) Projection[unsound] {
	return Projection[unsound]{
		Name: name + "-unsound", Version: 1, Handles: Users.Handles, Keys: userKeys,
		Apply: func(u *unsound, _ docstore.Key, e events.Recorded) {
			u.Seen = append(u.Seen, fmt.Sprint(e.Position))
			spoil(u, e)
		},
		Tags: func(u *unsound) authz.Tags {
			if u.Text == "tags" {
				panic("an assumption that does not hold")
			}
			return authz.Tags{Tenants: []events.TenantID{"acme"}}
		},
		Texts:   func(*unsound) map[string]string { return nil },
		Indexes: docstore.Indexes{Sorts: []docstore.Field{docstore.Body("other")}},
	}
}

// A document that leaves no room for a mark could not be parked later.
func TestAMarkHasRoomInEveryDocument(t *testing.T) {
	t.Parallel()
	m := mongo(t)
	h, _ := parkedHistory()
	p := unsounds("room", func(u *unsound, e events.Recorded) {
		switch e.Position {
		case 2:
			u.Text = strings.Repeat("x", 16<<20-180)
		case 3:
			panic("an assumption that does not hold")
		}
	})
	if err := foldAll(t.Context(), inMongo(p, m), h, []events.Position{2, 9}, false); err != nil {
		t.Fatal(err)
	}
	all, err := docstore.In[unsound](m, p.Model()).Parked(t.Context(), parking(), 2)
	if err != nil || len(all) != 1 || all[0].Key != "bob" {
		t.Errorf("parked are %v, %v, want bob", all, err)
	}
}

// What answers a command before the read model does cannot fail on what the
// read model cannot take.
func TestAFoldInMemoryEndsBeforeWhatCannotBeApplied(t *testing.T) {
	t.Parallel()
	h, bad := parkedHistory()
	for k, want := range lotOf(journals, h, bad...).Bodies {
		if diff := cmp.Diff(want, poisoned(journals, bad...).fold(k, h.recorded)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", k, diff)
		}
	}
}

// An operator deletes what he should not: then nothing is passed over.
func TestAQueueThatIsNotWholeIsNotApplied(t *testing.T) {
	t.Parallel()
	url, prefix := testkit.RedisURL(t)
	m, r := mongo(t), openRedis(t, url, prefix, nil)
	h, bad := parkedHistory()
	p := poisoned(journals, bad...)
	err := errors.Join(foldAll(t.Context(), inMongo(p, m), h, []events.Position{9}, false),
		foldPartitions(t.Context(), inRedis(p, r, h.headOf), h, []events.Position{9}, false),
		docstore.In[journal](m, p.Model()).Unqueue(t.Context(), "user/bob", 4))
	if err != nil {
		t.Fatal(err)
	}
	sayToRedis(t, url, fmt.Sprintf("HSET %s{%s:%02d} q:user/bob 3,5", prefix, p.Model(), docstore.PartitionOf("user/bob")))
	bob := []docstore.Key{"user/bob"}
	if err := retryOf(mongoBay(journals, m, h.readAt))(t.Context(), bob, func(Retried) {}); !errors.Is(err, errQueue) {
		t.Errorf("MongoDB: %v", err)
	}
	if err := retryOf(redisBay(journals, r, h.readAt))(t.Context(), bob, func(Retried) {}); err == nil || !strings.Contains(err.Error(), "not whole") {
		t.Errorf("Redis: %v", err)
	}
	// Nor is another log's.
	other, _ := parkedHistory()
	other.recorded[7] = other.recorded[0]
	err = retryOf(redisBay(journals, r, other.readAt))(t.Context(), []docstore.Key{"user/tom"}, func(Retried) {})
	if !errors.Is(err, ErrForked) {
		t.Errorf("the queue of another log: %v", err)
	}
}

// What is lost is folded again, queues and all; a mended fold then parks
// nothing.
func TestALostRedisParksAgain(t *testing.T) {
	t.Parallel()
	url, prefix := testkit.RedisURL(t)
	r := openRedis(t, url, prefix, nil)
	h, bad := parkedHistory()
	p := poisoned(journals, bad...)
	g := inRedis(p, r, h.headOf)
	want := lotOf(p, h, bad...)
	for range 2 {
		if err := foldPartitions(t.Context(), g, h, []events.Position{4, 9}, false); err != nil {
			t.Fatal(err)
		}
		want.same(t, want.inRedisNow(t.Context(), t, r, p, h))
		lose(t, url, prefix, p.Model(), everyPartition()...)
	}
	sameAsOneInRedis(t.Context(), t, r, journals, h)
	if all, n, err := g.store.Parked(t.Context(), parking(), 100); len(all) != 0 || n != 0 || err != nil {
		t.Errorf("%v, %d, %v are parked still", all, n, err)
	}
}
