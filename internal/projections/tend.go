package projections

import (
	"context"
	"errors"
	"slices"
	"time"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

// bulkFrom is how long a log is of which the first generation is built in bulk.
const bulkFrom = 20_000

// tend brings what is folded here to what is registered. What of it fails is
// tried again at the next beat, and holds back no other read model.
func (p *Projector) tend(ctx context.Context) error {
	var wanted []*build
	var errs []error
	for _, r := range p.models {
		builds, err := p.tendTo(ctx, r)
		wanted = append(wanted, builds...)
		errs = append(errs, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Equal(p.builds, wanted) {
		p.builds = wanted
		poke(p.changed)
	}
	return errors.Join(errs...)
}

// tendTo gives the builds of one read model that are to be folded: those that
// were, when that cannot be found out.
func (p *Projector) tendTo(ctx context.Context, r readModel) ([]*build, error) {
	reg, err := p.mongo.Registration(ctx, r.name, r.version)
	if err == nil && reg.Live == 0 && p.only == nil {
		reg, err = p.first(ctx, r, reg)
	}
	if err != nil {
		return p.folded(r, nil), err
	}
	choose := p.only
	if choose == nil {
		choose = following
	}
	var all []*build
	for _, generation := range choose(reg) {
		if open := p.folded(r, &generation); len(open) > 0 {
			all = append(all, open[0])
			continue
		}
		b := r.open(p.stores, generation)
		if r.drops != nil {
			b = dropping(b, p.drops, r.drops)
		}
		if err := b.prepare(ctx); err != nil {
			return p.folded(r, nil), err
		}
		all = append(all, b)
	}
	return all, nil
}

// following are the generations that are folded batch by batch.
func following(reg docstore.Registration) []int {
	var all []int
	for _, generation := range []int{reg.Live, reg.Former} {
		if generation != 0 {
			all = append(all, generation)
		}
	}
	if b := reg.Building; b != nil && !b.Bulk {
		all = append(all, b.Generation)
	}
	return all
}

// folded are the builds of a read model that are folded here, all of them or
// one.
func (p *Projector) folded(r readModel, generation *int) []*build {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []*build
	for _, b := range p.builds {
		if b.model.Projection == r.name && b.model.Version == r.version && (generation == nil || b.model.Generation == *generation) {
			all = append(all, b)
		}
	}
	return all
}

// first sees to it that a read model without a live generation gets one. It is
// live when it has come to where the log ended a beat ago, so that an endless
// stream of events cannot hold it up. Dies the process between any two steps,
// the next one goes on with what is registered.
func (p *Projector) first(ctx context.Context, r readModel, reg docstore.Registration) (docstore.Registration, error) {
	if reg.Building != nil && reg.Building.Bulk {
		p.wantBulk(r) // unless somebody is at it
		return reg, nil
	}
	head, err := p.heading(ctx)
	if err != nil {
		return reg, err
	}
	if reg.Building == nil {
		if long, err := p.isLong(ctx, r, reg, head); long || err != nil {
			return reg, err
		}
		return register(ctx, p.stores, r, func(reg *docstore.Registration) error { return begin(reg, head) })
	}
	caughtUp, err := p.caughtUp(ctx, r, reg.Building.Generation, head)
	if err != nil || !caughtUp {
		return reg, err
	}
	generation := reg.Building.Generation
	return register(ctx, p.stores, r, func(reg *docstore.Registration) error {
		if reg.Building == nil || reg.Building.Bulk || reg.Building.Generation != generation || reg.Live != 0 {
			return errUnchanged // another one was faster
		}
		reg.Live, reg.Building = generation, nil
		return nil
	})
}

// heading is the head of the log; unknown to a projector that was given none.
func (p *Projector) heading(ctx context.Context) (events.Mark, error) {
	if p.head == nil {
		return events.Mark{}, nil
	}
	return p.head(ctx)
}

// begin registers the first generation, to be folded from the beginning. Of an
// empty log there is nothing to catch up with.
func begin(reg *docstore.Registration, head events.Mark) error {
	switch {
	case reg.Live != 0 || reg.Building != nil:
		return errUnchanged
	case head.Position == 0:
		reg.Live = reg.Next
	default:
		reg.Building = &docstore.Building{Generation: reg.Next}
	}
	reg.Next++
	return nil
}

// caughtUp tells whether a generation has come to where the log ended when this
// was asked for the first time.
func (p *Projector) caughtUp(ctx context.Context, r readModel, generation int, head events.Mark) (bool, error) {
	m := r.model(generation)
	goal, asked := p.goals[m]
	if !asked {
		p.goals[m] = head.Position
		return false, nil
	}
	at, err := r.look(ctx, p.stores, generation)
	if err != nil || at.Position < goal {
		return false, err
	}
	delete(p.goals, m)
	return true, nil
}

// isLong tells whether so much is to be folded that it is better done in bulk,
// and sees to it then. What was folded before anything was registered is gone
// on with.
func (p *Projector) isLong(ctx context.Context, r readModel, reg docstore.Registration, head events.Mark) (bool, error) {
	if p.First == nil || head.Position < bulkFrom {
		return false, nil
	}
	at, err := r.look(ctx, p.stores, reg.Next)
	if err != nil || at.Position > 0 {
		return false, err
	}
	p.wantBulk(r)
	return true, nil
}

func (p *Projector) wantBulk(r readModel) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.First != nil && !slices.Contains(p.bulks, r.name) {
		p.bulks = append(p.bulks, r.name)
	}
}

// buildFirst builds what is wanted, until ctx ends. What another process is at,
// or what fails, is wanted again at the next beat.
func (p *Projector) buildFirst(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	said := ""
	for {
		p.mu.Lock()
		wanted := p.bulks
		p.bulks = nil
		p.mu.Unlock()
		if len(wanted) > 0 {
			err := p.First.buildFirst(ctx, wanted)
			if err != nil && ctx.Err() == nil && err.Error() != said {
				said = err.Error() // once, however often it is tried
				p.First.note("%v", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
