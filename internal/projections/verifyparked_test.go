package projections

import (
	"testing"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

// A parked authority is not what the log makes of it, and a repair leaves it to
// retry, which alone knows what waits beside it.
func TestARepairLeavesWhatIsParked(t *testing.T) {
	t.Parallel()
	s := newSite(t, crowded(20, 3))
	m := modelNamed("authentication")
	bad := Authorities.At(1)
	bad.Apply = func(a *Authority, k docstore.Key, e events.Recorded) {
		if k == "user/u00001" && e.Position == 22 {
			panic("an assumption that does not hold")
		}
		applyToAuthority(a, k, e)
	}
	g := inRedis(bad, s.redis, s.headOf)
	if err := foldPartitions(t.Context(), g, s.history, []events.Position{s.head()}, false); err != nil {
		t.Fatal(err)
	}
	if _, err := g.beat(t.Context()); err != nil {
		t.Fatal(err)
	}
	was, err := s.mongo.Registration(t.Context(), m.name, m.version)
	if err != nil {
		t.Fatal(err)
	}
	is := was.Clone()
	is.Live, is.Next = 1, 2
	if _, err := s.mongo.Register(t.Context(), was, is); err != nil {
		t.Fatal(err)
	}
	parked := func() (listed int, counted int64) {
		t.Helper()
		all, n, err := g.store.Parked(t.Context(), parking(), 10)
		if err != nil {
			t.Fatal(err)
		}
		return len(all), n
	}
	if c, err := s.rebuilder().Verify(t.Context(), m.name, true); err != nil || c.Different != 1 || c.Mended != 0 {
		t.Errorf("%d differ, %d are mended, %v", c.Different, c.Mended, err)
	}
	if listed, counted := parked(); listed != 1 || counted != 1 {
		t.Errorf("%d are listed, %d counted, want the one that is parked", listed, counted)
	}
	if err := NewRetry(s.mongo, s.redis, s.readAt).Run(t.Context(), m.name, nil, func(Retried) {}); err != nil {
		t.Fatal(err)
	}
	if listed, counted := parked(); listed != 0 || counted != 0 {
		t.Errorf("%d are listed, %d counted, after the retry", listed, counted)
	}
	if c, err := s.rebuilder().Verify(t.Context(), m.name, false); err != nil || c.Different != 0 {
		t.Errorf("%d differ after the retry, %v", c.Different, err)
	}
}
