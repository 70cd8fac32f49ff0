package eventlog_test

import (
	"testing"
	"time"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

func TestStreamsAreReadInTheOrderAsked(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.must(t, created("ada"))
	b.must(t, created("bob"))
	b.must(t, renamed("ada", 1))
	b.must(t, with(renamed("ada", 2), func(c *eventlog.Command) {
		c.Writes[0].Events = append(c.Writes[0].Events, write("ada", 3, events.UserDeleted{User: "ada"}).Events...)
	}))
	elsewhere := events.UserStream("another tenant", "ada")
	got, err := eventlog.ReadStreams(t.Context(), b.owner, []events.Stream{stream("bob"), elsewhere, stream("nobody"), stream("ada"), stream("bob")})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]events.Position{{2}, nil, nil, {1, 3, 4, 5}, {2}} {
		if len(got[i]) != len(want) {
			t.Fatalf("stream %d has %d events, want %d", i, len(got[i]), len(want))
		}
		for j, e := range got[i] {
			if e.Position != want[j] || e.Version != events.Version(j+1) {
				t.Errorf("stream %d: version %d at %d, want version %d at %d", i, e.Version, e.Position, j+1, want[j])
			}
		}
	}
	if got, err := eventlog.ReadStreams(t.Context(), b.owner, nil); err != nil || len(got) != 0 {
		t.Errorf("no streams: %v, %v", got, err)
	}
}

func TestAPositionIsFoundByItsTime(t *testing.T) {
	t.Parallel()
	b := open(t)
	at := func(seconds int) time.Time { return time.Date(2026, 1, 1, 0, 0, seconds, 0, time.UTC) }
	check := func(name string, t0 time.Time, want events.Position) {
		t.Helper()
		if got, err := eventlog.PositionAt(t.Context(), b.owner, t0); err != nil || got != want {
			t.Errorf("%s: position %d, want %d (%v)", name, got, want, err)
		}
	}
	check("an empty log", at(5), 0)
	for n, second := range []int{10, 20, 20, 20, 20, 30, 30, 40} { // positions 1 to 8
		b.exec(t, `insert into event_log values ($1, 'platform', 'user', 'ada', $1, gen_random_uuid(), 'user.enabled', 1, '{}', '{}', $2)`, n+1, at(second))
	}
	check("before all", at(9), 0)
	check("at the first", at(10), 0)
	check("after the first", at(10).Add(time.Microsecond), 1)
	check("at several of one time", at(20), 1)
	check("after several of one time", at(21), 5)
	check("at two of one time", at(30), 5)
	check("between", at(35), 7)
	check("at the last", at(40), 7)
	check("after the last", at(41), 8)
	check("in another zone", at(35).In(time.FixedZone("east", 3600*8)), 7)
	for n := 9; n <= 40; n++ {
		check("as it grows", at(41+n), events.Position(n-1))
		b.exec(t, `insert into event_log values ($1, 'platform', 'user', 'ada', $1, gen_random_uuid(), 'user.enabled', 1, '{}', '{}', $2)`, n, at(41+n))
	}
}
