package identity_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"tenure/internal/docstore"
	"tenure/internal/fault"
	"tenure/internal/identity"
	"tenure/internal/testkit"
)

func openRedis(t *testing.T, url, prefix string) *docstore.Redis {
	t.Helper()
	r, err := docstore.OpenRedis(t.Context(), url, docstore.RedisOptions{Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// Of many at once, through two processes, as many pass as may.
func TestALimitCountsOverAllProcesses(t *testing.T) {
	t.Parallel()
	url, prefix := testkit.RedisURL(t)
	most := map[identity.Act]int{identity.KeyOperations: 5, identity.UserCreations: 0}
	one, two := identity.NewLimiter(openRedis(t, url, prefix), most), identity.NewLimiter(openRedis(t, url, prefix), most)
	var group sync.WaitGroup
	errs := make([]error, 20)
	for i := range errs {
		l := one
		if i%2 == 1 {
			l = two
		}
		group.Go(func() { errs[i] = l.Allow(t.Context(), identity.KeyOperations, "ada") })
	}
	group.Wait()
	passed := 0
	for _, err := range errs {
		f := fault.As(err)
		switch {
		case err == nil:
			passed++
		case f == nil || f.Kind != fault.Limited || f.Code != "rate_limited" || f.RetryAfter < time.Second || f.RetryAfter > 13*time.Second || !strings.Contains(f.Text, " 5 "):
			t.Errorf("got %v", err)
		}
	}
	if passed != 5 {
		t.Errorf("%d passed, want 5", passed)
	}
	for what, err := range map[string]error{
		"another subject":       one.Allow(t.Context(), identity.KeyOperations, "bob"),
		"an act without bounds": one.Allow(t.Context(), identity.UserCreations, "ada"),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestWhatIsCountedLiesUnderThePrefix(t *testing.T) {
	t.Parallel()
	url, prefix := testkit.RedisURL(t)
	r := openRedis(t, url, prefix)
	if err := identity.NewLimiter(r, map[identity.Act]int{identity.KeyOperations: 5}).Allow(t.Context(), identity.KeyOperations, "ada"); err != nil {
		t.Fatal(err)
	}
	key := prefix + "rate:key_operations:ada"
	if left, err := r.Client().TTL(t.Context(), key).Result(); err != nil || left <= 0 || left > time.Minute {
		t.Errorf("%s lives for %s, %v", key, left, err)
	}
}

func TestWithoutRedisNothingIsLetThrough(t *testing.T) {
	t.Parallel()
	url, prefix := testkit.RedisURL(t)
	r := openRedis(t, url, prefix)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	err := identity.NewLimiter(r, map[identity.Act]int{identity.KeyOperations: 5}).Allow(context.Background(), identity.KeyOperations, "ada")
	if f := fault.As(err); f == nil || f.Kind != fault.Unavailable {
		t.Errorf("got %v, want an Unavailable fault", err)
	}
}
