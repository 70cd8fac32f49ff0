package projections

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"tenure/internal/docstore"
)

// shelf is a cache with a clock of the test's own, before a store that counts
// how often it is asked.
type shelf struct {
	*AuthorityCache
	now    time.Duration
	stored map[docstore.Key]Authority
	asked  int
	during func() // what happens between the store's answer and its arrival
	err    error
}

func newShelf(bound time.Duration) *shelf {
	s := &shelf{stored: map[docstore.Key]Authority{"user/ada": {User: &UserAuth{ID: "ada"}}}}
	s.AuthorityCache = newAuthorityCache(bound, 100, func() time.Duration { return s.now })
	s.live(time.Hour)
	return s
}

// live lets the cache be used, as if everybody heard of everybody for so long.
func (s *shelf) live(until time.Duration) {
	s.hearing.Store(int64(until))
	s.known.Store(int64(until))
}

func (s *shelf) get(t *testing.T, m docstore.Model, keys ...docstore.Key) map[docstore.Key]Authority {
	t.Helper()
	docs, err := s.read(m, keys, func(missing ...docstore.Key) (map[docstore.Key]Authority, error) {
		s.asked++
		answer := make(map[docstore.Key]Authority)
		for _, k := range missing {
			if doc, ok := s.stored[k]; ok {
				answer[k] = doc
			}
		}
		if s.during != nil {
			s.during()
		}
		return answer, s.err
	})
	if !errors.Is(err, s.err) {
		t.Fatal(err)
	}
	return docs
}

// asks fails unless reading ada asks the store so many times more.
func (s *shelf) asks(t *testing.T, what string, times int, m docstore.Model, keys ...docstore.Key) {
	t.Helper()
	before := s.asked
	s.get(t, m, keys...)
	if got := s.asked - before; got != times {
		t.Errorf("%s: the store is asked %d times, want %d", what, got, times)
	}
}

func TestWhatIsKeptIsServedForTheBound(t *testing.T) {
	t.Parallel()
	s, m := newShelf(time.Second), Authorities.Model()
	s.during = func() { s.now += 300 * time.Millisecond }
	s.asks(t, "the first time", 1, m, "user/ada")
	s.asks(t, "again", 0, m, "user/ada")
	s.now = time.Second - 1
	s.asks(t, "before the bound has passed since it was asked for", 0, m, "user/ada")
	s.now = time.Second
	s.asks(t, "the bound has passed since it was asked for, not since it came", 1, m, "user/ada")
	if hits, misses := s.Counts(); hits != 2 || misses != 2 {
		t.Errorf("counted %d hits and %d misses", hits, misses)
	}
	next := m
	next.Generation++
	s.asks(t, "another generation", 1, next, "user/ada")
	s.asks(t, "that one again", 0, next, "user/ada")
}

func TestWhatIsNotKept(t *testing.T) {
	t.Parallel()
	s, m := newShelf(time.Second), Authorities.Model()
	s.asks(t, "what is not there", 1, m, "user/bob")
	s.asks(t, "what is not there, again", 1, m, "user/bob")
	s.err = docstore.ErrUnavailable
	s.asks(t, "an outage", 1, m, "user/ada")
	s.err = nil
	s.asks(t, "after the outage", 1, m, "user/ada")
	s.asks(t, "one that is kept and one that is not there", 1, m, "user/ada", "user/bob")
	s.err = docstore.ErrUnavailable
	if docs := s.get(t, m, "user/ada", "user/bob"); docs != nil {
		t.Errorf("half an outage is answered with %v", docs)
	}
}

// The old document is under way when the drop comes, and arrives after it.
func TestWhatWasDroppedUnderWayIsNotServed(t *testing.T) {
	t.Parallel()
	for name, drop := range map[string]func(*shelf){
		"by name": func(s *shelf) { s.drop([]uint32{markOf("user/ada")}) },
		"all":     func(s *shelf) { s.dropAll() },
	} {
		s, m := newShelf(time.Second), Authorities.Model()
		s.during = func() { drop(s) }
		s.asks(t, name+": the old one", 1, m, "user/ada")
		s.during = nil
		s.asks(t, name+": after it", 1, m, "user/ada")
		s.asks(t, name+": the new one", 0, m, "user/ada")
		drop(s)
		s.asks(t, name+": what is kept", 1, m, "user/ada")
	}
}

func TestADropDropsNoOther(t *testing.T) {
	t.Parallel()
	s, m := newShelf(time.Second), Authorities.Model()
	s.stored["user/eve"] = Authority{User: &UserAuth{ID: "eve"}}
	s.get(t, m, "user/ada", "user/eve")
	s.drop([]uint32{markOf("user/eve")})
	s.asks(t, "the other", 0, m, "user/ada")
	s.asks(t, "the dropped one", 1, m, "user/eve")
}

func TestOneThatNobodyTellsOrKnowsOfKeepsNothing(t *testing.T) {
	t.Parallel()
	s, m := newShelf(time.Second), Authorities.Model()
	s.live(0)
	s.asks(t, "before anything was heard", 1, m, "user/ada")
	s.known.Store(int64(time.Hour))
	s.asks(t, "on the roll, and deaf", 1, m, "user/ada")
	s.heard()
	s.asks(t, "now it hears", 0, m, "user/ada")
	s.now += time.Second
	s.get(t, m, "user/ada")
	s.asks(t, "silence for the bound", 1, m, "user/ada")
	s.heard()
	s.asks(t, "it hears again", 0, m, "user/ada")
	s.knownUntil(s.now)
	s.asks(t, "no longer on the roll", 1, m, "user/ada")
}

func TestOneOfSeveralHashesIsEnough(t *testing.T) {
	t.Parallel()
	s, m := newShelf(time.Second), Authorities.Model()
	s.get(t, m, "user/other", "user/ada")
	if docs := s.first(m, []docstore.Key{"user/other", "user/ada"}); len(docs) != 1 || docs["user/ada"].User == nil {
		t.Errorf("got %v, want the one that is kept", docs)
	}
	s.dropAll()
	if docs := s.first(m, []docstore.Key{"user/other", "user/ada"}); docs != nil {
		t.Errorf("got %v of what was dropped", docs)
	}
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	t.Parallel()
	s, m := newShelf(time.Second), Authorities.Model()
	for n := range 5000 {
		k := docstore.Key(fmt.Sprint("user/", n))
		s.stored[k] = Authority{User: &UserAuth{}}
		s.get(t, m, k)
	}
	s.kept.CleanUp()
	if n := s.kept.EstimatedSize(); n > 100 {
		t.Errorf("%d documents are kept, where there is room for 100", n)
	}
}
