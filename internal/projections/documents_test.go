package projections

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
	"tenure/internal/testkit"
)

// stored is what MongoDB holds of a projection for these keys: bodies, and the
// zero T for tombstones.
func storedDocs[T any](ctx context.Context, m *docstore.Mongo, p Projection[T], keys []docstore.Key) (map[docstore.Key]T, map[docstore.Key]events.Position, error) {
	loaded, err := docstore.In[T](m, p.Model()).Load(ctx, authz.SystemScope("test"), keys)
	bodies, positions := make(map[docstore.Key]T), make(map[docstore.Key]events.Position)
	for k, d := range loaded {
		positions[k] = d.Position
		var body T
		if d.Body != nil {
			body = *d.Body
		}
		bodies[k] = body
	}
	return bodies, positions, err
}

// sameAsOne fails unless MongoDB holds what one writer in one piece makes of h.
func sameAsOne[T any](ctx context.Context, t rapid.TB, m *docstore.Mongo, p Projection[T], h *history) {
	t.Helper()
	want := documentsOf(p, h)
	wantPositions := make(map[docstore.Key]events.Position)
	for _, e := range h.recorded {
		for _, k := range p.Keys(e) {
			wantPositions[k] = e.Position
		}
	}
	keys := make([]docstore.Key, 0, len(want))
	for k := range want {
		keys = append(keys, k)
	}
	got, gotPositions, err := storedDocs(ctx, m, p, keys)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("documents (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wantPositions, gotPositions); diff != "" {
		t.Fatalf("positions (-want +got):\n%s", diff)
	}
	at, err := m.Checkpoint(ctx, p.Model())
	if err != nil || at != h.mark(h.head()) {
		t.Fatalf("the checkpoint is %v, %v, want %v", at, err, h.mark(h.head()))
	}
}

// foldAll feeds h to d in these pieces, going on where the checkpoint is, and
// one piece further back when repeat says so.
func foldAll[T any](ctx context.Context, d *documents[T], h *history, ends []events.Position, repeat bool) error {
	var former events.Position
	for _, end := range ends {
		at, err := d.resume(ctx)
		if err != nil {
			return err
		}
		from := at.Position
		if repeat {
			from = min(from, former)
		}
		former = at.Position
		if from >= end {
			continue
		}
		if err := d.fold(ctx, h.batch(from, end, d.projection.Types())); err != nil {
			return err
		}
	}
	return nil
}

func TestAnyCutOfTheLogGivesTheSameDocuments(t *testing.T) {
	t.Parallel()
	m := mongo(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		h := randomHistory(t, 30)
		anyCut(t, m, named(Users, n), h)
		anyCut(t, m, named(Suppliers, n), h)
		anyCut(t, m, named(APIKeys, n), h)
		anyCut(t, m, named(journals, n), h)
	})
}

func anyCut[T any](t *rapid.T, m *docstore.Mongo, p Projection[T], h *history) {
	t.Helper()
	if err := foldAll(context.Background(), inMongo(p, m), h, cuts(t, h), rapid.Bool().Draw(t, "repeat")); err != nil {
		t.Fatal(err)
	}
	sameAsOne(context.Background(), t, m, p, h)
}

func TestThreeWritersEndAsOneInMongo(t *testing.T) {
	t.Parallel()
	url := testkit.MongoURL(t)
	m := openMongo(t, url, nil)
	gates := make([]*gate, 3)
	stores := make([]*docstore.Mongo, 3)
	for i := range gates {
		gates[i] = newGate("find", "insert", "update")
		stores[i] = openMongo(t, url, gates[i].observe)
	}
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		h, p := contendedHistory(t, 24), named(journals, n)
		r := randomRace(t, h)
		failed := make([]error, 3)
		actors := make([]*actor, 3)
		for i, plan := range r.plans {
			actors[i] = gates[i].start(func() {
				failed[i] = foldAll(context.Background(), inMongo(p, stores[i]), h, plan.ends, plan.repeat)
			})
		}
		interleave(r.schedule, actors...)
		if err := errors.Join(failed...); err != nil {
			t.Fatal(err)
		}
		sameAsOne(context.Background(), t, m, p, h)
	})
}

func TestDyingBetweenAnyTwoStepsLosesNothingInMongo(t *testing.T) {
	t.Parallel()
	url := testkit.MongoURL(t)
	m := openMongo(t, url, nil)
	g := newGate("find", "insert", "update")
	behind := openMongo(t, url, g.observe)
	h := newHistory(1)
	h.user("ada", events.UserCreated{User: "ada", Email: "ada@example.org", Role: events.Viewer})
	h.user("bob", events.UserCreated{User: "bob", Email: "bob@example.org", Role: events.Viewer})
	h.user("ada", events.UserRenamed{User: "ada", Name: "Ada"})
	h.user("eve", events.UserCreated{User: "eve", Email: "eve@example.org", Role: events.Viewer})
	h.user("bob", events.UserDeleted{User: "bob"}, events.UserRenamed{User: "bob", Name: "nobody"})
	h.user("ada", events.UserDisabled{User: "ada"}, events.UserEnabled{User: "ada"})
	ends := []events.Position{2, 4, 8}

	for steps := 0; ; steps++ {
		p := named(journals, steps)
		a := g.start(func() { _ = foldAll(context.Background(), inMongo(p, behind), h, ends, false) })
		for range steps {
			if !a.over {
				a.step()
			}
		}
		if a.over {
			if steps < 20 {
				t.Fatalf("the fold took %d steps, which is hardly all of them", steps)
			}
			return
		}
		a.die()
		if err := foldAll(t.Context(), inMongo(p, m), h, ends, false); err != nil {
			t.Fatalf("after it died at step %d: %v", steps, err)
		}
		sameAsOne(t.Context(), t, m, p, h)
	}
}

func TestABulkThatWasHalfWrittenIsFinished(t *testing.T) {
	t.Parallel()
	m := mongo(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		h, p := randomHistory(t, 20), named(journals, n)
		d, ctx := inMongo(p, m), context.Background()
		middle := events.Position(rapid.IntRange(0, int(h.head())).Draw(t, "middle"))
		if err := foldAll(ctx, d, h, []events.Position{middle}, false); err != nil {
			t.Fatal(err)
		}
		// The server died with any part of an unordered bulk written.
		b := h.batch(middle, h.head(), p.Types())
		loaded, err := d.store.Load(ctx, authz.SystemScope("test"), touched(p, b))
		if err != nil {
			t.Fatal(err)
		}
		c, err := changes(p, loaded, b, noTrouble())
		if err != nil {
			t.Fatal(err)
		}
		half := func(docs []docstore.Document[journal]) (some []docstore.Document[journal]) {
			for _, doc := range docs {
				if rapid.Bool().Draw(t, "written") {
					some = append(some, doc)
				}
			}
			return some
		}
		_, inserted := d.store.Insert(ctx, half(c.fresh))
		_, replaced := d.store.Replace(ctx, half(c.known))
		if err := errors.Join(inserted, replaced, foldAll(ctx, d, h, []events.Position{h.head()}, false)); err != nil {
			t.Fatal(err)
		}
		sameAsOne(ctx, t, m, p, h)
	})
}

func TestATombstoneKeepsAnOlderWriterOut(t *testing.T) {
	t.Parallel()
	m := mongo(t)
	h := newHistory(1)
	h.user("ada", events.UserCreated{User: "ada", Email: "ada@example.org"}, events.UserDeleted{User: "ada"})
	d := inMongo(Users, m)
	if err := d.fold(t.Context(), h.batch(0, 2, Users.Types())); err != nil {
		t.Fatal(err)
	}
	// A writer that loaded before and writes now.
	late, err := changes(Users, nil, h.batch(0, 1, Users.Types()), noTrouble())
	if err != nil {
		t.Fatal(err)
	}
	raced, err := d.store.Insert(t.Context(), late.fresh)
	if !raced || err != nil {
		t.Errorf("the older writer was told %v, %v, want that it lost", raced, err)
	}
	sameAsOne(t.Context(), t, m, Users, h)
	q := UserQueries{Mongo: m, Live: first}
	if _, err := q.Get(t.Context(), authz.SystemScope("test"), "ada"); !errors.Is(err, docstore.ErrNotFound) {
		t.Errorf("the deleted user: %v, want ErrNotFound", err)
	}
	listed, err := q.List(t.Context(), authz.SystemScope("test"), UserFilter{Search: "ada"}, Page{})
	if err != nil || listed.Total != 0 {
		t.Errorf("a list has the deleted user: %v, %v", listed, err)
	}
}

func TestWhereABatchMayStart(t *testing.T) {
	t.Parallel()
	m := mongo(t)
	h := newHistory(1)
	for n := range 10 {
		h.user("ada", events.UserRenamed{User: "ada", Name: fmt.Sprint(n)})
	}
	other := h.batch(5, 8, Users.Types()) // the very events, in another log
	other.From.Log[0]++
	other.Through.Log[0]++
	forkAt := func(b events.Batch) events.Batch {
		if b.From.Position == 5 {
			b.From.Event[1]++
		}
		if b.Through.Position == 5 {
			b.Through.Event[1]++
		}
		return b
	}
	inside := h.batch(3, 7, Users.Types())
	inside.Events[1].ID[1]++
	for name, tt := range map[string]struct {
		batch events.Batch
		want  error
		at    events.Position
	}{
		"at the checkpoint":                   {batch: h.batch(5, 8, Users.Types()), at: 8},
		"below it, ending beyond":             {batch: h.batch(2, 8, Users.Types()), at: 8},
		"below it, ending below":              {batch: h.batch(2, 4, Users.Types()), at: 5},
		"above it":                            {batch: h.batch(6, 8, Users.Types()), want: ErrBehind, at: 5},
		"another log":                         {batch: other, want: ErrForked, at: 5},
		"another event at the checkpoint":     {batch: forkAt(h.batch(5, 8, Users.Types())), want: ErrForked, at: 5},
		"another event, found at the end":     {batch: forkAt(h.batch(2, 5, nil)), want: ErrForked, at: 5},
		"another event, found within a batch": {batch: inside, want: ErrForked, at: 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := Users
			p.Name = strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), ",", "")
			d := inMongo(p, m)
			if err := d.fold(t.Context(), h.batch(0, 5, Users.Types())); err != nil {
				t.Fatal(err)
			}
			err := d.fold(t.Context(), tt.batch)
			if !errors.Is(err, tt.want) || (tt.want == nil) != (err == nil) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if at, err := d.resume(t.Context()); at.Position != tt.at || err != nil {
				t.Errorf("the checkpoint is at %d, %v, want %d", at.Position, err, tt.at)
			}
		})
	}
}

func TestAFoldInMemoryEqualsTheReadModel(t *testing.T) {
	t.Parallel()
	m := mongo(t)
	p := NewProjector(m, nil, nil)
	if err := p.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := aFewOfEach()
	for _, c := range p.Consumers()[:3] {
		follow(t, h, c)
	}
	all := authz.SystemScope("test")
	user, err := (&UserQueries{Mongo: m, Live: first}).Get(t.Context(), all, "ada")
	check(t, err, user, FoldUser(h.stream(events.UserStream(events.Platform, "ada"))))
	supplier, err := (&SupplierQueries{Mongo: m, Live: first}).Get(t.Context(), all, "acme")
	check(t, err, supplier, FoldSupplier(h.stream(events.SupplierStream("acme"))))
	key, err := (&APIKeyQueries{Mongo: m, Live: first}).Get(t.Context(), all, "k1")
	check(t, err, key, FoldAPIKey(h.stream(events.APIKeyStream(events.Platform, "k1"))))
}

func check[T any](t *testing.T, err error, got, want T) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" || reflect.ValueOf(want).IsZero() {
		t.Errorf("(-fold +read model):\n%s", diff)
	}
}
