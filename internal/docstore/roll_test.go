package docstore

import (
	"errors"
	"slices"
	"testing"
	"time"

	"tenure/internal/testkit"
)

func TestTheRoll(t *testing.T) {
	t.Parallel()
	l := RollIn(testRedis(t), "test")
	sign := func(what, name string, stays time.Duration, want bool) {
		t.Helper()
		if still, err := l.Sign(t.Context(), name, stays); still != want || err != nil {
			t.Errorf("%s: still on it is %v, %v, want %v", what, still, err, want)
		}
	}
	names := func() []string {
		t.Helper()
		all, err := l.Names(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(all)
		return all
	}
	if got := names(); len(got) > 0 {
		t.Errorf("before anyone signed: %v", got)
	}
	sign("the first time", "a", time.Minute, false)
	sign("again", "a", time.Minute, true)
	sign("another", "b", 50*time.Millisecond, false)
	if got := names(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("both signed: %v", got)
	}
	testkit.Eventually(t, "the other's time is over", func() bool { return slices.Equal(names(), []string{"a"}) })
	sign("after its time was over", "b", time.Minute, false)
	if err := l.Strike(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if got := names(); !slices.Equal(got, []string{"b"}) {
		t.Errorf("one was struck off: %v", got)
	}
	sign("after it was struck off", "a", time.Minute, false)
	if err := l.r.Close(); err != nil {
		t.Fatal(err)
	}
	_, signErr := l.Sign(t.Context(), "a", time.Minute)
	_, namesErr := l.Names(t.Context())
	for what, err := range map[string]error{"sign": signErr, "names": namesErr, "strike": l.Strike(t.Context(), "a")} {
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s without Redis: %v", what, err)
		}
	}
}

func TestTheRollForgetsThoseWhoseTimeIsOver(t *testing.T) {
	t.Parallel()
	l := RollIn(testRedis(t), "test")
	if _, err := l.Sign(t.Context(), "gone", time.Millisecond); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "its time is over", func() bool {
		if _, err := l.Sign(t.Context(), "here", time.Minute); err != nil {
			t.Fatal(err)
		}
		return l.r.client.ZCard(t.Context(), l.key()).Val() == 1
	})
}
