package main

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"tenure/internal/feed"
	"tenure/internal/projections"
)

// An error that no retry mends is marked, which makes it another one; all
// others are handed on as they are, and tried again.
func TestWhatNoRetryMends(t *testing.T) {
	t.Parallel()
	stop := reflect.TypeOf(feed.Stop(errors.New("any")))
	for name, tt := range map[string]struct {
		err    error
		marked bool
	}{
		"an event that cannot be applied": {fmt.Errorf("users: %w", projections.ErrPoison), true},
		"another log":                     {fmt.Errorf("users: %w", projections.ErrForked), true},
		"a store that went back":          {fmt.Errorf("users: %w", projections.ErrBehind), false},
		"a store that is away":            {errors.New("away"), false},
		"nothing":                         {nil, false},
	} {
		if got := final(tt.err); !errors.Is(got, tt.err) || (reflect.TypeOf(got) == stop) != tt.marked {
			t.Errorf("%s: %v", name, got)
		}
	}
}
