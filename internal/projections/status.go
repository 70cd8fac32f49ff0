package projections

import (
	"context"
	"time"

	"tenure/internal/events"
)

// ProjectionStatus is how a read model fares.
type ProjectionStatus struct {
	Name       string
	Version    int
	Generation int
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

// Lag is how far a read model is behind its log.
type Lag struct {
	Events int64
	// For is how long ago the first event was recorded that it lacks.
	For time.Duration
}

// Status asks the stores how every read model fares. Lag knows the log. What
// cannot be found out is an error of that read model alone.
func (p *Progress) Status(ctx context.Context, lag func(context.Context, events.Mark) (Lag, error)) []ProjectionStatus {
	all := make([]ProjectionStatus, len(p.tracks))
	for i, t := range p.tracks {
		s := ProjectionStatus{Name: t.model.Projection, Version: t.model.Version, Generation: t.model.Generation}
		p.mu.Lock()
		s.LastError = t.failed
		p.mu.Unlock()
		var err error
		if s.At, err = t.look(ctx); err == nil {
			s.Lag, err = lag(ctx, s.At)
		}
		if err == nil {
			err = s.addParked(ctx, t.parking)
		}
		if err != nil {
			s.LastError = err.Error()
		}
		all[i] = s
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
