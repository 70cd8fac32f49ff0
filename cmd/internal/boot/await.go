package boot

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// A store that is away is tried again this soon at first and this late at last,
// and spoken of this often.
const (
	soonest = 200 * time.Millisecond
	latest  = 5 * time.Second
	remind  = 30 * time.Second
)

// hopeless is an error that waiting does not mend: a setting is wrong, or the
// store is not set up.
type hopeless struct{ error }

func (h hopeless) Unwrap() error { return h.error }

// stuck marks an error as hopeless, and says in front of it what to do.
func stuck(err error, remedy string) error {
	return hopeless{fmt.Errorf("boot: %s: %w", remedy, err)}
}

// await tries until the store is there. Until then the process is not ready,
// and says so. It fails when trying again cannot help, or when ctx ends.
func (r *Running) await(ctx context.Context, store string, try func(context.Context) error) error {
	var last atomic.Pointer[error]
	r.Ready.Need(Check{store, func(context.Context) error {
		if err := last.Load(); err != nil {
			return *err
		}
		return errors.New("boot: not reached yet")
	}})
	began, spoke := time.Now(), time.Time{}
	for pause := soonest; ; pause = min(2*pause, latest) {
		err := tryOnce(ctx, try)
		switch {
		case err == nil && spoke.IsZero():
			return nil
		case err == nil:
			r.Logger.InfoContext(ctx, "the store is there", "store", store, "after", time.Since(began).Round(time.Millisecond).String())
			return nil
		case errors.As(err, new(hopeless)):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		last.Store(&err)
		if time.Since(spoke) > remind {
			spoke = time.Now()
			r.Logger.WarnContext(ctx, "a store cannot be reached; trying again until it can", "store", store, "error", err)
		}
		if err := wait(ctx, pause); err != nil {
			return err
		}
	}
}

// once is for those who do not wait: an operator at his terminal.
func once(ctx context.Context, _ string, try func(context.Context) error) error {
	return tryOnce(ctx, try)
}

// tryTime is how long one try may take.
const tryTime = 10 * time.Second

func tryOnce(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	return try(ctx)
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// Hopeless marks an error as one that trying again does not mend.
func Hopeless(err error) error {
	if err == nil {
		return nil
	}
	return hopeless{err}
}
