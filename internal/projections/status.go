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
		if err != nil {
			s.LastError = err.Error()
		}
		all[i] = s
	}
	return all
}
