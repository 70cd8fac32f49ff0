package projections

import (
	"context"
	"slices"
	"time"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

// ProjectionStatus is how a generation of a read model fares.
type ProjectionStatus struct {
	Name       string
	Version    int
	Generation int // 0: there is none yet
	// State is what the generation is for.
	State State
	// At is how far it is in its store.
	At events.Mark
	// Lag is zero when it shows the whole log.
	Lag Lag
	// LastError is why it does not get further; empty when nothing is wrong.
	LastError string
	// Parked are the first 100 of the documents to which an event could not be
	// applied, in the order of those events.
	Parked      []ParkedDocument
	ParkedCount int64
}

// ParkedDocument is a document that is shown as it was before an event that
// could not be applied to it.
type ParkedDocument struct {
	// Key names it, unless it is the hash of a secret.
	Key      string
	Position events.Position
	// Error names no person.
	Error string
}

// State is what a generation is for.
type State string

// The states.
const (
	IsLive     State = "live"     // it is read
	IsFormer   State = "former"   // it is folded, and rollback makes it live
	IsBuilding State = "building" // it is folded, and a switch makes it live
	IsBulk     State = "bulk"     // a rebuild writes it
	IsRetired  State = "retired"  // what is left of it is to be dropped
	IsMissing  State = "missing"  // there is no generation
)

// Lag is how far a read model is behind its log.
type Lag struct {
	Events int64
	// For is how long ago the first event was recorded that it lacks.
	For time.Duration
}

// Status asks the stores how every generation of the read models fares, the
// live one of each first, and those of other versions last. Lag knows the log.
// What cannot be found out is an error of that generation alone.
func (p *Progress) Status(ctx context.Context, lag func(context.Context, events.Mark) (Lag, error)) []ProjectionStatus {
	_ = p.generations.Refresh(ctx) // else by what was known last
	var all []ProjectionStatus
	for _, t := range p.tracks {
		for _, s := range states(p.generations.of(t.of)) {
			if s.Generation != 0 {
				p.examine(ctx, t, &s, lag)
			}
			all = append(all, s)
		}
	}
	return append(all, p.others()...)
}

// states are the generations of a registration.
func states(r docstore.Registration) []ProjectionStatus {
	var all []ProjectionStatus
	add := func(generation int, s State) {
		all = append(all, ProjectionStatus{Name: r.Projection, Version: r.Version, Generation: generation, State: s})
	}
	if r.Live != 0 {
		add(r.Live, IsLive)
	}
	if r.Former != 0 {
		add(r.Former, IsFormer)
	}
	switch b := r.Building; {
	case b != nil && b.Bulk:
		add(b.Generation, IsBulk)
	case b != nil:
		add(b.Generation, IsBuilding)
	case r.Live == 0:
		add(0, IsMissing)
	}
	for _, generation := range r.Retired {
		add(generation, IsRetired)
	}
	return all
}

// examine asks how far a generation is.
func (p *Progress) examine(ctx context.Context, t *track, s *ProjectionStatus, lag func(context.Context, events.Mark) (Lag, error)) {
	p.mu.Lock()
	s.LastError = t.heard[s.Generation].Failed
	p.mu.Unlock()
	if s.State == IsRetired {
		return
	}
	var err error
	if s.At, err = t.of.look(ctx, p.stores, s.Generation); err == nil {
		s.Lag, err = lag(ctx, s.At)
	}
	if err == nil {
		err = s.addParked(ctx, t.of.parking(p.stores, s.Generation))
	}
	if err != nil {
		s.LastError = err.Error()
	}
}

// others are the generations of versions that are another program's. How far
// they are is for that one to tell.
func (p *Progress) others() []ProjectionStatus {
	var all []ProjectionStatus
	for _, r := range p.generations.all() {
		if !slices.ContainsFunc(p.tracks, func(t *track) bool { return t.of.model(0) == r.Model(0) }) {
			all = append(all, states(r)...)
		}
	}
	return all
}

func (s *ProjectionStatus) addParked(ctx context.Context, store parkedStore) error {
	first, err := store.list(ctx, maxTold)
	if err != nil {
		return err
	}
	for _, p := range first {
		s.Parked = append(s.Parked, ParkedDocument{nameOf(p.Key), p.Position, p.Error})
	}
	if s.ParkedCount = int64(len(first)); len(first) == maxTold {
		s.ParkedCount, err = store.count(ctx)
	}
	return err
}
