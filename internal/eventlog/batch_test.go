package eventlog_test

import (
	"fmt"
	"strings"
	"testing"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

// batchesOf holds commands back, lets them go, and tells how many went in each
// batch.
func (b bench) batchesOf(t testing.TB, commands ...eventlog.Command) []int {
	t.Helper()
	b.hold(t)
	before := len(b.gate.batches())
	answers := make([]<-chan result, len(commands))
	for i, c := range commands {
		answers[i] = b.begin(t.Context(), t, c)
	}
	b.gate.open()
	for _, answer := range answers {
		<-answer
	}
	return b.gate.batches()[before:]
}

func TestWhatCommandsOfOneBatchMayShare(t *testing.T) {
	t.Parallel()
	b := open(t)
	reads := func(user, other string) eventlog.Command {
		return with(created(user), func(c *eventlog.Command) { c.Reads = []eventlog.Read{{Stream: stream(other)}} })
	}
	takes := func(user, value string) eventlog.Command {
		return with(created(user), func(c *eventlog.Command) { c.Take = []eventlog.Claim{claim(user, value)} })
	}
	releases := func(user, value string) eventlog.Command {
		return with(created(user), func(c *eventlog.Command) { c.Release = []eventlog.Claim{claim(user, value)} })
	}
	adds := func(user, value string) eventlog.Command {
		return with(created(user), func(c *eventlog.Command) { c.Add = []eventlog.Lookup{lookup(user, value)} })
	}
	sees := func(user, value string) eventlog.Command {
		return with(created(user), func(c *eventlog.Command) { c.Seen = []eventlog.Seen{seen(value, 0)} })
	}
	twoEvents := created("two")
	twoEvents.Writes[0].Events = append(twoEvents.Writes[0].Events, write("two", 1, events.UserEnabled{}).Events...)
	sameID := created("same")
	sameID.Writes[0].Events[0].ID = twoEvents.Writes[0].Events[1].ID
	for name, tt := range map[string]struct {
		one, two eventlog.Command
		together bool
	}{
		"nothing":                       {created("a"), created("b"), true},
		"a stream that both read":       {reads("c", "z"), reads("d", "z"), true},
		"a stream that both write":      {created("e"), renamed("e", 1), false},
		"a stream read, then written":   {reads("f", "g"), created("g"), false},
		"a stream written, then read":   {created("h"), reads("i", "h"), false},
		"a claim that both take":        {takes("j", "j"), takes("k", "j"), false},
		"a claim released, then taken":  {releases("l", "l"), takes("m", "l"), false},
		"a claim that both release":     {releases("n", "n"), releases("o", "n"), false},
		"a value that both file under":  {adds("p", "p"), adds("q", "p"), true},
		"a set that both have seen":     {sees("r", "r"), sees("s", "r"), true},
		"a set seen, then changed":      {sees("t", "t"), adds("u", "t"), false},
		"a set changed, then seen":      {adds("v", "v"), sees("w", "v"), false},
		"a key":                         {keyed("x", "x", "h"), keyed("y", "x", "h"), false},
		"an event id, though not first": {twoEvents, sameID, false},
	} {
		batches := b.batchesOf(t, tt.one, tt.two)
		if got := len(batches) == 1; got != tt.together {
			t.Errorf("%s: batches of %v", name, batches)
		}
	}
}

// Who does not fit goes first the next time, so that nobody waits for ever.
func TestWhoDoesNotFitIsNotPassedForEver(t *testing.T) {
	t.Parallel()
	b := open(t)
	commands := []eventlog.Command{created("ada"), renamed("ada", 1), renamed("ada", 2), created("bob"), renamed("ada", 3)}
	b.batchesOf(t, commands...)
	log := b.all(t)
	for i, want := range []string{"ada", "bob", "ada", "ada", "ada"} { // after the plug
		if got := log[i+1]; got.Stream.ID != want {
			t.Errorf("at %d: %s, want %s", got.Position, got.Stream.ID, want)
		}
	}
}

func TestABatchIsBounded(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", 200<<10)
	for name, tt := range map[string]struct {
		n, most int
		command func(user string) eventlog.Command
	}{
		"in commands": {1100, 1000, created},
		"in bytes of events": {45, 20, func(user string) eventlog.Command {
			return next(user, 0, events.UserRenamed{Name: large})
		}},
		"in bytes of answers": {45, 20, func(user string) eventlog.Command {
			return with(created(user), func(c *eventlog.Command) {
				c.Idempotency = idempotency(user, "h")
				c.Idempotency.Response = large
			})
		}},
		"in bytes of lookups": {45, 20, func(user string) eventlog.Command {
			return with(created(user), func(c *eventlog.Command) {
				for range 480 {
					c.Remove = append(c.Remove, lookup(user, large[:400]))
				}
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			commands := make([]eventlog.Command, tt.n)
			for i := range commands {
				commands[i] = tt.command(fmt.Sprint("u", i))
			}
			b.atOnce(t, commands...)
			sizes := b.gate.batches()[1:]
			sum := 0
			for _, n := range sizes {
				if sum += n; n > tt.most {
					t.Errorf("a batch of %d, want at most %d: %v", n, tt.most, sizes)
				}
			}
			if sum != tt.n || len(sizes) > 5 {
				t.Errorf("%d commands in batches of %v, want %d in as few as fit", sum, sizes, tt.n)
			}
		})
	}
}
