package projections

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
	"tenure/internal/testkit"
)

// testBound is short, so that waiting it out costs little.
const testBound = 600 * time.Millisecond

// enough is how long the wait for what has to come may take.
const enough = 15 * time.Second

// process is what of an API process takes part in authentication.
type process struct {
	*town
	known       *Authentication
	generations *Generations
	adoption    *Adoption
	progress    *Progress
	revocations *Revocations
	reads       *atomic.Int64 // of Redis, for documents
	ahead       *atomic.Int64 // how far its clock is, in ns
	outcomes    chan string   // of waits
	deaf        func()        // ends that it hears, and that it keeps anything
	leave       func()        // ends that it answers
	stop        func()        // both
}

// process starts one that speaks with Redis at url.
func (w *town) process(t *testing.T, url string, bound time.Duration) *process {
	t.Helper()
	return w.processWith(t, w.mongo, url, bound)
}

func (w *town) processWith(t *testing.T, m *docstore.Mongo, url string, bound time.Duration) *process {
	t.Helper()
	reads, ahead, outcomes := new(atomic.Int64), new(atomic.Int64), make(chan string, 100)
	r := openRedis(t, url, w.prefix, func(_ context.Context, command string) func(error) {
		if command == "hmget" {
			reads.Add(1)
		}
		return nil
	})
	p := &process{town: w, reads: reads, ahead: ahead, outcomes: outcomes, generations: NewGenerations(m, r)}
	name, now := uuid.New(), func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	p.adoption = p.generations.Adopt(AdoptionOptions{Process: name, Head: w.headOf, Now: now})
	p.progress = NewProgress(p.generations)
	p.revocations = NewRevocations(r, RevocationOptions{
		Bound: bound, Process: name, Now: now, Model: p.generations.Authorities, Adoption: p.adoption,
		Settled: func(_ time.Duration, outcome string) { outcomes <- outcome },
	})
	p.known = &Authentication{Redis: r, Live: p.generations.Live, Cache: p.revocations.Cache()}
	p.progress.tracks = slices.DeleteFunc(p.progress.tracks, func(t *track) bool { return t.of.name != Authorities.Name })
	running(t, p.progress.Run)
	p.leave, p.deaf = running(t, p.adoption.Run), running(t, p.revocations.Run)
	p.stop = func() {
		p.leave()
		p.deaf()
	}
	return p
}

// accepts tells who shows a secret, nobody when he is refused or it cannot be
// told.
func (p *process) accepts(t *testing.T, hash events.KeyHash) authz.Principal {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	user, key, err := p.known.ByKey(ctx, []events.KeyHash{hash}, "")
	if err != nil {
		if !errors.Is(err, docstore.ErrNotFound) && !errors.Is(err, docstore.ErrUnavailable) {
			t.Fatal(err)
		}
		return authz.Principal{}
	}
	return authz.Key(user, key, time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC))
}

// warm waits until a secret is served without asking Redis.
func (p *process) warm(t *testing.T, hash events.KeyHash) {
	t.Helper()
	testkit.Eventually(t, "the process serves what it keeps", func() bool {
		before := p.reads.Load()
		return p.accepts(t, hash).Known() && p.reads.Load() == before
	})
}

// answered is what the answer to a command says of the newest event when it has
// so long: whether it is visible, and how the wait for the processes ended,
// which is empty when there was none.
func (p *process) answered(t *testing.T, within time.Duration, types ...string) (visible bool, outcome string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	if !p.progress.Wait(ctx, p.log, p.head(), ofTypes(types...)) {
		return false, ""
	}
	visible = p.revocations.Wait(ctx, p.log, p.head(), types)
	return visible, <-p.outcomes
}

// loss is a right that is taken away from who shows a secret.
type loss struct {
	hash  events.KeyHash
	take  func(*history)
	types string
	// former tells whether a principal still has it.
	former func(authz.Principal) bool
}

func losses() map[string]loss {
	known := authz.Principal.Known
	return map[string]loss{
		"a revoked key": {"1.z0", func(h *history) {
			h.key("kz0", events.APIKeyRevoked{Key: "kz0", User: "zed0", Hashes: []events.KeyHash{"1.z0"}})
		}, "api_key.revoked", known},
		"a disabled user": {"1.z1", func(h *history) {
			h.user("zed1", events.UserDisabled{User: "zed1"})
		}, "user.disabled", known},
		"a demoted user": {"1.z2", func(h *history) {
			h.user("zed2", events.UserRoleChanged{User: "zed2", Role: events.Viewer})
		}, "user.role_changed", authz.Principal.IsSuperAdmin},
		"a rotated key": {"1.z3", func(h *history) {
			h.key("kz3", events.APIKeyRotated{Key: "kz3", User: "zed3", Hash: "1.new", Previous: "1.z3"})
		}, "api_key.rotated", known},
		"a deleted user": {"1.z4", func(h *history) {
			h.user("zed4", events.UserDeleted{User: "zed4"})
		}, "user.deleted", known},
	}
}

// peopled is a town in which there is something to lose.
func peopled(t *testing.T) *town {
	t.Helper()
	w := newTown(t)
	for n := range 5 {
		user, key := events.UserID(fmt.Sprint("zed", n)), events.KeyID(fmt.Sprint("kz", n))
		w.user(user, events.UserCreated{User: user, Role: events.SuperAdmin}, events.UserActivated{User: user})
		w.key(key, events.APIKeyIssued{Key: key, User: user, Hash: events.KeyHash(fmt.Sprint("1.z", n))})
	}
	return w
}

// folder is a projector of authentication alone.
func (w *town) folder() *Projector {
	p := newProjector(w.stores(), []readModel{inPartitions(Authorities).dropping(dropsOf(Authorities))})
	if err := p.Prepare(context.Background()); err != nil {
		panic(err)
	}
	return p
}

// becomesLive waits until there is a generation of authentication that is.
func (w *town) becomesLive(t *testing.T) {
	t.Helper()
	testkit.Eventually(t, "a generation is live", func() bool {
		reg, err := w.mongo.Registration(t.Context(), Authorities.Name, Authorities.Version)
		return err == nil && reg.Live != 0
	})
}

// lost fails when a process honours what an answer said is over.
func (l loss) lost(t *testing.T, what string, all ...*process) {
	t.Helper()
	for i, p := range all {
		if l.former(p.accepts(t, l.hash)) {
			t.Errorf("%s is honoured by process %d after the answer", what, i+1)
		}
	}
}

func TestNoProcessHonoursWhatWasTakenAway(t *testing.T) {
	t.Parallel()
	w := peopled(t)
	projector := w.folder()
	w.feed(t, projector.Consumers()...)
	running(t, projector.Run)
	one, two := w.process(t, w.url, MaxRevocationBound), w.process(t, w.url, MaxRevocationBound)
	quick := 0
	for what, l := range losses() {
		one.warm(t, l.hash)
		two.warm(t, l.hash)
		l.take(w.history)
		w.feed(t, projector.Consumers()...)
		visible, outcome := one.answered(t, enough, l.types)
		if !visible {
			t.Errorf("%s: it is not visible, but %s", what, outcome)
		}
		if outcome == confirmed {
			quick++
		}
		l.lost(t, what, one, two)
	}
	if quick == 0 { // a machine may stand still for the bound, but not each time
		t.Error("all were waited out; both processes are well")
	}
}

// In each of these a party does not do its part. The answer then says that the
// right is over only when it is.
func TestNoProcessHonoursItWhateverFails(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]struct {
		// begins brings it about, when both are warm. It gives who folds.
		begins func(t *testing.T, s *scene) *Projector
		want   bool // that the answer says it is visible
	}{
		"Redis is cut for the other process": {func(_ *testing.T, s *scene) *Projector {
			close(s.down)
			return s.projector
		}, true},
		"the other process is gone, and took no leave": {func(_ *testing.T, s *scene) *Projector {
			close(s.down)
			go s.two.stop() // nobody waits for it
			return s.projector
		}, true},
		"the projectors are silent": {func(t *testing.T, s *scene) *Projector {
			s.stop()
			p := s.folder()
			p.redis = openRedis(t, s.url, s.prefix+"nobody-hears-this:", nil)
			running(t, p.Run)
			return p
		}, true},
		"the message is lost": {func(_ *testing.T, s *scene) *Projector {
			return s.folder() // which folds, and dies before it says so
		}, true},
		"the projector stands": {func(_ *testing.T, s *scene) *Projector {
			s.stop()
			return nil
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, types := newScene(t), []string(nil)
			folds := trouble.begins(t, s)
			for _, l := range losses() {
				l.take(s.history)
				types = append(types, l.types)
			}
			if folds != nil {
				s.feed(t, folds.Consumers()...)
				folds.writesDown(t)
			}
			within := enough
			if !trouble.want {
				within = 2 * time.Second // it is all waited out
			}
			visible, outcome := s.one.answered(t, within, types...)
			if visible != trouble.want {
				t.Errorf("visible is %v, and it was %s; want %v", visible, outcome, trouble.want)
			}
			for what, l := range losses() {
				if visible {
					l.lost(t, what, s.one, s.two)
				}
			}
		})
	}
}

// writesDown does what a projector does at each beat, and says nothing.
func (p *Projector) writesDown(t *testing.T) {
	t.Helper()
	if err := p.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, b := range p.builds {
		if _, err := b.beat(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// scene is two processes that serve from what they keep. The other one's wire
// to Redis goes dead when down is closed.
type scene struct {
	*town
	projector *Projector
	stop      func() // the projector
	one, two  *process
	down      chan struct{}
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{town: peopled(t), down: make(chan struct{})}
	url, cut := through(t, s.url, s.down)
	t.Cleanup(cut) // before the clients close
	s.projector = s.folder()
	s.feed(t, s.projector.Consumers()...)
	s.stop = running(t, s.projector.Run)
	// Only the first projector sees this to its end: one that nobody hears looks
	// for the documents where nobody writes them.
	s.becomesLive(t)
	s.one, s.two = s.process(t, s.url, testBound), s.process(t, url, testBound)
	for _, l := range losses() {
		s.one.warm(t, l.hash)
		s.two.warm(t, l.hash)
	}
	return s
}

func TestManyRequestsCostOneRead(t *testing.T) {
	t.Parallel()
	w := peopled(t)
	projector := w.folder()
	w.feed(t, projector.Consumers()...)
	running(t, projector.Run)
	p := w.process(t, w.url, testBound)
	p.warm(t, "1.z0")
	began, before := time.Now(), p.reads.Load()
	for range 1000 {
		if !p.accepts(t, "1.z0").Known() {
			t.Fatal("it is refused")
		}
	}
	// Each bound has two round trips: for the secret, and for key and user.
	bounds := int64(time.Since(began)/testBound) + 1
	if n := p.reads.Load() - before; n > 2*bounds {
		t.Errorf("1000 requests in %d bounds cost %d reads", bounds, n)
	}
}

// Nothing is heard of anything, and the process takes itself to be well.
func TestTheDeadlineNeedsNoMessage(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.stop()
	s.two.deaf()
	cache := s.two.known.Cache
	cache.hearing.Store(int64(time.Hour))
	cache.known.Store(int64(time.Hour))
	s.two.warm(t, "1.z0")
	losses()["a revoked key"].take(s.history)
	s.feed(t, s.folder().Consumers()...)
	s.two.ahead.Add(int64(testBound))
	if s.two.accepts(t, "1.z0").Known() {
		t.Error("it is honoured longer than the bound")
	}
}

// What is not asked of Redis is not known to be ready: an outage is bridged for
// the bound at most, and is an outage then.
func TestAnOutageIsBridgedForTheBoundAtMost(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	close(s.down)
	s.two.ahead.Add(int64(testBound))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := s.two.known.ByKey(ctx, []events.KeyHash{"1.z0"}, ""); !errors.Is(err, docstore.ErrUnavailable) {
		t.Errorf("it is bridged for longer than the bound: %v", err)
	}
}

// signed is a process that does not run, and is on the roll.
func signed(t *testing.T, url, prefix string) *Revocations {
	t.Helper()
	r := NewRevocations(openRedis(t, url, prefix, nil), RevocationOptions{Bound: MaxRevocationBound, Process: uuid.New(), Now: time.Now})
	if !r.sign(t.Context(), false) {
		t.Fatal("it cannot sign the roll")
	}
	return r
}

func TestOneThatWasOffTheRollDropsAll(t *testing.T) {
	t.Parallel()
	url, prefix := testkit.RedisURL(t)
	r := signed(t, url, prefix)
	dropped := func(what string, want bool, whole bool) {
		t.Helper()
		before := r.cache.epoch.Load()
		if !r.sign(t.Context(), whole) {
			t.Fatal("it cannot sign the roll")
		}
		if got := r.cache.epoch.Load() != before; got != want {
			t.Errorf("%s: dropped is %v, want %v", what, got, want)
		}
	}
	dropped("on the roll all the time", false, true)
	dropped("it does not know whether it was", true, false)
	if err := r.roll.Strike(t.Context(), string(r.member)); err != nil {
		t.Fatal(err)
	}
	dropped("it was struck off", true, true)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	until := r.cache.known.Load()
	if r.sign(gone, true) || r.cache.known.Load() != until {
		t.Error("it counts as known to others though Redis did not answer")
	}
}

// waits tells how the wait for position 7 ends, and whether the bound had to
// pass.
func waits(t *testing.T, r *Revocations) (outcome string, slow bool) {
	t.Helper()
	began := time.Now()
	r.Settled = func(_ time.Duration, o string) { outcome = o }
	r.Wait(t.Context(), events.LogID{15: 1}, 7, []string{"user.disabled"})
	return outcome, time.Since(began) >= r.Bound
}

// says is what a projector says.
func says(t *testing.T, r *Revocations, d drops) {
	t.Helper()
	m := r.Model()
	d.Projection, d.Version, d.Generation = m.Projection, m.Version, m.Generation
	d.Log = cmp.Or(d.Log, events.LogID{15: 1}.String())
	message, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	r.hear(message)
}

func TestWhoHasToConfirm(t *testing.T) {
	t.Parallel()
	other := memberOf(uuid.New(), MaxRevocationBound)
	for name, tt := range map[string]struct {
		before func(t *testing.T, r *Revocations)
		want   string
	}{
		"alone, and there": {func(*testing.T, *Revocations) {}, confirmed},
		"one on the roll says nothing": {func(t *testing.T, r *Revocations) {
			if _, err := r.roll.Sign(t.Context(), string(other), time.Minute); err != nil {
				t.Error(err)
			}
		}, waitedOut},
		"one that the roll has lost is behind": {func(_ *testing.T, r *Revocations) {
			r.note(other, goal{events.LogID{15: 1}, 6}, Authorities.Model())
		}, waitedOut},
		"one is at that place of another log": {func(_ *testing.T, r *Revocations) {
			r.note(other, goal{events.LogID{15: 2}, 9}, Authorities.Model())
		}, waitedOut},
		"the other is there": {func(t *testing.T, r *Revocations) {
			r.note(other, goal{events.LogID{15: 1}, 7}, Authorities.Model())
			if _, err := r.roll.Sign(t.Context(), string(other), time.Minute); err != nil {
				t.Error(err)
			}
		}, confirmed},
		"the roll does not know this process": {func(t *testing.T, r *Revocations) {
			if err := r.roll.Strike(t.Context(), string(r.member)); err != nil {
				t.Error(err)
			}
		}, waitedOut},
		"Redis does not answer": {func(t *testing.T, r *Revocations) {
			if err := r.redis.Close(); err != nil {
				t.Error(err)
			}
		}, waitedOut},
		"what was handled is of another model": {func(_ *testing.T, r *Revocations) {
			r.Model = func() docstore.Model { return docstore.Model{Projection: "authentication", Version: 1, Generation: 2} }
		}, waitedOut},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, prefix := testkit.RedisURL(t)
			r := signed(t, url, prefix)
			says(t, r, drops{From: 7, Through: 7})
			tt.before(t, r)
			outcome, slow := waits(t, r)
			if outcome != tt.want || slow != (tt.want == waitedOut) {
				t.Errorf("it is %s, slow is %v, want %s", outcome, slow, tt.want)
			}
		})
	}
}

func TestAWaitThatIsCutShortIsNotTold(t *testing.T) {
	t.Parallel()
	url, prefix := testkit.RedisURL(t)
	r := signed(t, url, prefix)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if r.Wait(ctx, events.LogID{15: 1}, 7, []string{"user.disabled"}) {
		t.Error("it is told to be over before the bound")
	}
	if !r.Wait(ctx, events.LogID{15: 1}, 7, []string{"user.created", "supplier.created"}) {
		t.Error("who takes nothing away waits")
	}
}

func TestWhatIsHandled(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		say  drops
		late bool // the bound has passed since somebody was as far
		all  bool // everything is dropped
		then events.Position
	}{
		"the next":                          {drops{From: 10, Through: 12, Marks: []uint32{1}}, false, false, 12},
		"a beat":                            {drops{From: 10, Through: 10}, false, false, 10},
		"the next, with some that was":      {drops{From: 8, Through: 12}, false, false, 12},
		"one was missed":                    {drops{From: 11, Through: 12}, false, true, 12},
		"more than are named":               {drops{From: 10, Through: 12, All: true}, false, true, 12},
		"another projector is behind":       {drops{From: 4, Through: 5}, false, false, 10},
		"another log":                       {drops{From: 4, Through: 5, Log: events.LogID{15: 2}.String()}, false, true, 5},
		"nobody is as far as this any more": {drops{From: 4, Through: 5}, true, true, 5},
	} {
		var now time.Time
		r := NewRevocations(nil, RevocationOptions{Bound: time.Second, Process: uuid.New(), Now: func() time.Time { return now }})
		says(t, r, drops{From: 10, Through: 10})
		if tt.late {
			now = now.Add(time.Second + 1)
		}
		all, one := r.cache.epoch.Load(), r.cache.epochs[1].Load()
		says(t, r, tt.say)
		if got := r.cache.epoch.Load() != all; got != tt.all || r.handled.position != tt.then {
			t.Errorf("%s: all dropped is %v and it is at %d", name, got, r.handled.position)
		}
		if got := r.cache.epochs[1].Load() != one; got != (len(tt.say.Marks) > 0) {
			t.Errorf("%s: what is named is dropped: %v", name, got)
		}
	}
}

func TestOneThatLeavesIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	w := peopled(t)
	projector := w.folder()
	w.feed(t, projector.Consumers()...)
	running(t, projector.Run)
	one, two := w.process(t, w.url, MaxRevocationBound), w.process(t, w.url, MaxRevocationBound)
	two.stop()
	testkit.Eventually(t, "the farewell is heard", func() bool {
		members, _ := one.revocations.live(t.Context())
		return len(members) > 0 && one.revocations.member == members[0] && len(one.revocations.heardOf()) == 1
	})
	for _, l := range losses() {
		l.take(w.history)
		w.feed(t, projector.Consumers()...)
		if _, outcome := one.answered(t, enough, l.types); outcome == confirmed {
			return // a machine may stand still for the bound, but not each time
		}
	}
	t.Error("the one that left was waited for each time")
}

// Who names a place in the log is answered from no older authority.
func TestHowFarWhatIsKeptIs(t *testing.T) {
	t.Parallel()
	url, prefix := testkit.RedisURL(t)
	r := signed(t, url, prefix)
	log := events.LogID{15: 1}
	at := func(p events.Position) events.Mark { return events.Mark{Log: log, Position: p} }
	shows := func(what string, asked, want events.Mark) {
		t.Helper()
		if got := r.Shown(asked); got != want {
			t.Errorf("%s: it shows %v, want %v", what, got, want)
		}
	}
	shows("nothing is used yet", at(12), at(12))
	says(t, r, drops{From: 10, Through: 10})
	shows("Redis is further", at(12), at(10))
	shows("Redis is behind", at(8), at(8))
	other := events.Mark{Log: events.LogID{15: 2}, Position: 3}
	shows("another log", other, events.Mark{})
	own := r.Model
	r.Model = func() docstore.Model { return Authorities.At(2).Model() }
	shows("another build is read, of which nothing was heard", at(8), events.Mark{})
	r.Model = own
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if r.CaughtUp(short, log, 12) {
		t.Error("it is told to be there before it is")
	}
	told := make(chan bool, 1)
	go func() { told <- r.CaughtUp(t.Context(), log, 12) }()
	says(t, r, drops{From: 10, Through: 12})
	if !<-told {
		t.Error("it is not told that it is there")
	}
	shows("it is there too", at(12), at(12))
	if !r.CaughtUp(t.Context(), log, 13) { // when the bound is over
		t.Error("what is kept is older than the bound")
	}
}
