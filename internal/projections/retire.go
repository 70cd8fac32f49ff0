package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tenure/internal/docstore"
)

// lease is how long a generation that was retired may still be read or folded
// by somebody who has not heard of it.
const lease = 3 * believedBeats / 2 * beatEvery

// Cancel gives up the generation that is on its way, and drops what there is of
// it. It fails with ErrNotBuilt when there is none.
func (r *Rebuilder) Cancel(ctx context.Context, name string) error {
	return r.giveUp(ctx, name, func(reg *docstore.Registration) error {
		if reg.Building == nil {
			return fmt.Errorf("%w: nothing is built of %s", ErrNotBuilt, name)
		}
		reg.Retired = append(reg.Retired, reg.Building.Generation)
		reg.Building = nil
		return nil
	})
}

// Retire ends the folding of the former generation, to which nobody can go back
// then, and drops it and all that was retired before.
func (r *Rebuilder) Retire(ctx context.Context, name string) error {
	return r.giveUp(ctx, name, func(reg *docstore.Registration) error {
		if reg.Former == 0 {
			return errUnchanged
		}
		reg.Retired = append(reg.Retired, reg.Former)
		reg.Former = 0
		return nil
	})
}

// Sweep drops what was retired.
func (r *Rebuilder) Sweep(ctx context.Context, name string) error {
	return r.giveUp(ctx, name, func(*docstore.Registration) error { return errUnchanged })
}

func (r *Rebuilder) giveUp(ctx context.Context, name string, change func(*docstore.Registration) error) error {
	m, err := r.one(name)
	if err != nil {
		return err
	}
	reg, err := register(ctx, r.stores(), m, change)
	if err != nil || len(reg.Retired) == 0 {
		return err
	}
	// Whoever still folds it would begin it anew after it was dropped, and
	// whoever still reads it would take its absence for an answer.
	// In Redis it stands as it was: rights would be honoured there that have been
	// taken away since. Who still folds it may mark it once more, for a beat.
	for _, wait := range []time.Duration{3 * beatEvery, lease} {
		if err := r.unread(ctx, m, reg.Retired); err != nil {
			return err
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
	for _, generation := range reg.Retired {
		if err := m.drop(ctx, r.stores(), generation); err != nil {
			return err
		}
	}
	_, err = register(ctx, r.stores(), m, func(now *docstore.Registration) error {
		now.Retired = slices.DeleteFunc(now.Retired, func(g int) bool { return slices.Contains(reg.Retired, g) })
		return nil
	})
	return err
}

func (r *Rebuilder) unread(ctx context.Context, m readModel, retired []int) error {
	if m.unread == nil {
		return nil
	}
	for _, generation := range retired {
		if err := m.unread(ctx, r.stores(), generation); err != nil {
			return err
		}
	}
	return nil
}

// errInterrupted says that what was retired is still there.
var errInterrupted = errors.New("projections: interrupted; what was retired is dropped by the next retire")

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return errInterrupted
	case <-timer.C:
		return nil
	}
}
