package eventlog_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

// holder tells who holds a claim; the zero stream when nobody does.
func (b bench) holder(t testing.TB, value string) events.Stream {
	t.Helper()
	s, held, err := eventlog.ReadClaim(t.Context(), b.writer, events.Platform, "email", value)
	if err != nil || held != (s != events.Stream{}) {
		t.Fatalf("who holds %s: %v %t, %v", value, s, held, err)
	}
	return s
}

// filed tells which users are filed under a value.
func (b bench) filed(t testing.TB, value string) []string {
	t.Helper()
	streams, err := eventlog.ReadLookup(t.Context(), b.writer, events.Platform, "team", value, 10)
	if err != nil {
		t.Fatal(err)
	}
	var users []string
	for _, s := range streams {
		users = append(users, s.ID)
	}
	return users
}

func TestARaceForAClaimHasOneWinner(t *testing.T) {
	t.Parallel()
	b := open(t)
	second := start(t, writerPool(t, b.url, nil), eventlog.Config{})
	answers := make(chan error, 50)
	for i := range 50 {
		user, a := fmt.Sprint("u", i), b.Appender
		if i%2 == 1 {
			a = second
		}
		go func() {
			_, err := a.Append(t.Context(), with(created(user), func(c *eventlog.Command) { c.Take = []eventlog.Claim{claim(user, "wanted")} }))
			answers <- err
		}()
	}
	won := 0
	for range 50 {
		var taken *eventlog.TakenError
		switch err := <-answers; {
		case err == nil:
			won++
		case !errors.As(err, &taken) || taken.Kind != "email" || taken.Index != 0:
			t.Error(err)
		}
	}
	log := b.all(t)
	if won != 1 || len(log) != 1 {
		t.Fatalf("%d won, %d events; want 1 and 1", won, len(log))
	}
	if got := b.holder(t, "wanted"); got != log[0].Stream {
		t.Errorf("it is held by %v, want %v", got, log[0].Stream)
	}
}

func TestAClaimIsHeldUntilItsHolderReleasesIt(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.must(t, with(created("ada"), func(c *eventlog.Command) { c.Take = []eventlog.Claim{claim("ada", "one"), claim("ada", "two")} }))
	b.must(t, created("bob"))
	for name, tt := range map[string]struct {
		change func(*eventlog.Command)
		want   error
	}{
		"another takes it":    {func(c *eventlog.Command) { c.Take = []eventlog.Claim{claim("bob", "free"), claim("bob", "two")} }, eventlog.ErrTaken},
		"another releases it": {func(c *eventlog.Command) { c.Release = []eventlog.Claim{claim("bob", "one")} }, eventlog.ErrNotHeld},
		"another releases and takes it": {func(c *eventlog.Command) {
			c.Release, c.Take = []eventlog.Claim{claim("bob", "one")}, []eventlog.Claim{claim("bob", "one")}
		}, eventlog.ErrNotHeld},
		"one releases what nobody holds": {func(c *eventlog.Command) { c.Release = []eventlog.Claim{claim("bob", "free")} }, eventlog.ErrNotHeld},
		"its holder takes it again":      {func(c *eventlog.Command) { c.Take = []eventlog.Claim{claim("ada", "one")} }, eventlog.ErrTaken},
	} {
		_, err := b.Append(t.Context(), with(renamed("bob", 1), tt.change))
		var taken *eventlog.TakenError
		if !errors.Is(err, tt.want) || errors.As(err, &taken) && name == "another takes it" && taken.Index != 1 {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
	if b.holder(t, "one") != stream("ada") || b.holder(t, "two") != stream("ada") || b.holder(t, "free") != (events.Stream{}) {
		t.Error("a claim has another holder than before")
	}
	b.must(t, with(renamed("ada", 1), func(c *eventlog.Command) { c.Release = []eventlog.Claim{claim("ada", "one")} }))
	b.must(t, with(renamed("bob", 1), func(c *eventlog.Command) { c.Take = []eventlog.Claim{claim("bob", "one")} }))
	if got := b.holder(t, "one"); got != stream("bob") {
		t.Errorf("one is held by %v, want bob", got)
	}
}

func TestOneCommandHandsAClaimOver(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.must(t, with(created("ada"), func(c *eventlog.Command) { c.Take = []eventlog.Claim{claim("ada", "v")} }))
	b.must(t, with(created("bob"), func(c *eventlog.Command) {
		c.Writes = append(c.Writes, write("ada", 1, events.UserRenamed{}))
		c.Release, c.Take = []eventlog.Claim{claim("ada", "v")}, []eventlog.Claim{claim("bob", "v")}
	}))
	if got := b.holder(t, "v"); got != stream("bob") {
		t.Errorf("held by %v, want bob", got)
	}
}

// Who takes must come after who releases, not beside him.
func TestAClaimThatIsReleasedAndTakenAtOnceGoesOneWayOrTheOther(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.must(t, with(created("ada"), func(c *eventlog.Command) { c.Take = []eventlog.Claim{claim("ada", "v")} }))
	release := with(renamed("ada", 1), func(c *eventlog.Command) { c.Release = []eventlog.Claim{claim("ada", "v")} })
	take := with(created("bob"), func(c *eventlog.Command) { c.Take = []eventlog.Claim{claim("bob", "v")} })
	early := with(created("cy"), func(c *eventlog.Command) { c.Take = []eventlog.Claim{claim("cy", "v")} })
	results := b.together(t, early, release, take)
	if !errors.Is(results[0].err, eventlog.ErrTaken) || results[1].err != nil || results[2].err != nil {
		t.Errorf("too early: %v; release: %v; take: %v", results[0].err, results[1].err, results[2].err)
	}
	if got := b.holder(t, "v"); got != stream("bob") {
		t.Errorf("held by %v, want bob", got)
	}
}

func TestWhatIsFiledIsFoundAndOnlyOnce(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.must(t, with(created("ada"), func(c *eventlog.Command) {
		c.Add = []eventlog.Lookup{lookup("ada", "v"), lookup("ada", "w"), lookup("ada", "v")}
	}))
	b.must(t, with(created("bob"), func(c *eventlog.Command) { c.Add = []eventlog.Lookup{lookup("bob", "v")} }))
	b.must(t, with(renamed("ada", 1), func(c *eventlog.Command) {
		c.Add = []eventlog.Lookup{lookup("ada", "v")}                                 // it is there
		c.Remove = []eventlog.Lookup{lookup("nobody", "v"), lookup("ada", "nowhere")} // they are not
	}))
	if diff := cmp.Diff([]string{"ada", "bob"}, b.filed(t, "v")); diff != "" {
		t.Errorf("under v (-want +got):\n%s", diff)
	}
	b.must(t, with(renamed("ada", 2), func(c *eventlog.Command) { c.Remove = []eventlog.Lookup{lookup("ada", "v")} }))
	if got := append(b.filed(t, "v"), b.filed(t, "w")...); !slices.Equal(got, []string{"bob", "ada"}) {
		t.Errorf("under v and w: %v, want bob and ada", got)
	}
	if one, err := eventlog.ReadLookup(t.Context(), b.writer, events.Platform, "team", "v", 0); err != nil || len(one) != 0 {
		t.Errorf("none of them: %v, %v", one, err)
	}
}

// Commands of one batch come after each other all the same, in the order of
// their positions.
func TestAddingAndRemovingAtOnceIsAddingThenRemoving(t *testing.T) {
	t.Parallel()
	b := open(t)
	add := func(user, value string) eventlog.Command {
		return with(created(user+" adds "+value), func(c *eventlog.Command) { c.Add = []eventlog.Lookup{lookup(user, value)} })
	}
	remove := func(user, value string) eventlog.Command {
		return with(created(user+" removes "+value), func(c *eventlog.Command) { c.Remove = []eventlog.Lookup{lookup(user, value)} })
	}
	for i, r := range b.together(t, add("ada", "v"), remove("ada", "v"), add("bob", "v"), remove("cy", "w"), add("cy", "w")) {
		if r.err != nil {
			t.Fatalf("command %d: %v", i, r.err)
		}
	}
	last := map[string]string{}
	for _, e := range b.all(t) {
		last[e.Stream.ID] = fmt.Sprintf("%03d", e.Position)
	}
	wantAda := last["ada adds v"] > last["ada removes v"]
	wantCy := last["cy adds w"] > last["cy removes w"]
	if got := slices.Contains(b.filed(t, "v"), "ada"); got != wantAda {
		t.Errorf("ada is filed: %t, want %t", got, wantAda)
	}
	if got := slices.Contains(b.filed(t, "w"), "cy"); got != wantCy {
		t.Errorf("cy is filed: %t, want %t", got, wantCy)
	}
}

// Seen is what a decision about a whole set rests on: of two who each saw room
// for one, the second is told.
func TestASetThatWasSeenIsAsItWasSeen(t *testing.T) {
	t.Parallel()
	b := open(t)
	join := func(user string, count int) eventlog.Command {
		return with(created(user), func(c *eventlog.Command) {
			c.Seen, c.Add = []eventlog.Seen{seen("team", count)}, []eventlog.Lookup{lookup(user, "team")}
		})
	}
	look := func(user string, count int) eventlog.Command {
		return with(created(user), func(c *eventlog.Command) { c.Seen = []eventlog.Seen{seen("team", count), seen("none", 0)} })
	}
	for i, r := range b.together(t, look("one", 0), look("two", 0), look("three", 1)) {
		if want := []error{nil, nil, eventlog.ErrSetChanged}[i]; !errors.Is(r.err, want) {
			t.Errorf("who looks as number %d: got %v, want %v", i, r.err, want)
		}
	}
	for i, r := range b.together(t, join("ada", 0), join("bob", 0), join("cy", 1)) {
		if want := []error{nil, eventlog.ErrSetChanged, nil}[i]; !errors.Is(r.err, want) {
			t.Errorf("who joins as number %d: got %v, want %v", i, r.err, want)
		}
	}
	if diff := cmp.Diff([]string{"ada", "cy"}, b.filed(t, "team")); diff != "" {
		t.Errorf("the team (-want +got):\n%s", diff)
	}
}
