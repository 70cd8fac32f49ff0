package projections

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tenure/internal/docstore"
	"tenure/internal/events"
	"tenure/internal/testkit"
)

// answering is who folds two generations of authentication, of which the first
// was live, and the second is when it is switched to. A process that cannot
// reach MongoDB does not hear of that.
type answering struct {
	*town
	projector *Projector
	stop      func() // the projector
	down      chan struct{}
	one, two  *process // two's wire to MongoDB goes dead when down is closed
}

func newAnswering(t *testing.T) *answering {
	t.Helper()
	w := peopled(t)
	a := &answering{town: w, down: make(chan struct{}), projector: w.folder()}
	a.feed(t, a.projector.Consumers()...)
	a.stop = running(t, a.projector.Run)
	a.becomesLive(t)
	address, cut := through(t, w.mongoURL, a.down)
	t.Cleanup(cut)
	a.one = a.process(t, a.url, testBound)
	a.two = a.processWith(t, openMongo(t, address, nil), a.url, testBound)
	a.one.warm(t, "1.z0")
	a.two.warm(t, "1.z0")
	return a
}

// switched builds the second generation and makes it live, for those who hear
// of it. The first is folded on by nobody.
func (a *answering) switched(t *testing.T) {
	t.Helper()
	close(a.down)
	a.stop()
	a.registers(t, func(r *docstore.Registration) { r.Building, r.Next = &docstore.Building{Generation: 2}, 3 })
	second := a.folder()
	second.only = func(docstore.Registration) []int { return []int{2} }
	if err := second.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.projector = second
	a.feed(t, second.Consumers()...)
	running(t, second.Run)
	testkit.Eventually(t, "the second generation is whole", func() bool {
		return a.one.adoption.whole(t.Context(), Authorities.At(2).Model(), events.Mark{Log: a.log, Position: a.head()}) == nil
	})
	a.registers(t, func(r *docstore.Registration) { r.Live, r.Building = 2, nil })
}

func (a *answering) registers(t *testing.T, what func(*docstore.Registration)) {
	t.Helper()
	_, err := register(t.Context(), a.stores(), inPartitions(Authorities), func(r *docstore.Registration) error { what(r); return nil })
	if err != nil {
		t.Fatal(err)
	}
}

func (a *answering) reads(t *testing.T, p *process, generation int) {
	t.Helper()
	testkit.Eventually(t, "the process answers from the other generation", func() bool {
		m, err := p.generations.Live(Authorities.Name, Authorities.Version)
		return err == nil && m.Generation == generation
	})
}

// takesAway takes a right away, which only the newest generation is folded with.
func (a *answering) takesAway(t *testing.T) loss {
	t.Helper()
	l := losses()["a disabled user"]
	l.take(a.history)
	a.feed(t, a.projector.Consumers()...)
	return l
}

// One process is answered from a build that nobody folds. No revocation is
// over before it is gone.
func TestNoRevocationIsOverWhileSomebodyReadsABuildThatStands(t *testing.T) {
	t.Parallel()
	a := newAnswering(t)
	a.switched(t)
	a.reads(t, a.one, 2)
	l := a.takesAway(t)
	if visible, outcome := a.one.answered(t, 2*time.Second, l.types); visible || outcome != notTold {
		t.Errorf("visible is %v, and it was %s, while the other process reads what nobody folds", visible, outcome)
	}
	if !l.former(a.two.accepts(t, l.hash)) {
		t.Error("the other process refuses: then there was nothing to wait for")
	}
	a.two.stop()
	if visible, outcome := a.one.answered(t, enough, l.types); !visible {
		t.Errorf("the other process is gone, and it was %s", outcome)
	}
	l.lost(t, "it", a.one)
}

// A build that somebody else reads and that is folded, only later, is waited
// for, and then for what its readers keep.
func TestTheBuildsOfOthersAreWaitedFor(t *testing.T) {
	t.Parallel()
	a := newAnswering(t)
	a.switched(t)
	a.reads(t, a.one, 2)
	l := a.takesAway(t)
	told, before := make(chan string, 1), a.one.reads.Load()
	go func() {
		_, outcome := a.one.answered(t, enough, l.types)
		told <- outcome
	}()
	testkit.Eventually(t, "the other build is looked at", func() bool { return a.one.reads.Load() > before })
	// A bound goes by, which does not count: it is only now that nobody reads
	// anything older any more.
	a.one.ahead.Add(int64(testBound))
	began := time.Now()
	a.foldsFirst(t)
	if outcome := <-told; outcome != waitedOut || time.Since(began) < testBound {
		t.Errorf("every build has it, and after %s it was %s", time.Since(began), outcome)
	}
	l.lost(t, "it", a.one, a.two)
}

// foldsFirst brings the first generation to the head, and says nothing.
func (a *answering) foldsFirst(t *testing.T) {
	t.Helper()
	first := a.folder()
	first.only = func(docstore.Registration) []int { return []int{1} }
	if err := first.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.feed(t, first.Consumers()...)
	first.writesDown(t)
}

// another is a process that adopts only what the test has it adopt.
func (a *answering) another(head func(context.Context) (events.Mark, error), now func() time.Time) *Adoption {
	return NewGenerations(a.mongo, a.redis).Adopt(AdoptionOptions{Process: uuid.New(), Head: head, Now: now})
}

// A process that begins answers from no build that lacks what another showed.
func TestNobodyBeginsWithABuildThatLagsBehindAnother(t *testing.T) {
	t.Parallel()
	a := newAnswering(t)
	a.switched(t)
	a.takesAway(t)
	a.projector.writesDown(t)
	// The program of a version whose projector has ended, as far as the registry
	// tells it apart: the first generation is what it should read.
	late, first := a.another(a.headOf, time.Now), Authorities.At(1).Model()
	if err := late.adopt(t.Context(), first); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "does a projector") {
		t.Errorf("it begins with a build that lags: %v", err)
	}
	if _, err := late.live(); !errors.Is(err, ErrUnavailable) {
		t.Errorf("it answers: %v", err)
	}
	readers, err := a.one.adoption.read(t.Context())
	if err != nil || slices.Contains(readers, reader{late.Process.String(), first}) {
		t.Errorf("on the roll are %v, %v: all would wait for a build that nobody reads", readers, err)
	}
	a.foldsFirst(t)
	part := docstore.PartitionsIn[Authority](a.redis, first)
	if err := part.MarkUnready(t.Context(), []docstore.Partition{5}); err != nil {
		t.Fatal(err)
	}
	if err := late.adopt(t.Context(), first); !errors.Is(err, errIncomplete) {
		t.Errorf("it begins with a build of which a part is missing: %v", err)
	}
	a.foldsFirst(t)
	if err := late.adopt(t.Context(), first); err != nil {
		t.Errorf("it has caught up: %v", err)
	}
	if m, err := late.live(); m != first || err != nil {
		t.Errorf("it answers from %v, %v", m, err)
	}
}

// What counts of the other builds is told after it is known of this process.
func TestWhoeverWasOffTheRollBeginsAnew(t *testing.T) {
	t.Parallel()
	a := newAnswering(t)
	adoption, model := a.another(a.headOf, time.Now), Authorities.At(1).Model()
	if err := adoption.adopt(t.Context(), model); err != nil {
		t.Fatal(err)
	}
	if err := adoption.roll.Strike(t.Context(), adoption.entry(model)); err != nil {
		t.Fatal(err)
	}
	adoption.stay(t.Context(), model)
	if _, err := adoption.live(); !errors.Is(err, ErrUnavailable) {
		t.Errorf("it answers though nobody looked at its build meanwhile: %v", err)
	}
	adoption.strike(t.Context())
	if readers, err := a.one.adoption.read(t.Context()); err != nil || slices.ContainsFunc(readers, func(r reader) bool { return r.process == adoption.Process.String() }) {
		t.Errorf("on the roll are %v, %v: others wait for a build that nobody is answered from", readers, err)
	}
	adoption.aim = aim{model: model, signed: true}
	if err := adoption.roll.Strike(t.Context(), adoption.entry(model)); err != nil {
		t.Fatal(err)
	}
	a.rename() // which only the other build has
	a.otherAt(t, a.mark(a.head()))
	if err := adoption.adopt(t.Context(), model); !errors.Is(err, ErrUnavailable) {
		t.Errorf("it goes on with what it knew before: %v", err)
	}
}

// Somebody who has not heard of it may have been answered from a build since it
// was retired.
func TestARetiredBuildCountsToo(t *testing.T) {
	t.Parallel()
	a := newAnswering(t)
	a.switched(t)
	a.takesAway(t)
	a.projector.writesDown(t)
	a.registers(t, func(r *docstore.Registration) { r.Live, r.Retired = 1, []int{2} })
	adoption := a.another(a.headOf, time.Now)
	if err := adoption.adopt(t.Context(), Authorities.At(1).Model()); !errors.Is(err, errIncomplete) {
		t.Errorf("it is adopted, and lacks what the retired one showed: %v", err)
	}
}

// A build that does not come to its place is tried from the start, and not on
// the roll meanwhile. Where it has to come to is told after it was signed for,
// also where it had been before.
func TestABuildThatDoesNotComeIsLeft(t *testing.T) {
	t.Parallel()
	a := newAnswering(t)
	adoption, model := a.another(a.headOf, time.Now), Authorities.At(1).Model()
	if _, err := adoption.roll.Sign(t.Context(), adoption.entry(model), time.Minute); err != nil {
		t.Fatal(err)
	}
	adoption.aim = aim{model: model, place: a.mark(1)}
	a.rename() // which only the other build has
	a.otherAt(t, a.mark(a.head()))
	stands := func() bool {
		readers, err := a.one.adoption.read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return slices.Contains(readers, reader{adoption.Process.String(), model})
	}
	for n := range aimBeats {
		if err := adoption.adopt(t.Context(), model); !errors.Is(err, errIncomplete) {
			t.Fatalf("at beat %d it is adopted, before it was where the others are: %v", n+1, err)
		}
		adoption.strike(t.Context())
		if !stands() {
			t.Fatalf("at beat %d it is off the roll", n+1)
		}
	}
	_ = adoption.adopt(t.Context(), model)
	adoption.strike(t.Context())
	if stands() || adoption.aim != (aim{}) {
		t.Errorf("others wait for it still; it aims at %+v", adoption.aim)
	}
}

// otherAt is a build of another version that stands at a place.
func (a *answering) otherAt(t *testing.T, at events.Mark) {
	t.Helper()
	other := Authorities
	other.Version++
	_, err := register(t.Context(), a.stores(), inPartitions(other), func(r *docstore.Registration) error { r.Live, r.Next = 1, 2; return nil })
	if err != nil {
		t.Fatal(err)
	}
	_, err = docstore.PartitionsIn[Authority](a.redis, other.At(1).Model()).Move(t.Context(), []docstore.Move[Authority]{{Partition: 7, To: at}})
	if err != nil {
		t.Fatal(err)
	}
}

// Redis takes no writes. What was adopted is answered from as long as others
// count on it.
func TestAnAdoptionEndsWhenNobodyKnowsOfItAnyMore(t *testing.T) {
	t.Parallel()
	a := newAnswering(t)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	ahead := time.Duration(0)
	adoption := a.another(a.headOf, func() time.Time { return time.Now().Add(ahead) })
	model := Authorities.At(1).Model()
	if err := adoption.adopt(t.Context(), model); err != nil {
		t.Fatal(err)
	}
	adoption.stay(cancelled, model)
	if m, err := adoption.live(); m != model || err != nil {
		t.Errorf("Redis does not answer for a moment, and it answers from %v, %v", m, err)
	}
	ahead = readerStays
	if _, err := adoption.live(); !errors.Is(err, ErrUnavailable) {
		t.Errorf("nobody can know of it, and it answers: %v", err)
	}
	adoption.stay(t.Context(), model)
	if m, err := adoption.live(); m != model || err != nil {
		t.Errorf("it is on the roll, and answers from %v, %v", m, err)
	}
}

// Builds of a log that is no more, or that are beyond one that was restored,
// stand in nobody's way; a build that follows such a log does.
func TestLeftoversOfAnotherLog(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	for name, tt := range map[string]struct {
		there func(a *answering) events.Mark
		head  error
		err   error
	}{
		"of another log": {func(*answering) events.Mark { return events.Mark{Log: events.LogID{9}, Position: 1, Event: uuid.New()} }, nil, nil},
		"beyond the log": {func(a *answering) events.Mark {
			return events.Mark{Log: a.log, Position: a.head() + 100, Event: uuid.New()}
		}, nil, nil},
		"beyond the log, and nobody to ask": {func(a *answering) events.Mark {
			return events.Mark{Log: a.log, Position: a.head() + 100, Event: uuid.New()}
		}, away, away},
		"behind, and nobody to ask": {func(a *answering) events.Mark { return a.mark(1) }, away, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAnswering(t)
			a.otherAt(t, tt.there(a))
			adoption := a.another(func(ctx context.Context) (events.Mark, error) {
				head, _ := a.headOf(ctx)
				return head, tt.head
			}, time.Now)
			if err := adoption.adopt(t.Context(), Authorities.At(1).Model()); !errors.Is(err, tt.err) {
				t.Errorf("it says %v, want %v", err, tt.err)
			}
		})
	}
	for name, head := range map[string]events.LogID{"the other's": {9}, "neither's": {8}} {
		t.Run("a log that is "+name, func(t *testing.T) {
			t.Parallel()
			a := newAnswering(t)
			a.otherAt(t, events.Mark{Log: events.LogID{9}, Position: 1, Event: uuid.New()})
			adoption := a.another(func(context.Context) (events.Mark, error) { return events.Mark{Log: head, Position: 1}, nil }, time.Now)
			if err := adoption.adopt(t.Context(), Authorities.At(1).Model()); !errors.Is(err, errIncomplete) {
				t.Errorf("it answers from a build that follows a log that is no more: %v", err)
			}
		})
	}
}

// MongoDB is away, and so is what the roll said: whoever is at the head of the
// log lacks nothing.
func TestWithoutTheRegistryTheHeadCounts(t *testing.T) {
	t.Parallel()
	a := newAnswering(t)
	model := Authorities.At(1).Model()
	a.two.leave()
	close(a.down)
	a.two.adoption.Head = func(context.Context) (events.Mark, error) {
		return events.Mark{Log: a.log, Position: a.head() + 1, Event: uuid.New()}, nil
	}
	if err := a.two.adoption.adopt(t.Context(), model); !errors.Is(err, errIncomplete) {
		t.Errorf("the log is further: %v", err)
	}
	a.two.adoption.aim, a.two.adoption.Head = aim{}, a.headOf
	if err := a.two.adoption.adopt(t.Context(), model); err != nil {
		t.Errorf("it is at the head: %v", err)
	}
}

// Redis comes up with an old copy of everything, and the roll is lost with it.
func TestNobodyGoesBehindWhatHeAnsweredFrom(t *testing.T) {
	t.Parallel()
	a := newAnswering(t)
	adoption, model := a.another(a.headOf, time.Now), Authorities.At(1).Model()
	at := a.head()
	a.rename()
	testkit.Eventually(t, "a process notes what it heard", func() bool {
		a.one.adoption.mu.RLock()
		defer a.one.adoption.mu.RUnlock()
		return a.one.adoption.shown.Position == at
	})
	adoption.showed(goal{a.log, a.head()})
	adoption.showed(goal{a.log, at}) // somebody was late
	if err := adoption.adopt(t.Context(), model); !errors.Is(err, errIncomplete) {
		t.Errorf("it answers from what is older: %v", err)
	}
	a.feed(t, a.projector.Consumers()...)
	a.projector.writesDown(t)
	adoption.aim = aim{}
	if err := adoption.adopt(t.Context(), model); err != nil {
		t.Errorf("it is there again: %v", err)
	}
}

// A build that was dropped answers nobody, and is waited for by none, though a
// process that does not hear of it stands on the roll with it. One that is
// folded is waited for, also when it is not ready for a moment.
func TestABuildThatIsGoneIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	a := newAnswering(t)
	a.switched(t)
	a.reads(t, a.one, 2)
	first := Authorities.At(1).Model()
	for name, tt := range map[string]struct {
		as   func(*docstore.Registration)
		gone bool
	}{
		"the live one":   {func(r *docstore.Registration) { r.Live = 1 }, false},
		"the former one": {func(r *docstore.Registration) { r.Former = 1 }, false},
		"on its way":     {func(r *docstore.Registration) { r.Building = &docstore.Building{Generation: 1} }, false},
		"retired":        {func(r *docstore.Registration) { r.Retired = []int{1} }, true},
		"no more":        {func(*docstore.Registration) {}, true},
	} {
		a.registers(t, func(r *docstore.Registration) {
			r.Live, r.Former, r.Building, r.Retired = 0, 0, nil, nil
			tt.as(r)
		})
		if a.one.adoption.isGone(t.Context(), first) {
			t.Errorf("%s: it counts as gone, and it is ready", name)
		}
		if err := inPartitions(Authorities).unread(t.Context(), a.stores(), 1); err != nil {
			t.Fatal(err)
		}
		if got := a.one.adoption.isGone(t.Context(), first); got != tt.gone {
			t.Errorf("%s: it counts as gone is %v", name, got)
		}
		a.makeReady(t, first)
	}
	a.registers(t, func(r *docstore.Registration) { r.Live, r.Former, r.Building, r.Retired = 2, 0, nil, nil })
	if err := a.redis.Drop(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	l := a.takesAway(t)
	if visible, outcome := a.one.answered(t, enough, l.types); !visible {
		t.Errorf("nobody can be answered from it, and it was %s", outcome)
	}
	l.lost(t, "it", a.one, a.two)
}

func (a *answering) makeReady(t *testing.T, m docstore.Model) {
	t.Helper()
	p := docstore.PartitionsIn[Authority](a.redis, m)
	states, err := p.States(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ready := make(map[docstore.Partition]events.Mark)
	for i, s := range states {
		ready[docstore.Partition(i)] = s.Checkpoint
	}
	if err := p.MarkReady(t.Context(), ready); err != nil {
		t.Fatal(err)
	}
}

// What a process handled of the build that it read before says nothing of the
// one that it reads now: it may have kept what it read there since.
func TestAConfirmationIsOfABuild(t *testing.T) {
	t.Parallel()
	url, prefix := testkit.RedisURL(t)
	r, g := signed(t, url, prefix), goal{events.LogID{1}, 5}
	r.follows = r.Model()
	first, second := Authorities.At(1).Model(), Authorities.At(2).Model()
	other := memberOf(uuid.New(), testBound)
	for name, tt := range map[string]struct {
		of    docstore.Model
		reads []reader
		want  bool
	}{
		"the build that it reads":             {first, []reader{{other.process(), first}}, true},
		"another one":                         {first, []reader{{other.process(), second}}, false},
		"one of two":                          {first, []reader{{other.process(), first}, {other.process(), second}}, false},
		"somebody else reads another one":     {first, []reader{{other.process(), first}, {uuid.NewString(), second}}, true},
		"nobody knows that it reads anything": {first, nil, true},
	} {
		r.note(other, g, tt.of)
		if all, _ := r.all([]member{other}, tt.reads, g); all != tt.want {
			t.Errorf("%s: it is confirmed is %v", name, all)
		}
	}
}

func TestReadersThatCannotBeToldApart(t *testing.T) {
	t.Parallel()
	a := newAnswering(t)
	if readers, err := a.one.adoption.read(t.Context()); err != nil || len(readers) != 2 {
		t.Errorf("%v, %v", readers, err)
	}
	stranger := a.another(a.headOf, time.Now)
	if _, err := stranger.read(t.Context()); !errors.Is(err, errNotOnTheRoll) {
		t.Errorf("it takes a roll for whole that it is not on itself: %v", err)
	}
	if _, err := a.one.adoption.roll.Sign(t.Context(), uuid.NewString()+"/7/9/and what comes later", time.Minute); err != nil {
		t.Fatal(err)
	}
	if readers, err := a.one.adoption.read(t.Context()); err != nil || len(readers) != 3 {
		t.Errorf("%v, %v", readers, err)
	}
	if _, err := a.one.adoption.roll.Sign(t.Context(), "someone/of another time/1", time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := a.one.adoption.read(t.Context()); err == nil {
		t.Error("a process is passed over")
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, ok := a.one.adoption.everywhere(short, goal{a.log, a.head()}, Authorities.At(1).Model()); ok {
		t.Error("it is over for a process of which nobody knows what it reads")
	}
}

// That a build lags is said, with the build, once each time; that there is none
// yet is not.
func TestWhyABuildIsNotTakenUp(t *testing.T) {
	t.Parallel()
	a := newAnswering(t)
	var noted []string
	g := NewGenerations(a.mongo, a.redis)
	adoption := g.Adopt(AdoptionOptions{
		Process: uuid.New(), Head: a.headOf, Now: time.Now, Note: func(why error) { noted = append(noted, why.Error()) },
	})
	beats := func(what string, said int) {
		t.Helper()
		adoption.beat(t.Context())
		adoption.beat(t.Context())
		if len(noted) != said {
			t.Fatalf("%s: it was noted %q", what, noted)
		}
	}
	beats("the registry is not known", 0)
	if err := g.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.rename() // which only the other build has
	a.otherAt(t, a.mark(a.head()))
	beats("it lags", 1)
	if !strings.Contains(noted[0], Authorities.At(1).Model().String()) {
		t.Errorf("it does not say which: %s", noted[0])
	}
	a.feed(t, a.projector.Consumers()...)
	a.projector.writesDown(t)
	beats("it has caught up", 1)
	if m, err := adoption.live(); m != Authorities.At(1).Model() || err != nil {
		t.Errorf("it answers from %v, %v", m, err)
	}
}

// Who waits to be shown what he wrote waits for what he is answered from.
func TestProgressIsThatOfWhatIsAnsweredFrom(t *testing.T) {
	t.Parallel()
	a := newAnswering(t)
	adoption := a.another(a.headOf, time.Now)
	p := NewProgress(adoption.generations)
	running(t, p.Run)
	testkit.Eventually(t, "the registry is known", func() bool {
		_, err := adoption.generations.registered(Authorities.Name, Authorities.Version)
		return err == nil
	})
	p.Shown() // puts every track where it has to be now
	follows := slices.IndexFunc(p.tracks, func(t *track) bool { return t.of.name == Authorities.Name && t.generation == 0 })
	if follows < 0 {
		t.Error("nothing is answered from, and it waits for what the registry says")
	}
	if err := adoption.adopt(t.Context(), Authorities.At(1).Model()); err != nil {
		t.Fatal(err)
	}
	if !p.WaitFor(soon(t), a.log, a.head(), Authorities.Name) {
		t.Error("what is adopted is not known to show anything")
	}
}
