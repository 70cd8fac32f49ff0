package projections

import (
	"github.com/google/uuid"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

// All of these are beats.
const (
	silence = 3 // without a word before the store is asked itself
	stalled = 2 // at which a read model stood still while someone waited for it
	doubt   = 4 // after which a place that nobody confirms is believed no longer
)

// goal is a place in a log that someone waits for.
type goal struct {
	log      events.LogID
	position events.Position
}

// waiter waits until no track that it misses is left.
type waiter struct {
	goal    goal
	touches map[*track][]touch // what it waits to see; nil: anything
	missing []*track
	reached int
	told    chan bool // room for the one answer
}

func (w *waiter) tell(visible bool) {
	select {
	case w.told <- visible:
	default: // it was told already
	}
}

// track is what is known of one read model: of its live generation.
type track struct {
	of         readModel
	generation int // 0: none is live
	// heard is what was said last of each generation, so that a switch to one
	// does not begin in ignorance.
	heard map[int]announcement

	at      goal   // the furthest that was heard of or seen
	latest  goal   // what was heard or seen last
	unsure  int    // beats since at was confirmed
	silent  int    // beats since the last announcement
	still   int    // looks in a row at which it stood still while someone waited
	failed  string // what its projector says is wrong
	waiters map[*waiter]bool

	// parked is what is known to be parked at the place at, and vague says
	// that there may be more: there are too many to tell, or nobody told yet.
	parked parkedKeys
	vague  bool
}

func newTrack(r readModel) *track {
	return &track{of: r, silent: silence, heard: make(map[int]announcement), waiters: make(map[*waiter]bool), vague: true}
}

// follow puts the track at a generation. What it knew was of another one.
func (t *track) follow(generation int) {
	if t.generation == generation {
		return
	}
	t.generation = generation
	t.at, t.latest, t.failed = goal{}, goal{}, ""
	t.unsure, t.silent, t.still = 0, silence, 0
	t.parked, t.vague = nil, true
	if a, ok := t.heard[generation]; ok {
		t.hear(a)
	}
}

// overhear takes what was announced of any generation.
func (t *track) overhear(a announcement) {
	if t.heard != nil {
		t.heard[a.Generation] = a
	}
	if a.Generation == t.generation {
		t.hear(a)
	}
}

// reached tells whether g is shown. The place before the first event always is.
func (t *track) reached(g goal) bool {
	return g.position == 0 || t.at.log == g.log && t.at.position >= g.position
}

// hopeless tells whether waiting for g, which is not reached, makes no sense.
func (t *track) hopeless(g goal) bool {
	return t.failed != "" || t.still >= stalled || t.at.position > 0 && t.at.log != g.log
}

// hear takes what was announced. Announcements of several projectors cross
// each other, so one that is behind another is no sign of going back, unless
// nobody says otherwise for a while.
func (t *track) hear(a announcement) {
	log, err := uuid.Parse(a.Log)
	if err != nil {
		return
	}
	t.silent, t.still, t.failed = 0, 0, a.Failed
	t.latest = goal{events.LogID(log), a.Position}
	newest := t.latest.log != t.at.log || t.latest.position >= t.at.position
	if newest {
		t.at, t.unsure = t.latest, 0
	}
	t.hearParked(a, newest)
	t.wake()
}

// hearParked takes what was announced of parked documents. One that tells all
// of them at an older place knows nothing of what came since.
func (t *track) hearParked(a announcement, newest bool) {
	switch {
	case a.Whole && newest:
		t.parked, t.vague = a.Parked, a.More
	case !a.Whole:
		t.parked = t.parked.with(a.Parked)
		t.vague = t.vague || a.More
	}
}

// seen is what the store itself told: how far it is, and, asked after that, what
// is parked.
type seen struct {
	mark   events.Mark
	parked []docstore.ParkedKey
}

// see takes what the store itself told.
func (t *track) see(s seen, err error) {
	if t.silent < silence {
		return // it was heard of in the meantime
	}
	t.failed = ""
	if err == nil {
		t.parked, t.vague = told(s.parked)
	}
	m := s.mark
	switch seen := (goal{m.Log, m.Position}); {
	case err == nil && seen != t.at:
		t.at, t.latest, t.unsure, t.still = seen, seen, 0, 0
	case len(t.waiters) > 0:
		t.still++ // it stands, or its store is gone
	case err == nil:
		t.unsure = 0
	}
	t.wake()
}

// beat tells whether the store has to be asked.
func (t *track) beat() bool {
	t.silent = min(t.silent+1, silence)
	if t.unsure++; t.unsure > doubt {
		t.at, t.unsure = t.latest, 0
	}
	return t.silent >= silence
}

// wake tells those whose waiting is over.
func (t *track) wake() {
	for w := range t.waiters {
		switch {
		case t.parked.hide(w.touches[t]):
			w.tell(false)
		case t.reached(w.goal):
			delete(t.waiters, w)
			if w.reached++; w.reached == len(w.missing) {
				w.tell(true)
			}
		case t.hopeless(w.goal):
			w.tell(false)
		}
	}
}
