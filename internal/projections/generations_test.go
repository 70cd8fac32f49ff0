package projections

import (
	"errors"
	"testing"

	"tenure/internal/docstore"
	"tenure/internal/testkit"
)

func TestNobodyKnowsMeansNothingIsRead(t *testing.T) {
	t.Parallel()
	m := mongo(t)
	for name, live := range map[string]Live{"nobody": nil, "an empty registry": NewGenerations(m, nil).Live} {
		_, list := (&UserQueries{Mongo: m, Live: live}).List(t.Context(), root.UserScope(), UserFilter{}, Page{})
		_, get := (&UserQueries{Mongo: m, Live: live}).Get(t.Context(), root.UserScope(), "ada")
		_, names := (&SupplierQueries{Mongo: m, Live: live}).Named(t.Context(), nil)
		_, of := (&MembershipQueries{Mongo: m, Live: live}).Of(t.Context(), root.UserScope(), User{ID: "ada", Many: true})
		_, who := (&Authentication{Live: live}).ByUser(t.Context(), "ada", "")
		for what, err := range map[string]error{"list": list, "get": get, "names": names, "memberships": of, "who": who} {
			if !errors.Is(err, docstore.ErrUnavailable) || errors.Is(err, docstore.ErrNotFound) {
				t.Errorf("%s, asked by %s: %v, want ErrUnavailable", name, what, err)
			}
		}
	}
}

// Of two who change a registration at once, one is told that it did not.
func TestARegistrationIsChangedByOneAtATime(t *testing.T) {
	t.Parallel()
	m := mongo(t)
	was, err := m.Registration(t.Context(), "users", 7)
	if err != nil || was.Next != 1 || was.Live != 0 {
		t.Fatalf("of what nobody registered: %+v, %v", was, err)
	}
	for range 2 { // the first time it is not there yet
		one, other := was.Clone(), was.Clone()
		one.Live, other.Live = 1, 2
		if done, err := m.Register(t.Context(), was, one); !done || err != nil {
			t.Fatal(done, err)
		}
		if done, err := m.Register(t.Context(), was, other); done || err != nil {
			t.Errorf("a second one has changed the same: %v, %v", done, err)
		}
		if was, err = m.Registration(t.Context(), "users", 7); err != nil || was.Live != 1 {
			t.Errorf("registered %+v, %v", was, err)
		}
	}
}

// What is live is believed for a while without the store. Then MongoDB's models
// are not read, and Redis's are, where what was dropped is never ready.
func TestWhatIsLiveIsBelievedForAWhile(t *testing.T) {
	t.Parallel()
	s := newSite(t, aFewOfEach())
	url := testkit.MongoURL(t)
	s.mongo = openMongo(t, url, nil)
	s.folds(s.projector())
	for _, r := range readModels() {
		s.live(r, 1)
	}
	down := make(chan struct{})
	address, _ := through(t, url, down)
	g := NewGenerations(openMongo(t, address, nil), s.redis)
	running(t, g.Run)
	testkit.Eventually(t, "it is known what is live", func() bool { return g.Ready(t.Context()) == nil })
	close(down)
	if err := g.Ready(t.Context()); err != nil {
		t.Errorf("at once: %v", err)
	}
	testkit.Eventually(t, "it is believed no longer", func() bool {
		_, err := g.Live("users", Users.Version)
		return errors.Is(err, ErrUnavailable)
	})
	if _, err := g.Live("authentication", Authorities.Version); err != nil {
		t.Errorf("who is calling cannot be told either: %v", err)
	}
}
