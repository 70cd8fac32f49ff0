package projections

import (
	"context"
	"slices"
	"time"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

// How a wait ends.
const (
	confirmed = "confirmed"
	waitedOut = "waited_out"
	notTold   = "not_told"
)

// Wait waits until no process honours what events of these types took away at
// a position of the log. First every build that somebody is answered from has to
// show it, however long that takes: from then on nobody reads anything older, so
// that it is over when every live process says that it dropped what was older,
// and in any case when the bound has passed. It tells false when ctx ends before.
func (r *Revocations) Wait(ctx context.Context, log events.LogID, position events.Position, types []string) bool {
	began := r.cache.clock()
	if len(types) > 0 && !slices.ContainsFunc(types, r.awaited) {
		return true
	}
	if ctx.Err() != nil {
		return false // who does not wait is not told, and that is no outcome
	}
	outcome := r.settle(ctx, goal{log, position})
	if r.Settled != nil {
		r.Settled(r.cache.clock()-began, outcome)
	}
	return outcome != notTold
}

func (r *Revocations) awaited(name string) bool { return r.takers[name] }

func (r *Revocations) settle(ctx context.Context, g goal) (outcome string) {
	readers, ok := r.Adoption.everywhere(ctx, g, r.handledOf(g))
	if !ok {
		return notTold
	}
	// Whoever keeps what he read before that keeps it for the bound from now.
	began := r.cache.clock()
	members, bound := r.live(ctx)
	over := time.NewTimer(began + bound - r.cache.clock())
	defer over.Stop()
	for {
		all, changed := r.all(members, readers, g)
		if all {
			return confirmed
		}
		select {
		case <-changed:
		case <-over.C:
			return waitedOut
		case <-ctx.Done():
			return notTold
		}
	}
}

// handledOf is the build of which it was heard that it shows g; zero when that
// was not heard.
func (r *Revocations) handledOf(g goal) docstore.Model {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.handled.log != g.log || r.handled.position < g.position {
		return docstore.Model{}
	}
	return r.follows
}

// live are the processes that have to confirm, and how long the most patient
// of them keeps what it knows. None means that nobody knows who they are: a
// roll without this very process is not the one that the others signed.
func (r *Revocations) live(ctx context.Context) ([]member, time.Duration) {
	limited, cancel := context.WithTimeout(ctx, MaxRevocationBound)
	defer cancel()
	names, err := r.roll.Names(limited)
	if err != nil || !slices.Contains(names, string(r.member)) {
		return nil, MaxRevocationBound
	}
	var members []member
	var longest time.Duration
	for _, name := range names {
		members = append(members, member(name))
	}
	members = append(members, r.heardOf()...)
	for _, m := range members {
		longest = max(longest, m.bound())
	}
	return members, longest
}

// heardOf are those who said something a moment ago. They count also where the
// roll has lost them, as a replica that took over may have.
func (r *Revocations) heardOf() (members []member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.cache.clock()
	for m, p := range r.peers {
		if now-p.heard < m.bound() {
			members = append(members, m)
		}
	}
	return members
}

// all tells whether every one of them is there, of whom there is one at least,
// and what is closed when that may have changed. What a process handled of one
// build says nothing of another that it reads.
func (r *Revocations) all(members []member, readers []reader, g goal) (bool, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	behind := slices.ContainsFunc(members, func(m member) bool {
		p := r.peers[m]
		return p.handled.log != g.log || p.handled.position < g.position ||
			slices.ContainsFunc(readers, func(one reader) bool { return one.process == m.process() && one.model != p.of })
	})
	return len(members) > 0 && !behind && r.follows == r.Model(), r.changed
}
