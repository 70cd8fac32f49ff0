package projections

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
	"tenure/internal/testkit"
)

func modelNamed(name string) readModel {
	all := readModels()
	return all[slices.IndexFunc(all, func(r readModel) bool { return r.name == name })]
}

// A rebuild while events go on to be appended and folded ends with what one
// clean fold makes of the log, whether it fits in memory or not.
func TestARebuildWhileWritesGoOn(t *testing.T) {
	t.Parallel()
	for name, memory := range map[string]int{"in memory": 0, "spilled": 1, "spilled in part": 20_000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, aFewOfEach())
			for u := range 300 {
				id := events.UserID(fmt.Sprint("u", u))
				s.say(id, events.UserCreated{User: id, Email: fmt.Sprint(id, "@example.org"), Role: events.Viewer}, events.UserRenamed{User: id, Name: "x"})
			}
			s.folds(s.projector())
			for _, r := range readModels() {
				s.live(r, 1)
			}
			stop := running(t, func(ctx context.Context) {
				tick := time.NewTicker(20 * time.Millisecond)
				defer tick.Stop()
				for n := 0; ctx.Err() == nil; n++ {
					<-tick.C
					id := events.UserID(fmt.Sprint("u", n%300))
					s.say(id, events.UserRenamed{User: id, Name: fmt.Sprint("again ", n)}, events.UserDisabled{User: id})
				}
			})
			r := s.rebuilder()
			r.Memory = memory
			if err := r.Build(t.Context()); err != nil {
				t.Fatal(err)
			}
			isEmpty(t, r.Dir)
			if err := r.CatchUp(soon(t)); err != nil {
				t.Fatal(err)
			}
			for _, name := range Names() {
				if c, err := r.Compare(t.Context(), name); err != nil || c.Different != 0 || c.Documents == 0 {
					t.Errorf("%s: %d of %d differ from the live one, %v: %v", name, c.Different, c.Documents, err, c.Differences)
				}
				if err := r.Switch(t.Context(), name); err != nil {
					t.Fatal(err)
				}
			}
			stop()
			for _, m := range readModels() {
				s.live(m, 2)
				c, err := r.Verify(t.Context(), m.name, false)
				if err != nil || c.Different != 0 || c.Documents == 0 {
					t.Errorf("%s: %d of %d differ from the log, %v: %v", m.name, c.Different, c.Documents, err, c.Differences)
				}
			}
			isClean(s, Users, 2)
			isClean(s, Suppliers, 2)
			isClean(s, APIKeys, 2)
			isEmpty(t, r.Dir)
		})
	}
}

// Memory does not grow with the log: what is over the bound is on disk.
func TestWhatDoesNotFitInMemoryIsOnDisk(t *testing.T) {
	t.Parallel()
	const limit = 40_000
	s := newSite(t, crowded(400, 5))
	f := folding[User]{
		projection: Users, pack: docstore.Encode[User], unpack: docstore.Decode[User],
		limit: limit, through: s.head(), spill: spill{under: t.TempDir()},
	}
	most := 0
	err := s.log().read(t.Context(), events.Mark{}, s.mark(s.head()), Users.Types(), func(b events.Batch) error {
		err := f.add(b)
		most = max(most, f.used)
		return err
	})
	if err != nil || most > limit {
		t.Fatalf("%d bytes were in memory, %v, want %d at most", most, err, limit)
	}
	onDisk, got := 0, 0
	for i := range partCount {
		if _, inMemory := f.count(i); !inMemory {
			onDisk++
		}
		docs, err := f.load(i)
		if err != nil {
			t.Fatal(err)
		}
		for k, want := range documentsOf(Users, s.history) {
			if partOf(k) != i {
				continue
			}
			got++
			if doc := docs[k]; doc == nil || fmt.Sprintf("%+v", *doc.Body) != fmt.Sprintf("%+v", want) {
				t.Errorf("%s is %+v, want %+v", k, doc, want)
			}
		}
	}
	if onDisk == 0 || got != 400 {
		t.Errorf("%d parts were on disk, %d documents came back", onDisk, got)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	isEmpty(t, f.spill.under)
}

// An event that names a document twice, and several of one part, is applied to
// each once, from memory and from disk.
func TestAnEventIsAppliedOnceToEach(t *testing.T) {
	t.Parallel()
	s := newSite(t, crowded(60, 4))
	p := journals
	p.Keys = func(e events.Recorded) []docstore.Key {
		k := docstore.Key(e.Stream.ID)
		return []docstore.Key{k, k + "/other", "everybody", k}
	}
	f := folding[journal]{
		projection: p, pack: docstore.Encode[journal], unpack: docstore.Decode[journal],
		limit: 20_000, through: s.head(), spill: spill{under: t.TempDir()},
	}
	err := s.log().read(t.Context(), events.Mark{}, s.mark(s.head()), p.Types(), f.add)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[docstore.Key]journal)
	for i := range partCount {
		docs, err := f.load(i)
		if err != nil {
			t.Fatal(err)
		}
		for k, doc := range docs {
			got[k] = deref(doc.Body)
		}
	}
	want := make(map[docstore.Key]journal)
	for _, e := range s.recorded {
		for _, k := range p.Keys(e)[:3] {
			doc := want[k]
			p.Apply(&doc, k, e)
			want[k] = doc
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// What is on disk is personal: nobody else may read it.
func TestOnlyWeReadWhatIsSpilled(t *testing.T) {
	t.Parallel()
	s := spill{under: t.TempDir()}
	if err := s.put(3, make([]byte, spillBuffer)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{s.dir: 0o700, s.file(3): 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// dying is a store whose commands fail from the nth one of a kind on, as for a
// process that dies there.
func dying(command string, n int) (observe docstore.Observer, die func(context.CancelFunc)) {
	var mu sync.Mutex
	var cancel context.CancelFunc
	left := n
	return func(_ context.Context, c string) func(error) {
			mu.Lock()
			defer mu.Unlock()
			if c == command && cancel != nil {
				if left--; left < 0 {
					cancel()
				}
			}
			return nil
		}, func(c context.CancelFunc) {
			mu.Lock()
			defer mu.Unlock()
			cancel = c
		}
}

// A rebuild that ends anywhere is gone on with, and ends as one that did not.
func TestARebuildIsGoneOnWithWhereverItEnds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		command string
		nth     int
	}{
		"while it reads":                           {"read", 7},
		"before anything is written":               {"insert", 0},
		"between two parts":                        {"insert", 3},
		"before the indexes":                       {"createIndexes", 0},
		"between the documents and the checkpoint": {"find", 1},
		"before it is handed over":                 {"update", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := testkit.MongoURL(t)
			observe, arm := dying(tt.command, tt.nth)
			s := &site{history: crowded(2500, 2), t: t, mongo: openMongo(t, url, nil), redis: redis(t)}
			r := s.rebuilder()
			r.Mongo = openMongo(t, url, observe)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			arm(cancel)
			read := r.Log.Read
			r.Log.Read = func(ctx context.Context, from events.Mark, types []string, most int) (events.Batch, error) {
				observe(ctx, "read")
				return read(ctx, from, types, most)
			}
			if err := r.Build(ctx, "users"); err == nil {
				t.Fatal("nothing ended it")
			}
			isEmpty(t, r.Dir)
			if reg := s.registered(modelNamed("users")); reg.Live != 0 {
				t.Fatalf("half built it is live: %+v", reg)
			}
			s.say("u00001", events.UserRenamed{User: "u00001", Name: "later"})
			again := s.rebuilder()
			if err := again.Build(t.Context(), "users"); err != nil {
				t.Fatal(err)
			}
			reg := s.registered(modelNamed("users"))
			if reg.Building == nil || reg.Building.Bulk || reg.Building.Generation != 1 {
				t.Fatalf("it is not whole: %+v", reg.Building)
			}
			s.folds(s.projector(modelNamed("users")))
			s.live(modelNamed("users"), 1)
			isClean(s, Users, 1)
		})
	}
}

// Nothing of a rebuild shows before the switch, and all of it after.
func TestNobodySeesAHalfBuiltModel(t *testing.T) {
	t.Parallel()
	s := newSite(t, crowded(500, 3))
	s.folds(s.projector())
	users := modelNamed("users")
	s.live(users, 1)
	s.live(modelNamed("authentication"), 1)
	g := s.reads()
	q := &UserQueries{Mongo: s.mongo, Live: g.Live}
	who := &Authentication{Redis: s.redis, Live: g.Live}
	testkit.Eventually(t, "it is known what is live", func() bool { return g.Ready(t.Context()) == nil && who.Ready(t.Context()) == nil })
	want := int64(500 - 500/7 - 1)
	stop := running(t, func(ctx context.Context) {
		for ctx.Err() == nil {
			if page, err := q.List(context.WithoutCancel(ctx), authz.SystemScope("test"), UserFilter{}, Page{}); err != nil || page.Total != want {
				t.Errorf("a list has %d of %d users, %v", page.Total, want, err)
				return
			}
			if u, err := who.ByUser(context.WithoutCancel(ctx), "u00001", ""); err != nil || u.ID != "u00001" {
				t.Errorf("a user who is there: %+v, %v", u, err)
				return
			}
		}
	})
	r := s.rebuilder()
	for range 2 { // the second one retires the first
		if err := errors.Join(r.Build(t.Context(), "users", "authentication"), r.CatchUp(soon(t), "users", "authentication")); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"users", "authentication"} {
			if err := errors.Join(r.Switch(t.Context(), name), r.Sweep(t.Context(), name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	testkit.Eventually(t, "readers have moved on", func() bool {
		m, err := g.Live("users", Users.Version)
		return err == nil && m.Generation == 3
	})
	stop()
	if reg := s.registered(users); reg.Live != 3 || reg.Former != 2 || len(reg.Retired) != 0 {
		t.Errorf("registered %+v", reg)
	}
	if at, err := s.mongo.Checkpoint(t.Context(), Users.At(1).Model()); err != nil || at != (events.Mark{}) {
		t.Errorf("the retired generation still has a checkpoint: %v, %v", at, err)
	}
}

func TestASwitchIsRefusedWhileBehind(t *testing.T) {
	t.Parallel()
	s := newSite(t, aFewOfEach())
	s.folds(s.projector())
	for _, name := range []string{"users", "authentication"} {
		s.live(modelNamed(name), 1)
	}
	r := s.rebuilder()
	if err := r.Switch(t.Context(), "users"); !errors.Is(err, ErrNotBuilt) {
		t.Errorf("with nothing built: %v", err)
	}
	if err := r.Switch(t.Context(), "nobodies"); !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "users") {
		t.Errorf("of what there is not: %v", err)
	}
	if err := r.Build(t.Context(), "users", "authentication"); err != nil {
		t.Fatal(err)
	}
	// What is built is held up, while the live one goes on.
	for _, name := range []string{"users", "authentication"} {
		m := modelNamed(name)
		lane := s.lane(m.model(2).String())
		lane.Lock()
		s.say("ada", events.UserDisabled{User: "ada"})
		s.live(m, 1)
		if err := r.Switch(t.Context(), name); !errors.Is(err, ErrLags) {
			t.Errorf("%s is switched while it is behind: %v", name, err)
		}
		if reg := s.registered(m); reg.Live != 1 || reg.Building == nil {
			t.Errorf("%s: registered %+v", name, reg)
		}
		lane.Unlock()
		if err := r.Switch(t.Context(), name); err != nil {
			t.Errorf("%s, when it has caught up: %v", name, err)
		}
	}
}

// A right that was revoked after the switch stays so after the rollback.
func TestARollbackKeepsARevocation(t *testing.T) {
	t.Parallel()
	s := newSite(t, aFewOfEach())
	stop := s.folds(s.projector())
	m := modelNamed("authentication")
	s.live(m, 1)
	g := s.reads()
	who := &Authentication{Redis: s.redis, Live: g.Live}
	r := s.rebuilder()
	if err := r.Rollback(t.Context(), m.name); !errors.Is(err, ErrNotBuilt) {
		t.Errorf("with nothing to go back to: %v", err)
	}
	if err := errors.Join(r.Build(t.Context(), m.name), r.CatchUp(soon(t), m.name), r.Switch(t.Context(), m.name)); err != nil {
		t.Fatal(err)
	}
	s.say("ada", events.UserDisabled{User: "ada"})
	s.live(m, 2)
	if err := r.Rollback(t.Context(), m.name); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "readers have gone back", func() bool {
		m, err := g.Live(m.name, m.version)
		return err == nil && m.Generation == 1
	})
	if u, err := who.ByUser(t.Context(), "ada", ""); err != nil || u.Status != authz.Disabled {
		t.Errorf("after the rollback she is %v, %v", u.Status, err)
	}
	// One that was not folded meanwhile is no way back.
	stop()
	lone := s.projector(m)
	lone.only = func(reg docstore.Registration) []int { return []int{reg.Live} }
	s.folds(lone)
	s.say("ada", events.UserDeleted{User: "ada"})
	s.live(m, 1)
	if err := r.Rollback(t.Context(), m.name); !errors.Is(err, ErrLags) {
		t.Errorf("to one that lags: %v", err)
	}
}

// During a rolling change of a version each program reads and folds its own,
// and leaves the other's alone.
func TestTwoVersionsSideBySide(t *testing.T) {
	t.Parallel()
	s := newSite(t, aFewOfEach())
	old, next := Users, Users
	next.Version++
	next.Apply = func(u *User, k docstore.Key, e events.Recorded) {
		applyToUser(u, k, e)
		u.Name = strings.ToUpper(u.Name)
	}
	oldModel, nextModel := inDocuments(old), inDocuments(next)
	s.folds(s.projector(oldModel))
	s.live(oldModel, 1)
	g := s.reads()
	if _, err := g.Live("users", next.Version); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a version that nobody has built: %v", err)
	}
	stop := s.folds(s.projector(nextModel))
	s.live(nextModel, 1)
	s.say("ada", events.UserRenamed{User: "ada", Name: "Ada L."})
	s.live(oldModel, 1)
	s.live(nextModel, 1)
	stop() // the deployment is taken back
	s.say("ada", events.UserRenamed{User: "ada", Name: "Ada Lovelace"})
	s.live(oldModel, 1)
	for _, tt := range []struct {
		p    Projection[User]
		want string
	}{{old, "Ada Lovelace"}, {next, "ADA L."}} {
		var m docstore.Model
		testkit.Eventually(t, "it is known what is live", func() (known bool) {
			var err error
			m, err = g.Live("users", tt.p.Version)
			return err == nil
		})
		u, err := docstore.In[User](s.mongo, m).Get(t.Context(), authz.SystemScope("test"), "ada")
		if err != nil || u.Name != tt.want {
			t.Errorf("version %d shows %q, %v, want %q", tt.p.Version, u.Name, err, tt.want)
		}
	}
}

func TestACancelledRebuildLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, crowded(200, 2))
	s.folds(s.projector())
	users := modelNamed("users")
	s.live(users, 1)
	r := s.rebuilder()
	if err := r.Cancel(t.Context(), "users"); !errors.Is(err, ErrNotBuilt) {
		t.Errorf("with nothing on its way: %v", err)
	}
	if err := errors.Join(r.Build(t.Context(), "users"), r.Cancel(t.Context(), "users")); err != nil {
		t.Fatal(err)
	}
	if reg := s.registered(users); reg.Live != 1 || reg.Building != nil || len(reg.Retired) != 0 || reg.Next != 3 {
		t.Errorf("registered %+v", reg)
	}
	for sum, err := range docstore.In[User](s.mongo, Users.At(2).Model()).Sums(t.Context(), authz.SystemScope("test")) {
		t.Fatalf("%s is left, %v", sum.Key, err)
	}
	if err := r.Build(t.Context(), "users"); err != nil {
		t.Fatal(err)
	}
	if b := s.registered(users).Building; b == nil || b.Generation != 3 {
		t.Errorf("the next one is %+v", b)
	}
}

// Of a long log the first generation is built in bulk, and is live by itself.
func TestTheFirstOfALongLogIsBuiltInBulk(t *testing.T) {
	t.Parallel()
	s := newSite(t, crowded(2100, 10))
	users := modelNamed("users")
	p := s.projector(users)
	p.First = s.rebuilder()
	var phases []Phase
	p.First.Told = func(s Step) {
		if !slices.Contains(phases, s.Phase) {
			phases = append(phases, s.Phase)
		}
	}
	stop := s.folds(p)
	if reg := s.registered(users); reg.Live != 0 {
		t.Fatalf("registered %+v", reg)
	}
	s.live(users, 1)
	stop()
	if !slices.Contains(phases, Reading) || !slices.Contains(phases, Writing) {
		t.Errorf("it was built by %v", phases)
	}
	isClean(s, Users, 1)
}
