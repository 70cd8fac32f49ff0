package projections

import (
	"context"
	"errors"
	"time"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

// Projector folds what is on its way of these read models, and nothing else, so
// that it catches up also when no other projector runs.
func (r *Rebuilder) Projector(names ...string) (*Projector, error) {
	models, err := r.pick(names)
	if err != nil {
		return nil, err
	}
	p := newProjector(r.stores(), models)
	p.only = func(reg docstore.Registration) []int {
		if reg.Building == nil || reg.Building.Bulk {
			return nil
		}
		return []int{reg.Building.Generation}
	}
	return p, nil
}

// CatchUp waits until what is on its way of these read models has come to where
// the log is now, and then to where it is by then: what is missing after that is
// what came in a moment, so an endless stream of events cannot hold it up.
// Somebody has to fold it.
func (r *Rebuilder) CatchUp(ctx context.Context, names ...string) error {
	models, err := r.pick(names)
	if err != nil {
		return err
	}
	for range 2 {
		head, err := r.Log.Head(ctx)
		if err != nil {
			return err
		}
		for _, m := range models {
			if err := r.reach(ctx, m, head); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Rebuilder) reach(ctx context.Context, m readModel, head events.Mark) error {
	return r.until(ctx, func() (bool, error) {
		reg, err := r.Mongo.Registration(ctx, m.name, m.version)
		if err != nil || reg.Building == nil {
			return reg.Building == nil, err
		}
		at, err := m.look(ctx, r.stores(), reg.Building.Generation)
		if err != nil {
			return false, err
		}
		r.tell(Step{Phase: Catching, Done: int64(at.Position), Total: int64(max(head.Position, at.Position))})
		return at.Position >= head.Position, nil
	})
}

// until asks until it is so. A store that is away is asked again.
func (r *Rebuilder) until(ctx context.Context, ask func() (bool, error)) error {
	tick := time.NewTicker(beatEvery / 10)
	defer tick.Stop()
	for {
		so, err := ask()
		if err == nil && so || err != nil && !errors.Is(err, ErrUnavailable) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-tick.C:
		}
	}
}
