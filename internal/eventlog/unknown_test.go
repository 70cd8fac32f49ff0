package eventlog_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

// Whatever becomes of a connection, the log, the tables beside it and what the
// callers are told must be the same as if nothing had happened. So each story
// is told twice: over a wire that holds, and over one that is cut.

// story is commands with everything a command can have, in all combinations,
// and what has to be there before them.
type story struct{ before, commands []eventlog.Command }

// tell makes the story's commands anew, the same ones each time, those that
// must fail for each reason among them.
func tell(expires time.Time) story {
	s := neighbours(expires)
	for _, key := range []string{"no key", "a key"} {
		for _, streams := range []string{"no event", "one stream", "three streams"} {
			for _, claims := range []string{"no claim", "takes", "releases", "transfers"} {
				for _, lookups := range []string{"no lookup", "adds", "removes", "both"} {
					if key == "no key" && streams == "no event" {
						continue // there is nothing to append
					}
					name := strings.Join([]string{key, streams, claims, lookups}, ", ")
					s.before = append(s.before, prepared(name))
					s.commands = append(s.commands, combined(name, expires))
				}
			}
		}
	}
	return s
}

// prepared gives a combination its stream, and what it is to release and remove.
func prepared(name string) eventlog.Command {
	return with(same(created(name)), func(c *eventlog.Command) {
		c.Take = []eventlog.Claim{claim(name, "old "+name)}
		c.Add = []eventlog.Lookup{lookup(name, "old "+name)}
	})
}

func combined(name string, expires time.Time) eventlog.Command {
	c := eventlog.Command{Meta: meta()}
	has := func(part string) bool { return strings.Contains(name, part) }
	if has("one stream") || has("three streams") {
		c.Writes = append(c.Writes, write(name, 1, events.UserRenamed{Name: "a"}))
		c.Writes[0].Events = append(c.Writes[0].Events, eventlog.Event{ID: uuid.New(), Payload: events.UserRenamed{Name: "b"}})
	}
	if has("three streams") {
		c.Writes = append(c.Writes, write(name+" 2", 0, events.UserRenamed{}), write(name+" 3", 0, events.UserRenamed{}))
	}
	if has("no event") {
		c.Reads = []eventlog.Read{{Stream: stream(name), Version: 1}}
	}
	if has("takes") || has("transfers") {
		c.Take = append(c.Take, claim(name, "new "+name))
	}
	if has("releases") || has("transfers") {
		c.Release = append(c.Release, claim(name, "old "+name))
	}
	if has("transfers") {
		c.Take = append(c.Take, claim(name+" 2", "old "+name))
	}
	if has("adds") || has("both") {
		c.Add = append(c.Add, lookup(name, "new "+name))
	}
	if has("removes") || has("both") {
		c.Remove = append(c.Remove, lookup(name, "old "+name))
		c.Seen = append(c.Seen, seen("old "+name, 1))
	}
	if has("a key") {
		c.Idempotency = idempotency(name, "hash")
		c.Idempotency.Expires = expires
	}
	return same(c)
}

// neighbours are commands that fail, one for each reason, and the replay of a
// request that was answered before.
func neighbours(expires time.Time) story {
	known := with(same(created("first")), func(c *eventlog.Command) {
		c.Take = []eventlog.Claim{claim("first", "first's")}
		c.Idempotency = idempotency("known", "hash")
		c.Idempotency.Expires = expires
	})
	key := func(user, key, hash string) eventlog.Command {
		return with(created(user), func(c *eventlog.Command) {
			c.Idempotency = idempotency(key, hash)
			c.Idempotency.Expires = expires
		})
	}
	s := story{before: []eventlog.Command{known}, commands: []eventlog.Command{
		key("reused", "known", "another hash"),
		key("replayed", "known", "hash"),
		with(created("read"), func(c *eventlog.Command) { c.Reads = []eventlog.Read{{Stream: stream("first"), Version: 7}} }),
		with(key("took", "took", "hash"), func(c *eventlog.Command) { c.Take = []eventlog.Claim{claim("took", "first's")} }),
		with(created("released"), func(c *eventlog.Command) { c.Release = []eventlog.Claim{claim("released", "nobody's")} }),
		with(created("saw"), func(c *eventlog.Command) { c.Seen = []eventlog.Seen{seen("nobody", 3)} }),
	}}
	for i := range s.commands {
		s.commands[i] = same(s.commands[i])
	}
	return s
}

// same gives a command's events ids that are the same each time it is made.
func same(c eventlog.Command) eventlog.Command {
	for i, w := range c.Writes {
		for j := range w.Events {
			name := fmt.Sprintf("%s %d %d", w.Stream.ID, w.Expected, j)
			c.Writes[i].Events[j].ID = uuid.NewSHA1(uuid.NameSpaceOID, []byte(name))
		}
	}
	return c
}

// told is how a story ended: what the callers heard, and what is in the tables.
type told struct {
	Answers []string
	Tables  map[string][]string
}

func (b bench) ended(t testing.TB, results []result) told {
	t.Helper()
	end := told{Tables: map[string][]string{}}
	for _, r := range results {
		end.Answers = append(end.Answers, fmt.Sprintf("%d-%d replayed %t %q, %v",
			r.receipt.First, r.receipt.Last, r.receipt.Replayed, r.receipt.Response, r.err))
	}
	for name, query := range map[string]string{
		// The command that held the gate has another name each time.
		"event_log": `select format('%s %s %s %s %s %s', position, tenant_id, stream_type, stream_id, version, event_id)
			from event_log where stream_id not like 'plug %' order by position`,
		"claims":      `select c::text from claims c order by 1`,
		"lookups":     `select l::text from lookups l order by 1`,
		"idempotency": `select format('%s %s %s %s', key, request_hash, response, position) from idempotency order by 1`,
	} {
		rows, err := b.owner.Query(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		if end.Tables[name], err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			t.Fatal(err)
		}
	}
	return end
}

// inOneBatch lets the story happen in one batch, over a wire with these cuts.
func (s story) inOneBatch(t testing.TB, cuts ...cut) told {
	t.Helper()
	b := open(t)
	b.prepare(t, s)
	b.hold(t)
	b.wire.cut(cuts...)
	answers := make([]<-chan result, len(s.commands))
	for i, c := range s.commands {
		answers[i] = b.begin(t.Context(), t, c)
	}
	sent := b.wire.sent()
	b.gate.open()
	results := make([]result, len(answers))
	for i, answer := range answers {
		results[i] = <-answer
	}
	if n := b.wire.left(); n > 0 {
		t.Errorf("%d cuts did not happen", n)
	}
	if got, want := b.wire.sent()-sent, len(cuts)+2; got > want {
		t.Errorf("sent %d times, want at most %d: %d cuts, two batches", got, want, len(cuts))
	}
	checkTimes(t, b, results)
	return b.ended(t, results)
}

// oneByOne lets each command of the story happen alone, over a wire that is
// cut in this way for each of them.
func (s story) oneByOne(t testing.TB, cuts ...cut) told {
	t.Helper()
	b := open(t)
	b.prepare(t, s)
	results := make([]result, len(s.commands))
	for i, c := range s.commands {
		b.wire.cut(cuts...)
		r, err := b.Append(t.Context(), c)
		results[i] = result{r, err}
	}
	checkTimes(t, b, results)
	return b.ended(t, results)
}

func (b bench) prepare(t testing.TB, s story) {
	t.Helper()
	for i, r := range b.together(t, s.before...) {
		if r.err != nil {
			t.Fatalf("prepare %s: %v", s.before[i].Writes[0].Stream.ID, r.err)
		}
	}
}

// checkTimes holds receipts to the log: the time of an event is one, however
// its caller learned of it.
func checkTimes(t testing.TB, b bench, results []result) {
	t.Helper()
	log := b.all(t)
	for _, r := range results {
		if r.receipt.First == r.receipt.Last {
			continue // without events, or replayed, or refused
		}
		if e := log[r.receipt.Last-1]; !e.RecordedAt.Equal(r.receipt.RecordedAt) {
			t.Errorf("the event at %d was recorded at %v, the receipt says %v", e.Position, e.RecordedAt, r.receipt.RecordedAt)
			return
		}
	}
}

func TestAConnectionThatBreaksChangesNothing(t *testing.T) {
	t.Parallel()
	s := tell(time.Now().Add(time.Hour))
	together, alone := s.inOneBatch(t), s.oneByOne(t)
	passed := slices.DeleteFunc(slices.Clone(together.Answers), func(a string) bool { return !strings.HasSuffix(a, ", <nil>") })
	if got, want := len(together.Answers)-len(passed), 5; got != want {
		t.Errorf("%d commands failed over a wire that holds, want one for each of %d reasons", got, want)
	}
	for name, cuts := range map[string][]cut{
		"before the server got it":              {lost()},
		"in the middle of the request":          {torn()},
		"before the answer":                     {unheard()},
		"in the middle of the answer":           {heardOnly(700)},
		"just before the end of the answer":     {heardOnly(-1)},
		"before the server said it is ready":    {heardOnly(-6)},
		"twice before the answer":               {unheard(), unheard()},
		"before the server, then the answer":    {lost(), unheard()},
		"before the answer, then before it all": {unheard(), lost(), torn(), heardOnly(100)},
	} {
		t.Run("together, "+name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(together, s.inOneBatch(t, cuts...)); diff != "" {
				t.Errorf("over a wire that holds (-) and one that is cut (+):\n%s", diff)
			}
		})
	}
	for name, cuts := range map[string][]cut{
		"before the server got it": {lost()},
		"before the answer":        {unheard()},
	} {
		t.Run("alone, "+name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(alone, s.oneByOne(t, cuts...)); diff != "" {
				t.Errorf("over a wire that holds (-) and one that is cut (+):\n%s", diff)
			}
		})
	}
}

func TestTheSameCommandAppendedAgainGetsItsPositions(t *testing.T) {
	t.Parallel()
	b := open(t)
	several := with(created("ada"), func(c *eventlog.Command) {
		c.Writes = append(c.Writes, write("bob", 0, events.UserCreated{User: "bob"}), write("cy", 0, events.UserCreated{User: "cy"}))
		c.Take = []eventlog.Claim{claim("ada", "mail")}
		c.Seen = []eventlog.Seen{seen("v", 0)}
		c.Add = []eventlog.Lookup{lookup("ada", "v")}
	})
	keyed := with(created("dan"), func(c *eventlog.Command) { c.Idempotency = idempotency("k", "h") })
	want := map[string]eventlog.Receipt{"several streams": b.must(t, several), "a key": b.must(t, keyed)}
	b.must(t, renamed("ada", 1)) // the streams go on
	b.must(t, with(renamed("dan", 1), func(c *eventlog.Command) { c.Idempotency = idempotency("other", "h") }))
	for name, c := range map[string]eventlog.Command{"several streams": several, "a key": keyed} {
		t.Run(name, func(t *testing.T) {
			got := []result{}
			r, err := b.Append(t.Context(), c)
			got = append(got, result{r, err})
			got = append(got, b.together(t, created("other "+name), c, c, renamed("ada", 7), c)[1:3]...)
			for i, g := range got {
				if diff := cmp.Diff(want[name], g.receipt); g.err != nil || diff != "" {
					t.Errorf("time %d: %v, want the first receipt (-):\n%s", i, g.err, diff)
				}
			}
		})
	}
	log := b.all(t)
	ids := map[events.EventID]events.Position{}
	for _, e := range log {
		if before, twice := ids[e.ID]; twice {
			t.Errorf("event %s is at %d and %d", e.ID, before, e.Position)
		}
		ids[e.ID] = e.Position
	}
}

func TestTheSameCommandFromTwoProcessesAtOnceIsAppendedOnce(t *testing.T) {
	t.Parallel()
	b := open(t)
	second := start(t, writerPool(t, b.url, nil), eventlog.Config{})
	for i := range 50 {
		c := created(fmt.Sprint("u", i))
		if i%2 == 0 {
			c.Take = []eventlog.Claim{claim(fmt.Sprint("u", i), fmt.Sprint("v", i))}
		}
		answers := make(chan result, 2)
		for _, a := range []*eventlog.Appender{b.Appender, second} {
			go func() {
				r, err := a.Append(t.Context(), c)
				answers <- result{r, err}
			}()
		}
		one, two := <-answers, <-answers
		if one.err != nil || two.err != nil || !cmp.Equal(one.receipt, two.receipt) {
			t.Fatalf("command %d: %+v and %+v", i, one, two)
		}
	}
	if got := len(b.all(t)); got != 50 {
		t.Errorf("%d events in the log, want 50", got)
	}
}

// A stream that another wrote meanwhile is no resend, though it is at the
// version that one would have led to.
func TestAnotherEventAtTheSamePlaceIsNotTakenForAResend(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.must(t, created("ada"))
	if _, err := b.Append(t.Context(), created("ada")); !errors.Is(err, eventlog.ErrMoved) {
		t.Errorf("got %v, want ErrMoved", err)
	}
}
