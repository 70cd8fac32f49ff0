package main

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	t.Parallel()
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(100-i))
	}
	for name, tt := range map[string]struct {
		of   []time.Duration
		p    int
		want time.Duration
	}{
		"of none":             {nil, 99, 0},
		"of one":              {hundred[:1], 99, 100},
		"of a hundred":        {hundred, 99, 99},
		"the half":            {hundred, 50, 50},
		"all":                 {hundred, 100, 100},
		"of few, the longest": {[]time.Duration{3, 1, 2}, 99, 3},
	} {
		if got := percentile(tt.of, tt.p); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}

// Something that hangs holds up nobody who comes after it, and is counted from
// its own time.
func TestAnOpenLoopWaitsForNobody(t *testing.T) {
	t.Parallel()
	var begun atomic.Int32
	last := make(chan struct{})
	took, err := openLoop(t.Context(), 1000, 10*time.Millisecond, func(ctx context.Context, i int) error {
		if begun.Add(1) == 10 {
			close(last)
		}
		if i > 0 {
			return nil
		}
		select {
		case <-last:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(10 * time.Second):
			return errors.New("the last was not begun while the first was at it")
		}
	})
	if err != nil || len(took) != 10 || took[0] < 9*time.Millisecond {
		t.Errorf("took %v, %v", took, err)
	}
}

func TestAnOpenLoopEndsWithTheFirstFailure(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	_, err := openLoop(t.Context(), 1000, time.Hour, func(context.Context, int) error { return broken })
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
