package projections

import (
	"context"
	"fmt"
	"time"

	"tenure/internal/docstore"
)

// patience is how long a generation may take to come to where the live one is
// held.
const patience = 5 * time.Second

// Switch makes the generation that was built live, at once for all who read it:
// whoever reads sees the one or the other, each as of a moment. It does so only
// when the new one lacks nothing that the live one shows; else it fails with
// ErrLags, and with ErrNotBuilt when there is none. The live one is folded on as
// the former, and the one that was former is retired: Retire drops it.
//
// Dies the process before the registration is written, nothing is changed;
// after it, all is, and what is retired is dropped by the next Retire.
func (r *Rebuilder) Switch(ctx context.Context, name string) error {
	return r.choose(ctx, name, func(reg *docstore.Registration) (int, error) {
		b := reg.Building
		switch {
		case b == nil:
			return 0, fmt.Errorf("%w: nothing is built of %s; rebuild it", ErrNotBuilt, name)
		case b.Bulk:
			return 0, fmt.Errorf("%w: generation %d of %s is not whole; rebuild goes on with it", ErrNotBuilt, b.Generation, name)
		}
		if reg.Former != 0 {
			reg.Retired = append(reg.Retired, reg.Former)
		}
		reg.Former, reg.Live, reg.Building = reg.Live, b.Generation, nil
		return b.Generation, nil
	})
}

// Rollback makes the former generation live again, and the live one the former.
// It was folded all the while, so nothing comes back that was revoked since; if
// it was not, Rollback fails with ErrLags. It fails with ErrNotBuilt when there
// is no former one.
func (r *Rebuilder) Rollback(ctx context.Context, name string) error {
	return r.choose(ctx, name, func(reg *docstore.Registration) (int, error) {
		if reg.Former == 0 {
			return 0, fmt.Errorf("%w: %s has no former generation", ErrNotBuilt, name)
		}
		reg.Former, reg.Live = reg.Live, reg.Former
		return reg.Live, nil
	})
}

// choose makes another generation live, which change says. Nobody folds the
// live one meanwhile, in any process: so what was compared stays true until the
// registration is written, and a reader never goes back in time.
func (r *Rebuilder) choose(ctx context.Context, name string, change func(*docstore.Registration) (int, error)) error {
	m, err := r.one(name)
	if err != nil {
		return err
	}
	was, err := r.Mongo.Registration(ctx, m.name, m.version)
	if err != nil {
		return err
	}
	is := was.Clone()
	chosen, err := change(&is)
	if err != nil {
		return err
	}
	if was.Live == 0 {
		return r.choosing(ctx, m, was, is)
	}
	return r.Log.Hold(ctx, m.model(was.Live).String(), func(ctx context.Context) error {
		if err := r.level(ctx, m, chosen, was.Live); err != nil {
			return err
		}
		return r.choosing(ctx, m, was, is)
	})
}

// choosing writes the registration, unless another one was written since.
func (r *Rebuilder) choosing(ctx context.Context, m readModel, was, is docstore.Registration) error {
	done, err := r.Mongo.Register(ctx, was, is)
	if err != nil {
		return err
	}
	if !done {
		return fmt.Errorf("%w: of %s; look at its status", errRaces, m.name)
	}
	announceGenerations(ctx, r.Redis)
	return nil
}

// level waits until a generation lacks nothing that another one shows, which
// stands still.
func (r *Rebuilder) level(ctx context.Context, m readModel, generation, other int) error {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := r.until(limited, func() (bool, error) {
		behind, err := m.behind(limited, r.stores(), generation, other)
		return !behind, err
	})
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("%w: generation %d of %s; does a projector run? (%w)", ErrLags, generation, m.name, err)
	}
	return err
}

// documentsBehind compares checkpoints: all of a generation in MongoDB is as far
// as its checkpoint, at least.
func documentsBehind(ctx context.Context, m *docstore.Mongo, generation, other docstore.Model) (bool, error) {
	its, err := m.Checkpoint(ctx, generation)
	if err != nil {
		return false, err
	}
	others, err := m.Checkpoint(ctx, other)
	return its.Position < others.Position, err
}

// partitionsBehind compares partition by partition. One that is not ready is
// behind.
func partitionsBehind[T any](ctx context.Context, generation, other docstore.Partitions[T]) (bool, error) {
	its, err := generation.States(ctx)
	if err != nil {
		return false, err
	}
	others, err := other.States(ctx)
	if err != nil {
		return false, err
	}
	for i := range its {
		if !its[i].Ready || its[i].Checkpoint.Position < others[i].Checkpoint.Position {
			return true, nil
		}
	}
	return false, nil
}
