package projections

import (
	"context"
	"time"

	"tenure/internal/events"
)

// Shown is how much of a place that authentication has reached in Redis is
// also in what this process keeps. A right that was given is found here then,
// as one that was taken away is not.
func (r *Revocations) Shown(at events.Mark) events.Mark {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.current(goal{at.Log, at.Position}):
		return at
	case r.handled.log != at.Log || r.follows != r.Model():
		return events.Mark{}
	default:
		return events.Mark{Log: at.Log, Position: r.handled.position}
	}
}

// CaughtUp waits until nothing older is kept here than authentication was at a
// position, which it has reached in Redis. It tells false when ctx ends before,
// and needs the bound at most.
func (r *Revocations) CaughtUp(ctx context.Context, log events.LogID, position events.Position) bool {
	over := time.NewTimer(r.Bound)
	defer over.Stop()
	for {
		r.mu.Lock()
		there, changed := r.current(goal{log, position}), r.changed
		r.mu.Unlock()
		if there {
			return true
		}
		select {
		case <-changed:
		case <-over.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
}

// current tells whether what is kept here, if any of it is used, is no older
// than g.
func (r *Revocations) current(g goal) bool {
	return !r.cache.used() || r.handled.log == g.log && r.handled.position >= g.position && r.follows == r.Model()
}
