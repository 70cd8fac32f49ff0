package projections

import (
	"context"
	"fmt"
	"slices"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

// needed is how far a build has to be so that it lacks nothing that anybody was
// told of another one; the zero mark when it need not be anywhere. Where that
// cannot be found out it is the head of the log, which no answer is beyond.
//
// Other builds may be of a log that is no more, or beyond one that was restored
// to an earlier point: then only what the log has counts.
func (a *Adoption) needed(ctx context.Context, m docstore.Model) (events.Mark, error) {
	states, err := a.states(ctx, m)
	if err != nil {
		return events.Mark{}, err
	}
	marks, err := a.shownElsewhere(ctx, m)
	if err != nil {
		return a.Head(ctx)
	}
	lacks := func(there events.Mark) bool {
		return slices.ContainsFunc(states, func(s docstore.State) bool { return !reached(s, goal{there.Log, there.Position}) })
	}
	if !slices.ContainsFunc(marks, lacks) {
		return furthest(marks), nil
	}
	head, err := a.Head(ctx)
	if err != nil {
		return events.Mark{}, err
	}
	marks = slices.DeleteFunc(marks, func(there events.Mark) bool { return there.Log != head.Log })
	for i := range marks {
		if marks[i].Position > head.Position {
			marks[i] = head
		}
	}
	// What it is needed for at the least is that it follows this log.
	return furthest(append(marks, events.Mark{Log: head.Log})), nil
}

// furthest is the place with the highest position, of places in one log.
func furthest(all []events.Mark) (far events.Mark) {
	for _, m := range all {
		if far == (events.Mark{}) || m.Position > far.Position {
			far = m
		}
	}
	return far
}

// shownElsewhere are the places that other builds show from which somebody may
// have been answered, and the furthest that this process was. It asks the
// registry itself, for what is known of it may be older than an answer.
func (a *Adoption) shownElsewhere(ctx context.Context, m docstore.Model) ([]events.Mark, error) {
	all, err := a.generations.mongo.Registrations(ctx)
	if err != nil {
		return nil, err
	}
	a.mu.RLock()
	marks := []events.Mark{a.shown}
	a.mu.RUnlock()
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
				return nil, err
			}
			for _, s := range states {
				marks = append(marks, s.Checkpoint)
			}
		}
	}
	return slices.DeleteFunc(marks, func(m events.Mark) bool { return m == events.Mark{} }), nil
}

// showed notes what this process is known to have been answered from. It does
// not go back behind it, whatever Redis comes up with.
func (a *Adoption) showed(g goal) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if g.log != a.shown.Log || g.position > a.shown.Position {
		a.shown = events.Mark{Log: g.log, Position: g.position}
	}
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
			return fmt.Errorf("%w: %s is at %d, and %d was shown by another build; does a projector of this version run?",
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
