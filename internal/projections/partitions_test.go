package projections

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
	"tenure/internal/testkit"
)

// sameAsOneInRedis fails unless Redis holds what one writer in one piece makes
// of h, and every partition says so and is ready after two beats.
func sameAsOneInRedis[T any](ctx context.Context, t rapid.TB, r *docstore.Redis, p Projection[T], h *history) {
	t.Helper()
	g := inRedis(p, r, h.headOf)
	for {
		at, err := g.beat(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if at == h.mark(h.head()) {
			break
		}
		if err := g.fold(ctx, h.batch(at.Position, h.head(), p.Types())); err != nil {
			t.Fatal(err)
		}
	}
	want := documentsOf(p, h)
	keys := make([]docstore.Key, 0, len(want))
	for k, doc := range want {
		keys = append(keys, k)
		if deleted(&doc) {
			delete(want, k)
		}
	}
	got, err := docstore.PartitionsIn[T](r, p.Model()).Read(ctx, authz.SystemScope("test"), keys...)
	if err != nil {
		t.Fatal(err)
	}
	if got == nil {
		got = map[docstore.Key]T{}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("documents (-want +got):\n%s", diff)
	}
	states, err := g.store.States(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range states {
		if s != (docstore.State{Checkpoint: h.mark(h.head()), Ready: true}) {
			t.Fatalf("partition %d is at %v", i, s)
		}
	}
}

// foldPartitions feeds h to g in these pieces as the feed does: each begins
// where resume says, or further back, and one that begins too high is asked
// for again. What a fold says that it did, it has done.
func foldPartitions[T any](ctx context.Context, g *partitions[T], h *history, ends []events.Position, repeat bool) error {
	var former events.Position
	for _, end := range ends {
		for {
			at, err := g.resume(ctx)
			if err != nil {
				return err
			}
			from := at.Position
			if repeat {
				from = min(from, former)
			}
			former = at.Position
			if from >= end {
				break
			}
			b := h.batch(from, end, g.projection.Types())
			if err = g.fold(ctx, b); err == nil {
				if err := hasAll(ctx, g, b); err != nil {
					return err
				}
				break
			}
			if !errors.Is(err, ErrBehind) {
				return err
			}
		}
	}
	return nil
}

// hasAll fails unless every partition that b touches is at its end.
func hasAll[T any](ctx context.Context, g *partitions[T], b events.Batch) error {
	states, err := g.store.States(ctx)
	if err != nil {
		return err
	}
	for _, k := range touched(g.projection, b) {
		if i := docstore.PartitionOf(k); states[i].Checkpoint.Position < b.Through.Position {
			return fmt.Errorf("partition %d is at %d after a fold up to %d", i, states[i].Checkpoint.Position, b.Through.Position)
		}
	}
	return nil
}

func TestThreeWritersEndAsOneInRedis(t *testing.T) {
	t.Parallel()
	url, prefix := testkit.RedisURL(t)
	r := openRedis(t, url, prefix, nil)
	gates := make([]*gate, 3)
	stores := make([]*docstore.Redis, 3)
	for i := range gates {
		gates[i] = newGate("hmget", "evalsha")
		stores[i] = openRedis(t, url, prefix, gates[i].observe)
	}
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		h, p := contendedHistory(t, 24), named(journals, n)
		plans := randomRace(t, h)
		failed := make([]error, 3)
		actors := make([]*actor, 3)
		for i, plan := range plans.plans {
			actors[i] = gates[i].start(func() {
				g := inRedis(p, stores[i], h.headOf)
				for _, end := range plan.ends {
					failed[i] = errors.Join(failed[i],
						foldPartitions(context.Background(), g, h, []events.Position{end}, plan.repeat))
					if plan.beat {
						_, err := g.beat(context.Background())
						failed[i] = errors.Join(failed[i], err)
					}
				}
			})
		}
		interleave(plans.schedule, actors...)
		if err := errors.Join(failed...); err != nil {
			t.Fatal(err)
		}
		sameAsOneInRedis(context.Background(), t, r, p, h)
	})
}

func TestDyingBetweenAnyTwoStepsLosesNothingInRedis(t *testing.T) {
	t.Parallel()
	url, prefix := testkit.RedisURL(t)
	r := openRedis(t, url, prefix, nil)
	g := newGate("hmget", "evalsha", "hdel")
	behind := openRedis(t, url, prefix, g.observe)
	h := aFewOfEach()
	ends := []events.Position{5, 11, 17, h.head()}
	for steps := 0; ; steps++ {
		p := named(journals, steps)
		a := g.start(func() {
			dies := inRedis(p, behind, h.headOf)
			for _, end := range ends {
				_ = foldPartitions(context.Background(), dies, h, []events.Position{end}, false)
				_, _ = dies.beat(context.Background())
			}
		})
		for range steps {
			if !a.over {
				a.step()
			}
		}
		if a.over {
			if steps < 30 {
				t.Fatalf("the fold took %d steps, which is hardly all of them", steps)
			}
			return
		}
		a.die()
		if err := foldPartitions(t.Context(), inRedis(p, r, h.headOf), h, ends, false); err != nil {
			t.Fatalf("after it died at step %d: %v", steps, err)
		}
		sameAsOneInRedis(t.Context(), t, r, p, h)
	}
}

func TestABatchThatOnlySomePartitionsGotIsFinished(t *testing.T) {
	t.Parallel()
	r := redis(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		ctx := context.Background()
		h, p := randomHistory(t, 30), named(journals, n)
		middle := events.Position(rapid.IntRange(0, int(h.head())).Draw(t, "middle"))
		first := inRedis(p, r, h.headOf)
		if err := foldPartitions(ctx, first, h, []events.Position{middle}, false); err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "beat") {
			if _, err := first.beat(ctx); err != nil {
				t.Fatal(err)
			}
		}
		b := h.batch(middle, h.head(), p.Types())
		parts, err := first.store.Load(ctx, authz.SystemScope("test"), touched(p, b))
		if err != nil {
			t.Fatal(err)
		}
		moves, _, err := first.moves(b, parts, noTrouble(), map[docstore.Key]docstore.Parked{})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range moves {
			for k := range m.Docs {
				if docstore.PartitionOf(k) != m.Partition {
					t.Fatalf("%s is to be written to partition %d, where nobody looks", k, m.Partition)
				}
			}
			if rapid.Bool().Draw(t, "written") {
				if _, err := first.store.Move(ctx, []docstore.Move[journal]{m}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := foldPartitions(ctx, inRedis(p, r, h.headOf), h, cuts(t, h), false); err != nil {
			t.Fatal(err)
		}
		sameAsOneInRedis(ctx, t, r, p, h)
	})
}

// lose deletes partitions, as a server does that lost its memory.
func lose(t testing.TB, url, prefix string, model docstore.Model, which ...int) {
	t.Helper()
	for _, i := range which {
		sayToRedis(t, url, fmt.Sprintf("DEL %s{%s:%02d}", prefix, model, i))
	}
}

func everyPartition() []int {
	all := make([]int, docstore.PartitionCount)
	for i := range all {
		all[i] = i
	}
	return all
}

func TestALostRedisIsFoldedAgainByItself(t *testing.T) {
	t.Parallel()
	for name, which := range map[string][]int{
		"all of it": everyPartition(), "half of it": everyPartition()[32:], "one partition": {int(docstore.PartitionOf(userKey("ada")))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, prefix := testkit.RedisURL(t)
			r := openRedis(t, url, prefix, nil)
			h := aFewOfEach()
			g := inRedis(Authorities, r, h.headOf)
			who := Authentication{Redis: r, Live: first}
			if err := foldPartitions(t.Context(), g, h, []events.Position{h.head()}, false); err != nil {
				t.Fatal(err)
			}
			if _, err := g.beat(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := who.ByUser(t.Context(), "ada", ""); err != nil {
				t.Fatal(err)
			}

			lose(t, url, prefix, Authorities.Model(), which...)

			if _, err := who.ByUser(t.Context(), "ada", ""); !errors.Is(err, docstore.ErrUnavailable) {
				t.Errorf("a user in what was lost: %v, want ErrUnavailable", err)
			}
			h.user("ada", events.UserRenamed{User: "ada", Name: "Ada L."})
			err := g.fold(t.Context(), h.batch(h.head()-1, h.head(), Authorities.Types()))
			if !errors.Is(err, ErrBehind) {
				t.Errorf("the running consumer goes on with %v, want ErrBehind", err)
			}
			if at, err := g.resume(t.Context()); at != (events.Mark{}) || err != nil {
				t.Errorf("it resumes at %v, %v, want the beginning", at, err)
			}
			// Half folded it is not ready, however many beats pass.
			if err := foldPartitions(t.Context(), g, h, []events.Position{6}, false); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if _, err := g.beat(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := who.ByUser(t.Context(), "ada", ""); !errors.Is(err, docstore.ErrUnavailable) {
				t.Errorf("a user in what is half folded: %v, want ErrUnavailable", err)
			}
			if err := foldPartitions(t.Context(), g, h, []events.Position{h.head()}, false); err != nil {
				t.Fatal(err)
			}
			sameAsOneInRedis(t.Context(), t, r, Authorities, h)
		})
	}
}

// Documents without a checkpoint are of unknown age: to apply events to them
// would apply some twice.
func TestWhatIsLeftWithoutACheckpointIsNotBuiltOn(t *testing.T) {
	t.Parallel()
	url, prefix := testkit.RedisURL(t)
	r := openRedis(t, url, prefix, nil)
	h := aFewOfEach()
	g := inRedis(journals, r, h.headOf)
	if err := foldPartitions(t.Context(), g, h, []events.Position{h.head()}, false); err != nil {
		t.Fatal(err)
	}
	if _, err := g.beat(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range docstore.PartitionCount {
		sayToRedis(t, url, fmt.Sprintf("HDEL %s{%s:%02d} checkpoint", prefix, journals.Model(), i))
	}
	if err := foldPartitions(t.Context(), g, h, []events.Position{7, h.head()}, false); err != nil {
		t.Fatal(err)
	}
	sameAsOneInRedis(t.Context(), t, r, journals, h)
}

func TestAnOldCopyOfRedisIsNotTrusted(t *testing.T) {
	t.Parallel()
	r := redis(t)
	h := aFewOfEach()
	g := inRedis(Authorities, r, h.headOf)
	fold := func(end events.Position) {
		t.Helper()
		if err := foldPartitions(t.Context(), g, h, []events.Position{end}, false); err != nil {
			t.Fatal(err)
		}
		if _, err := g.beat(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	fold(h.head())
	former, copied := h.head(), documentsOf(Authorities, h)[userKey("ada")]
	h.user("ada", events.UserDisabled{User: "ada"})
	fold(h.head())

	// The server comes up with what it had before, ready marks and all.
	var back []docstore.Move[Authority]
	for i := range docstore.PartitionCount {
		m := docstore.Move[Authority]{Partition: docstore.Partition(i), From: h.mark(h.head()), To: h.mark(former)}
		if m.Partition == docstore.PartitionOf(userKey("ada")) {
			m.Docs = map[docstore.Key]*Authority{userKey("ada"): &copied}
		}
		back = append(back, m)
	}
	if raced, err := g.store.Move(t.Context(), back); err != nil || raced != nil {
		t.Fatal(raced, err)
	}
	who := Authentication{Redis: r, Live: first}
	if _, err := g.resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if u, err := who.ByUser(t.Context(), "ada", ""); !errors.Is(err, docstore.ErrUnavailable) {
		t.Errorf("from an old copy: %v, %v, want ErrUnavailable", u, err)
	}
	sameAsOneInRedis(t.Context(), t, r, Authorities, h)
	if u, err := who.ByUser(t.Context(), "ada", ""); err != nil || u.Status != authz.Disabled {
		t.Errorf("after it was folded again: %v, %v, want a disabled user", u, err)
	}
}

func TestAnEmptyLogIsReady(t *testing.T) {
	t.Parallel()
	r := redis(t)
	h := newHistory(1)
	g := inRedis(Authorities, r, h.headOf)
	who := Authentication{Redis: r, Live: first}
	if _, err := who.ByUser(t.Context(), "ada", ""); !errors.Is(err, docstore.ErrUnavailable) {
		t.Errorf("before any fold: %v, want ErrUnavailable", err)
	}
	if _, err := g.beat(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := who.ByUser(t.Context(), "ada", ""); !errors.Is(err, docstore.ErrNotFound) {
		t.Errorf("of an empty log: %v, want ErrNotFound", err)
	}
	h.user("ada", events.UserCreated{User: "ada"})
	if err := foldPartitions(t.Context(), g, h, []events.Position{1}, false); err != nil {
		t.Fatal(err)
	}
	sameAsOneInRedis(t.Context(), t, r, Authorities, h)
}

func TestReadyIsJudgedByTheHeadOfTheLog(t *testing.T) {
	t.Parallel()
	r := redis(t)
	h := aFewOfEach()
	g := inRedis(Authorities, r, h.headOf)
	who := Authentication{Redis: r, Live: first}
	ready := func() bool {
		t.Helper()
		if _, err := g.beat(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err := who.ByUser(t.Context(), "nobody", "")
		if !errors.Is(err, docstore.ErrNotFound) && !errors.Is(err, docstore.ErrUnavailable) {
			t.Fatal(err)
		}
		return errors.Is(err, docstore.ErrNotFound)
	}
	behind := h.head() - 1
	if err := foldPartitions(t.Context(), g, h, []events.Position{behind}, false); err != nil {
		t.Fatal(err)
	}
	if ready() {
		t.Error("it is ready one event before the head")
	}
	// The log grows without end, and the fold is always one beat behind.
	h.user("ada", events.UserRenamed{User: "ada", Name: "1"})
	if err := foldPartitions(t.Context(), g, h, []events.Position{behind + 1}, false); err != nil {
		t.Fatal(err)
	}
	if !ready() {
		t.Error("it is not ready where the head was at the former beat")
	}
}

// What was the head at some beat long ago says nothing of a fold that began
// since.
func TestReadyForgetsAnOldHead(t *testing.T) {
	t.Parallel()
	url, prefix := testkit.RedisURL(t)
	r := openRedis(t, url, prefix, nil)
	h := aFewOfEach()
	g := inRedis(Authorities, r, h.headOf)
	foldAndBeat := func(end events.Position) {
		t.Helper()
		if err := foldPartitions(t.Context(), g, h, []events.Position{end}, false); err != nil {
			t.Fatal(err)
		}
		if _, err := g.beat(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	old := h.head()
	foldAndBeat(old)
	h.user("ada", events.UserDisabled{User: "ada"})
	foldAndBeat(h.head())
	lose(t, url, prefix, Authorities.Model(), everyPartition()...)
	foldAndBeat(old)
	if u, err := (&Authentication{Redis: r, Live: first}).ByUser(t.Context(), "ada", ""); !errors.Is(err, docstore.ErrUnavailable) {
		t.Errorf("it is ready before it was disabled again: %v, %v", u, err)
	}
}

func TestTheBatchOfAnotherLogIsRefusedInRedis(t *testing.T) {
	t.Parallel()
	r := redis(t)
	h, other := aFewOfEach(), aFewOfEach()
	other.log = events.LogID{0: 2, 15: 1} // the very events, in another log
	g := inRedis(Authorities, r, h.headOf)
	if err := g.fold(t.Context(), h.batch(0, 10, Authorities.Types())); err != nil {
		t.Fatal(err)
	}
	touching := h.batch(10, h.head(), Authorities.Types())
	touching.From.Event[1]++
	passing := h.batch(10, 12, nil)
	passing.From.Event[1]++
	for name, b := range map[string]events.Batch{
		"another log":                                   other.batch(10, 20, Authorities.Types()),
		"another event at the checkpoint":               touching,
		"another event, in a batch that touches nobody": passing,
	} {
		if err := g.fold(t.Context(), b); !errors.Is(err, ErrForked) {
			t.Errorf("%s: got %v, want ErrForked", name, err)
		}
	}
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	r := redis(t)
	h := aFewOfEach()
	g := inRedis(Authorities, r, h.headOf)
	if err := g.fold(t.Context(), h.batch(0, h.head(), Authorities.Types())); err != nil {
		t.Fatal(err)
	}
	if _, err := g.beat(t.Context()); err != nil {
		t.Fatal(err)
	}
	ada := authz.UserFacts{
		ID: "ada", Email: "Ada@Example.org", Role: events.SuperAdmin, Status: authz.Active,
		Source: authz.Fact{Stream: events.UserStream(events.Platform, "ada"), Version: 2},
	}
	bob := authz.UserFacts{
		ID: "bob", Email: "bob@acme.example", Role: events.Reseller, Status: authz.Disabled,
		Source: authz.Fact{Stream: events.UserStream("acme", "bob"), Version: 7},
		Entries: []authz.Entry{
			{Role: events.Auditor, Source: authz.Fact{Stream: events.MembershipStream("bob", ""), Version: 1}},
			{Supplier: "acme", Role: events.Viewer, Source: authz.Fact{Stream: events.MembershipStream("bob", "acme"), Version: 2}},
		},
		// Zeta is not what his authority is about: it was named.
		Suppliers: []authz.SupplierFacts{
			{ID: "acme", Active: true, Source: authz.Fact{Stream: events.SupplierStream("acme"), Version: 1}},
			{ID: "zeta", Source: authz.Fact{Stream: events.SupplierStream("zeta"), Version: 2}},
		},
	}
	k1 := authz.KeyFacts{
		ID: "k1", User: "ada", Capabilities: &[]string{"manage_users"}, Tenants: &[]events.TenantID{"acme"},
		ExpiresAt: ptr(time.Date(2027, 1, 1, 0, 0, 0, 987_654_321, time.UTC)),
		Source:    authz.Fact{Stream: events.APIKeyStream(events.Platform, "k1"), Version: 3},
	}
	k1Former := k1
	k1Former.ExpiresAt = ptr(time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC))
	k2 := authz.KeyFacts{ID: "k2", User: "bob", Source: authz.Fact{Stream: events.APIKeyStream(events.Platform, "k2"), Version: 1}}
	for name, tt := range map[string]struct {
		hashes []events.KeyHash
		user   authz.UserFacts
		key    authz.KeyFacts
		err    error
	}{
		"the present secret":                    {hashes: []events.KeyHash{"1.cc"}, user: ada, key: k1},
		"the former one, in its grace":          {hashes: []events.KeyHash{"1.bb"}, user: ada, key: k1Former},
		"the one before, which ended":           {hashes: []events.KeyHash{"1.aa"}, err: docstore.ErrNotFound},
		"a key of a disabled user":              {hashes: []events.KeyHash{"1.dd"}, user: bob, key: k2},
		"a revoked key":                         {hashes: []events.KeyHash{"1.ee"}, err: docstore.ErrNotFound},
		"no key":                                {hashes: []events.KeyHash{"1.zz"}, err: docstore.ErrNotFound},
		"no hash at all":                        {err: docstore.ErrNotFound},
		"hashed with several secrets":           {hashes: []events.KeyHash{"3.xx", "2.yy", "1.cc"}, user: ada, key: k1},
		"what looks like another kind":          {hashes: []events.KeyHash{"../user/ada"}, err: docstore.ErrNotFound},
		"what looks like the partition's state": {hashes: []events.KeyHash{"checkpoint"}, err: docstore.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			who := Authentication{Redis: r, Live: first}
			user, key, err := who.ByKey(t.Context(), tt.hashes, "zeta")
			if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.user, user); diff != "" {
				t.Errorf("user (-want +got):\n%s", diff)
			}
			if err == nil {
				tt.key.Hash = tt.hashes[len(tt.hashes)-1] // each row has the known one last
			}
			if diff := cmp.Diff(tt.key, key); diff != "" {
				t.Errorf("key (-want +got):\n%s", diff)
			}
		})
	}
}

// Partitions may be at different events for a moment, so what one of them
// names may not be in the other yet, or no more.
func TestASecretWithoutKeyOrOwnerOpensNothing(t *testing.T) {
	t.Parallel()
	r := redis(t)
	h := newHistory(1)
	h.key("k1", events.APIKeyIssued{Key: "k1", User: "nobody", Hash: "1.aa"})
	h.user("ada", events.UserCreated{User: "ada"})
	h.key("k2", events.APIKeyRotated{Key: "k2", User: "ada", Hash: "1.bb", Previous: "1.cc"})
	sameAsOneInRedis(t.Context(), t, r, Authorities, h)
	for hash, what := range map[events.KeyHash]string{"1.aa": "the owner", "1.bb": "the key"} {
		if _, _, err := (&Authentication{Redis: r, Live: first}).ByKey(t.Context(), []events.KeyHash{hash}, ""); !errors.Is(err, docstore.ErrNotFound) {
			t.Errorf("without %s: %v, want ErrNotFound", what, err)
		}
	}
}

func TestAuthenticationTakesTwoRoundTripsAtMost(t *testing.T) {
	t.Parallel()
	url, prefix := testkit.RedisURL(t)
	h := aFewOfEach()
	g := inRedis(Authorities, openRedis(t, url, prefix, nil), h.headOf)
	if err := g.fold(t.Context(), h.batch(0, h.head(), Authorities.Types())); err != nil {
		t.Fatal(err)
	}
	if _, err := g.beat(t.Context()); err != nil {
		t.Fatal(err)
	}
	trips := 0
	who := Authentication{Redis: openRedis(t, url, prefix, func(_ context.Context, command string) func(error) {
		if command == "hmget" {
			trips++
		}
		return nil
	}), Live: first}
	if _, _, err := who.ByKey(t.Context(), []events.KeyHash{"3.xx", "2.yy", "1.cc"}, ""); err != nil || trips != 2 {
		t.Errorf("by key: %d round trips, %v", trips, err)
	}
	trips = 0
	if _, err := who.ByUser(t.Context(), "ada", ""); err != nil || trips != 1 {
		t.Errorf("by user: %d round trips, %v", trips, err)
	}
}
