package projections

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

// defaultWaiters is how many may wait at once when nothing else is said.
const defaultWaiters = 4096

// Progress knows how far the read models are that this process reads, and lets
// callers wait for one. It hears it from the projectors; only when it hears
// nothing does it look, four times a second, however many wait.
type Progress struct {
	// MaxWaiters bounds how many wait at once; whoever comes beyond does not
	// wait. Zero: 4096.
	MaxWaiters int

	stores      stores
	redis       *docstore.Redis // where it is announced
	generations *Generations
	tracks      []*track

	mu       sync.Mutex // for everything below, and for what is in tracks
	waiting  int
	revision int64 // of generations, as the tracks know them
}

// NewProgress returns a Progress of the generations that g says are live. It
// knows nothing until Run runs.
func NewProgress(g *Generations) *Progress {
	p := &Progress{stores: stores{mongo: g.mongo, redis: g.redis}, redis: g.redis, generations: g}
	for _, r := range readModels() {
		p.tracks = append(p.tracks, newTrack(r))
	}
	return p
}

// Run listens, and looks when there is silence, until ctx ends. It keeps its
// Generations up to date too.
func (p *Progress) Run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { p.generations.Run(ctx) })
	running.Go(func() { p.redis.Listen(ctx, progressTopic, p.hear) })
	for _, t := range p.tracks {
		running.Go(func() { p.watch(ctx, t) })
	}
	running.Wait()
}

// Wait waits until every read model that folds any of these events, or every
// one when there are none, shows the log up to a position. It tells false when
// ctx ends first, and at once when there is nothing to wait for: a read model's
// projector has failed or is gone, it follows another log, too many wait
// already, or one of the events waits itself, beside a parked document.
func (p *Progress) Wait(ctx context.Context, log events.LogID, position events.Position, shown []events.Recorded) bool {
	changed := make(map[*track][]touch)
	for _, t := range p.tracks {
		changed[t] = touches(t.of.keys, shown)
	}
	concerns := func(t *track) bool {
		return len(shown) == 0 || slices.ContainsFunc(shown, func(e events.Recorded) bool { return slices.Contains(t.of.types, e.Type) })
	}
	return p.wait(ctx, goal{log, position}, concerns, changed) && p.shows(ctx, changed)
}

// TypesOf names the types of events.
func TypesOf(all []events.Recorded) []string {
	types := make([]string, len(all))
	for i, e := range all {
		types[i] = e.Type
	}
	return types
}

// shows asks the stores about documents of which nobody could say whether they
// are parked. Only then is a store asked for a caller: when more than an
// announcement has room for are parked, or before the first was heard.
func (p *Progress) shows(ctx context.Context, changed map[*track][]touch) bool {
	for t, all := range changed {
		if len(all) == 0 || !p.vague(t) {
			continue
		}
		keys := make([]docstore.Key, len(all))
		for i, c := range all {
			keys[i] = c.key
		}
		parked, err := p.parkingOf(t).among(ctx, keys)
		known, more := told(parked)
		if err != nil || more || known.hide(all) {
			return false
		}
	}
	return true
}

// parkingOf is what is asked of the parked documents of the generation that is
// read.
func (p *Progress) parkingOf(t *track) parkedStore {
	p.mu.Lock()
	defer p.mu.Unlock()
	return t.of.parking(p.stores, t.generation)
}

func (p *Progress) vague(t *track) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return t.vague
}

// WaitFor is Wait for read models by name, as a query knows those it reads, or
// for every one when none is named. It tells false for a name that there is not.
func (p *Progress) WaitFor(ctx context.Context, log events.LogID, position events.Position, names ...string) bool {
	for _, name := range names {
		if !slices.ContainsFunc(p.tracks, func(t *track) bool { return t.of.name == name }) {
			return false
		}
	}
	concerns := func(t *track) bool { return len(names) == 0 || slices.Contains(names, t.of.name) }
	return p.wait(ctx, goal{log, position}, concerns, nil)
}

func (p *Progress) wait(ctx context.Context, g goal, concerns func(*track) bool, changed map[*track][]touch) bool {
	w, visible := p.enter(g, concerns, changed)
	if w == nil {
		return visible
	}
	defer p.leave(w)
	select {
	case visible := <-w.told:
		return visible
	case <-ctx.Done():
		return false
	}
}

// enter makes a waiter, or none when the answer is known.
func (p *Progress) enter(g goal, concerns func(*track) bool, changed map[*track][]touch) (w *waiter, visible bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.renew()
	w = &waiter{goal: g, touches: changed, told: make(chan bool, 1)}
	for _, t := range p.tracks {
		switch {
		case t.parked.hide(changed[t]):
			return nil, false
		case !concerns(t) || t.reached(g):
		case t.hopeless(g):
			return nil, false
		default:
			w.missing = append(w.missing, t)
		}
	}
	if len(w.missing) == 0 {
		return nil, true
	}
	if limit := cmp.Or(p.MaxWaiters, defaultWaiters); p.waiting >= limit {
		return nil, false
	}
	p.waiting++
	for _, t := range w.missing {
		t.waiters[w] = true
	}
	return w, false
}

func (p *Progress) leave(w *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting--
	for _, t := range w.missing {
		delete(t.waiters, w)
	}
}

// hear takes what a projector announced. What is not ours, or cannot be read,
// is another version's.
func (p *Progress) hear(message []byte) {
	var all []announcement
	if json.Unmarshal(message, &all) != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.renew()
	for _, a := range all {
		for _, t := range p.tracks {
			if t.of.name == a.Projection && t.of.version == a.Version {
				t.overhear(a)
			}
		}
	}
}

// renew puts the tracks at the generations that are live now.
func (p *Progress) renew() {
	revision := p.generations.revision.Load()
	if revision == p.revision {
		return
	}
	p.revision = revision
	for _, t := range p.tracks {
		t.follow(p.generations.chosen(t.of))
	}
}

// watch counts the beats of a read model at which nothing was heard, and looks
// where it is when that is too many.
func (p *Progress) watch(ctx context.Context, t *track) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		if p.beat(t) {
			p.look(ctx, t)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (p *Progress) beat(t *track) (silent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.renew()
	return t.beat()
}

// look asks the store, which has one beat for its answer. What it says of a
// generation that is not live any more counts for nothing.
func (p *Progress) look(ctx context.Context, t *track) {
	p.mu.Lock()
	generation := t.generation
	p.mu.Unlock()
	if generation == 0 {
		return // nothing stands still that has not begun
	}
	limited, cancel := context.WithTimeout(ctx, beatEvery)
	defer cancel()
	var s seen
	var err error
	if s.mark, err = t.of.look(limited, p.stores, generation); err == nil {
		s.parked, err = t.of.parking(p.stores, generation).list(limited, maxTold+1)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if t.generation == generation {
		t.see(s, err)
	}
}
