package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

const (
	// readersName is the roll of who answers from which build of
	// authentication. It is permanent.
	readersName = "authentication-readers"
	// readerStays is for how long a process answers from a build after it could
	// say for the last time that it does. Redis takes no writes for that long
	// before nobody can be told who he is; and where one that was killed answered
	// from a build that nobody folds, no revocation is known to be over before.
	readerStays = time.Minute
)

// Adoption decides which build of authentication a process answers from. The
// registry says which one it should; it does when two things hold:
//
//   - it stands on the roll of readers with it, so that whoever takes a right
//     away afterwards looks whether that build shows it;
//   - the build lacks nothing that any other build showed then, so that nothing
//     that was taken away before comes back.
//
// Until then the process answers from the build it had, and when it has none,
// or is no longer on the roll, from none. Versions of the program that run side
// by side read different builds, and one of those may have lost its projector:
// a process that has it goes on, no revocation is called over meanwhile, and a
// process that is new does not begin.
type Adoption struct {
	generations *Generations
	redis       *docstore.Redis
	roll        docstore.Roll
	process     uuid.UUID
	log         func(context.Context) (events.Mark, error)
	clock       func() time.Duration // never goes back

	// What is on its way; only Run's goroutine knows it.
	wanted  docstore.Model
	lacking events.Mark // it has to come this far

	mu    sync.RWMutex
	model docstore.Model // what is answered from; zero: nothing
	until time.Duration  // by clock
	why   error          // that it is not what the registry says
}

// AdoptionOptions say who adopts.
type AdoptionOptions struct {
	// Process is this process's own name, new with each start.
	Process uuid.UUID
	// Head is the newest place of the log. It is asked when builds follow
	// different logs: all but the one it is of are of the past.
	Head func(context.Context) (events.Mark, error)
	// Now is a clock with a monotonic reading.
	Now func() time.Time
}

// Adopt makes g name a build of authentication only when it is adopted, which
// nothing is before Run runs. It comes before everything else that asks g.
func (g *Generations) Adopt(o AdoptionOptions) *Adoption {
	began := o.Now()
	g.adoption = &Adoption{
		generations: g, redis: g.redis, roll: docstore.RollIn(g.redis, readersName), process: o.Process, log: o.Head,
		clock: func() time.Duration { return o.Now().Sub(began) }, why: errNotBegun,
	}
	return g.adoption
}

var errNotBegun = errors.New("it has not been looked for yet")

// Run adopts what is to be, and keeps this process on the roll, until ctx ends.
// Then it answers from nothing and takes its leave.
func (a *Adoption) Run(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		a.beat(ctx)
		select {
		case <-ctx.Done():
			a.leave(context.WithoutCancel(ctx))
			return
		case <-tick.C:
		}
	}
}

// live is what is answered from. It fails with ErrUnavailable.
func (a *Adoption) live() (docstore.Model, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	switch {
	case a.model == (docstore.Model{}):
		return docstore.Model{}, fmt.Errorf("%w: who is calling cannot be told: %w", ErrUnavailable, a.why)
	case a.clock() >= a.until:
		return docstore.Model{}, fmt.Errorf("%w: who is calling cannot be told: for %s Redis did not take down that this process reads %s",
			ErrUnavailable, readerStays, a.model)
	}
	return a.model, nil
}

// beat stays on the roll, and adopts what the registry says.
func (a *Adoption) beat(ctx context.Context) {
	a.mu.RLock()
	model := a.model
	a.mu.RUnlock()
	if model != (docstore.Model{}) {
		a.stay(ctx, model)
	}
	wanted, err := a.generations.registered(Authorities.Name, Authorities.Version)
	if err == nil && wanted != a.current() {
		err = a.adopt(ctx, wanted)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.why = err
}

func (a *Adoption) current() docstore.Model {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.model
}

// stay signs again for what is answered from. Where this process was not on the
// roll for a moment, nobody looked at its build: it begins anew.
func (a *Adoption) stay(ctx context.Context, m docstore.Model) {
	began := a.clock()
	still, err := a.roll.Sign(ctx, a.entry(m), readerStays)
	switch {
	case err != nil: // it may be entered or not; it counts as not
	case !still:
		a.take(docstore.Model{}, 0)
	default:
		a.take(m, began+readerStays)
	}
}

// take makes a build the one that is answered from, or none.
func (a *Adoption) take(m docstore.Model, until time.Duration) {
	a.mu.Lock()
	changed := m != a.model
	a.model, a.until = m, until
	a.mu.Unlock()
	if changed {
		a.generations.revision.Add(1)
	}
}

// adopt takes up a build when nothing speaks against it, and else says what.
func (a *Adoption) adopt(ctx context.Context, m docstore.Model) error {
	began := a.clock()
	still, err := a.roll.Sign(ctx, a.entry(m), readerStays)
	if err != nil {
		a.wanted = docstore.Model{}
		return err
	}
	if !still || a.wanted != m {
		// Only now, when all who come later look at this build, it counts how
		// far the others are.
		if a.lacking, err = a.furthest(ctx, m); err != nil {
			a.wanted = docstore.Model{}
			return err
		}
		a.wanted = m
	}
	if err := a.whole(ctx, m, a.lacking); err != nil {
		return err
	}
	former := a.current()
	a.take(m, began+readerStays)
	a.wanted = docstore.Model{}
	if former != (docstore.Model{}) {
		// Nothing is read from it any more. That this fails costs nothing but
		// that others look at it for a while.
		_ = a.roll.Strike(ctx, a.entry(former))
	}
	return nil
}

// furthest is the newest place that any other build shows from which somebody
// may have been answered; the zero mark when there is no other. It asks the
// registry itself, for what is known of it may be older than an answer.
func (a *Adoption) furthest(ctx context.Context, m docstore.Model) (events.Mark, error) {
	all, err := a.generations.mongo.Registrations(ctx)
	if err != nil {
		return events.Mark{}, err
	}
	var furthest []events.Mark
	for _, r := range all {
		if r.Projection != Authorities.Name {
			continue
		}
		for _, generation := range append(slices.Clone(r.Retired), r.Live, r.Former) {
			if generation == 0 || r.Model(generation) == m {
				continue
			}
			states, err := a.states(ctx, r.Model(generation))
			if err != nil {
				return events.Mark{}, err
			}
			for _, s := range states {
				furthest = append(furthest, s.Checkpoint)
			}
		}
	}
	return a.newest(ctx, furthest)
}

// newest is the furthest of some places. Of different logs the one counts that
// is there.
func (a *Adoption) newest(ctx context.Context, all []events.Mark) (events.Mark, error) {
	all = slices.DeleteFunc(all, func(m events.Mark) bool { return m == events.Mark{} })
	if len(all) == 0 {
		return events.Mark{}, nil
	}
	if slices.ContainsFunc(all, func(m events.Mark) bool { return m.Log != all[0].Log }) {
		head, err := a.log(ctx)
		if err != nil {
			return events.Mark{}, err
		}
		all = slices.DeleteFunc(all, func(m events.Mark) bool { return m.Log != head.Log })
	}
	if len(all) == 0 {
		return events.Mark{}, nil
	}
	return slices.MaxFunc(all, func(x, y events.Mark) int { return cmp.Compare(x.Position, y.Position) }), nil
}

// whole fails unless all of a build is folded, as far as the log has it and to
// a place at least.
func (a *Adoption) whole(ctx context.Context, m docstore.Model, least events.Mark) error {
	states, err := a.states(ctx, m)
	if err != nil {
		return err
	}
	for _, s := range states {
		if !s.Ready {
			return errIncomplete
		}
		if least != (events.Mark{}) && !reached(s, goal{least.Log, least.Position}) {
			return fmt.Errorf("%w: %s is at %d, and another build of it was read at %d; does a projector of this version run?",
				errIncomplete, m, s.Checkpoint.Position, least.Position)
		}
	}
	return nil
}

func (a *Adoption) states(ctx context.Context, m docstore.Model) ([]docstore.State, error) {
	return docstore.PartitionsIn[Authority](a.redis, m).States(ctx)
}

func reached(s docstore.State, g goal) bool {
	return s.Checkpoint.Log == g.log && s.Checkpoint.Position >= g.position
}

// leave answers from nothing any more, and only then takes this process off the
// roll. Dies the process before, its time there runs out.
func (a *Adoption) leave(ctx context.Context) {
	model := a.current()
	a.take(docstore.Model{}, 0)
	ctx, cancel := context.WithTimeout(ctx, leaveWithin)
	defer cancel()
	for _, m := range []docstore.Model{model, a.wanted} {
		if m != (docstore.Model{}) {
			_ = a.roll.Strike(ctx, a.entry(m)) // or its time runs out
		}
	}
}
