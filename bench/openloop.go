package main

import (
	"context"
	"slices"
	"sync"
	"time"
)

// openLoop begins something at fixed times, so many a second, for a while, and
// tells how long after its time each was done.
func openLoop(ctx context.Context, rate int, d time.Duration, do func(ctx context.Context, i int) error) ([]time.Duration, error) {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	took := make([]time.Duration, max(1, int(d.Seconds()*float64(rate))))
	began := time.Now()
	var all sync.WaitGroup
	for i := range took {
		due := began.Add(time.Duration(i) * time.Second / time.Duration(rate))
		if !until(ctx, due) {
			break
		}
		all.Go(func() {
			if err := do(ctx, i); err != nil {
				fail(err)
			}
			took[i] = time.Since(due)
		})
	}
	all.Wait()
	return took, context.Cause(ctx)
}

// until waits for a time, and tells whether it has come.
func until(ctx context.Context, due time.Time) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(time.Until(due)):
		return true
	}
}

// percentile is the least of all that so many of a hundred do not exceed; 0 of
// none.
func percentile(all []time.Duration, p int) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}
