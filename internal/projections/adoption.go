package projections

import (
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
	// beatWithin is how long one look may take. The roll is signed several times
	// within readerStays, whatever is slow.
	beatWithin = readerStays / 6
	// aimBeats is for how many beats it is tried whether a build has come to a
	// place. Then it begins from the start, and the process is off the roll with
	// a build that it does not answer from.
	aimBeats = 8
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
	AdoptionOptions
	generations *Generations
	redis       *docstore.Redis
	roll        docstore.Roll
	clock       func() time.Duration // never goes back

	// What follows only Run's goroutine knows.
	aim  aim
	left []docstore.Model // still to be struck off

	mu    sync.RWMutex
	model docstore.Model // what is answered from; zero: nothing
	until time.Duration  // by clock
	why   error          // that it is not what the registry says
	shown events.Mark    // the furthest that this process is known to have answered from
}

// AdoptionOptions say who adopts.
type AdoptionOptions struct {
	// Process is this process's own name, new with each start.
	Process uuid.UUID
	// Head is the newest place of the log.
	Head func(context.Context) (events.Mark, error)
	// Now is a clock with a monotonic reading.
	Now func() time.Time
	// Note is told why the process does not take up the build that the registry
	// names, once each time. It may be nil.
	Note func(error)
}

// Adopt makes g name a build of authentication only when it is adopted, which
// nothing is before Run runs. It comes before everything else that asks g.
func (g *Generations) Adopt(o AdoptionOptions) *Adoption {
	began := o.Now()
	if o.Note == nil {
		o.Note = func(error) {}
	}
	g.adoption = &Adoption{
		AdoptionOptions: o, generations: g, redis: g.redis, roll: docstore.RollIn(g.redis, readersName),
		clock: func() time.Duration { return o.Now().Sub(began) },
	}
	return g.adoption
}

var errAtIt = errors.New("it is being found out from which build; that takes a moment")

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
		why := a.why
		if why == nil {
			why = errAtIt
		}
		return docstore.Model{}, fmt.Errorf("%w: who is calling cannot be told: %w", ErrUnavailable, why)
	case a.clock() >= a.until:
		return docstore.Model{}, fmt.Errorf("%w: who is calling cannot be told: for %s Redis did not take down that this process reads %s",
			ErrUnavailable, readerStays, a.model)
	}
	return a.model, nil
}

// beat stays on the roll, and adopts what the registry says.
func (a *Adoption) beat(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, beatWithin)
	defer cancel()
	if m := a.current(); m != (docstore.Model{}) {
		a.stay(ctx, m)
	}
	wanted, err := a.generations.registered(Authorities.Name, Authorities.Version)
	switch {
	case err == nil && wanted != a.current():
		err = a.adopt(ctx, wanted)
	case err == nil:
		a.giveUp() // it was another one for a moment
	}
	a.strike(ctx)
	a.mu.Lock()
	former := a.why
	a.why = err
	a.mu.Unlock()
	if isNotable(err) && !isNotable(former) && !errors.Is(ctx.Err(), context.Canceled) {
		a.Note(err)
	}
}

// isNotable tells whether somebody should hear of it. That no generation is live
// is so at each first start, and readiness tells it.
func isNotable(err error) bool { return err != nil && !errors.Is(err, errNoGeneration) }

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
		a.left = append(a.left, m) // where it stands again now
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

// aim is a build on its way to be adopted.
type aim struct {
	model  docstore.Model
	place  events.Mark // that it has to come to
	signed bool        // on the roll, so that the place is the last one
	tries  int         // beats at which it was not there
}

// adopt takes up a build when nothing speaks against it, and else says what. It
// signs for one only when it has come to where the others were a moment before:
// others would wait in vain for one that is far away. What counts is where they
// are when it is signed for, when all who come later look at this build too.
// Either place stands still while the build comes to it.
func (a *Adoption) adopt(ctx context.Context, m docstore.Model) (err error) {
	if a.aim.model != m {
		a.giveUp()
		if a.aim.place, err = a.needed(ctx, m); err != nil {
			return err
		}
		a.aim.model = m
	}
	if a.aim.tries++; a.aim.tries > aimBeats {
		defer a.giveUp()
	}
	if !a.aim.signed {
		if err := a.whole(ctx, m, a.aim.place); err != nil {
			return err
		}
	}
	began, first := a.clock(), !a.aim.signed
	a.aim.signed = true // it may be, whatever Redis answers
	still, err := a.roll.Sign(ctx, a.entry(m), readerStays)
	if err == nil && (!still || first) {
		a.aim.place, err = a.needed(ctx, m)
	}
	if err != nil {
		a.giveUp()
		return err
	}
	if err := a.whole(ctx, m, a.aim.place); err != nil {
		return err
	}
	if former := a.current(); former != (docstore.Model{}) {
		a.left = append(a.left, former)
	}
	a.take(m, began+readerStays)
	a.aim = aim{}
	return nil
}

// giveUp begins from the start.
func (a *Adoption) giveUp() {
	if a.aim.signed {
		a.left = append(a.left, a.aim.model)
	}
	a.aim = aim{}
}

// strike takes off the roll what is not read any more, until Redis takes it: as
// long as it stands there, others look at it.
func (a *Adoption) strike(ctx context.Context) {
	current := a.current()
	a.left = slices.DeleteFunc(a.left, func(m docstore.Model) bool {
		return m == current || a.aim.signed && m == a.aim.model || a.roll.Strike(ctx, a.entry(m)) == nil
	})
}

// leave answers from nothing any more, and only then takes this process off the
// roll. Dies the process before, its time there runs out.
func (a *Adoption) leave(ctx context.Context) {
	a.left = append(a.left, a.current())
	a.take(docstore.Model{}, 0)
	a.giveUp()
	ctx, cancel := context.WithTimeout(ctx, leaveWithin)
	defer cancel()
	a.strike(ctx)
}
