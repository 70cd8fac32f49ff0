package projections

import (
	"context"
	"time"
)

// beatsPerBound is how often within the bound a process says that it is live.
const beatsPerBound = 5

// stay keeps this process on the roll until ctx ends.
func (r *Revocations) stay(ctx context.Context) {
	tick := time.NewTicker(r.Bound / beatsPerBound)
	defer tick.Stop()
	whole := false // it was on the roll ever since the last time
	for {
		whole = r.sign(ctx, whole)
		r.wake()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sign enters this process on the roll for as long as it then uses what it
// keeps. That ends here, by the time before Redis was asked, no later than
// there. Where it was not on the roll for a moment, others may have gone on
// without asking it: what is from before is dropped first.
func (r *Revocations) sign(ctx context.Context, whole bool) bool {
	limited, cancel := context.WithTimeout(ctx, r.Bound/2)
	defer cancel()
	began := r.cache.clock()
	still, err := r.roll.Sign(limited, string(r.member), r.Bound)
	if err != nil {
		return false // it may be entered or not; the next answer is not trusted
	}
	if !still || !whole {
		r.cache.dropAll()
	}
	r.cache.knownUntil(began + r.Bound)
	return true
}

// leaveWithin is how long it may take to say farewell.
const leaveWithin = time.Second

// leave uses no more what is kept, and only then takes this process off the
// roll. Dies the process before, its time there runs out.
func (r *Revocations) leave(ctx context.Context) {
	r.cache.knownUntil(0)
	r.cache.dropAll()
	ctx, cancel := context.WithTimeout(ctx, leaveWithin)
	defer cancel()
	if r.roll.Strike(ctx, string(r.member)) == nil {
		r.say(ctx, confirmation{Member: r.member, Gone: true})
	}
}
