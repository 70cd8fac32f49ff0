package eventlog_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

func TestAmongGoodCommandsABadOneFailsAlone(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.must(t, with(created("first"), func(c *eventlog.Command) {
		c.Take = []eventlog.Claim{claim("first", "taken")}
		c.Idempotency = idempotency("k", "h1")
	}))
	spoilers := []struct {
		name    string
		command eventlog.Command
		want    error
	}{
		{"a NUL", next("nul", 0, events.UserRenamed{Name: "a\x00b"}), eventlog.ErrRefused},
		{"invalid UTF-8", next("utf", 0, events.UserRenamed{Name: "a\xff"}), eventlog.ErrRefused},
		{"a NUL in an id", next("a\x00b", 0, events.UserRenamed{}), eventlog.ErrRefused},
		{"a claim of 6 KB", with(created("big"), func(c *eventlog.Command) { c.Take = []eventlog.Claim{claim("big", strings.Repeat("x", 6<<10))} }), eventlog.ErrRefused},
		{"a huge event", next("huge", 0, events.UserRenamed{Name: strings.Repeat("x", 300<<10)}), eventlog.ErrRefused},
		{"a reused key", with(created("key"), func(c *eventlog.Command) { c.Idempotency = idempotency("k", "h2") }), eventlog.ErrKeyReused},
		{"a stale version", renamed("first", 0), eventlog.ErrMoved},
		{"a stale read", with(created("read"), func(c *eventlog.Command) { c.Reads = []eventlog.Read{{Stream: stream("first"), Version: 7}} }), eventlog.ErrMoved},
		{"a taken claim", with(created("take"), func(c *eventlog.Command) { c.Take = []eventlog.Claim{claim("take", "taken")} }), eventlog.ErrTaken},
		{"a claim not held", with(created("rel"), func(c *eventlog.Command) { c.Release = []eventlog.Claim{claim("rel", "nobody's")} }), eventlog.ErrNotHeld},
		{"a set that changed", with(created("seen"), func(c *eventlog.Command) { c.Seen = []eventlog.Seen{seen("v", 3)} }), eventlog.ErrSetChanged},
	}
	var commands []eventlog.Command
	for i := range 200 {
		if i%20 == 0 && i/20 < len(spoilers) {
			commands = append(commands, spoilers[i/20].command)
		}
		user := fmt.Sprint("good ", i)
		commands = append(commands, with(created(user), func(c *eventlog.Command) { c.Take = []eventlog.Claim{claim(user, user)} }))
	}
	commands = append(commands, spoilers[10].command)
	bad := 0
	for i, r := range b.together(t, commands...) {
		if strings.HasPrefix(commands[i].Writes[0].Stream.ID, "good ") {
			if r.err != nil {
				t.Errorf("%s: %v", commands[i].Writes[0].Stream.ID, r.err)
			}
			continue
		}
		if s := spoilers[bad]; !errors.Is(r.err, s.want) {
			t.Errorf("%s: got %v, want %v", s.name, r.err, s.want)
		}
		bad++
	}
	if got := len(b.all(t)); got != 202 {
		t.Errorf("%d events in the log, want 200 and two of the test's own", got)
	}
}

// What passes all checks here may still be refused by the database, for the
// whole batch. Then the batch is halved until the culprits stand alone.
func TestWhatOnlyTheDatabaseRefusesFailsAlone(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"22023", "23514", "54000"} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			b.refuseAppending(t, "cursed", state)
			commands := make([]eventlog.Command, 200)
			cursed := map[int]bool{0: true, 77: true, 78: true, 199: true}
			for i := range commands {
				user := fmt.Sprint("u", i)
				commands[i] = with(created(user), func(c *eventlog.Command) { c.Take = []eventlog.Claim{claim(user, user)} })
				if cursed[i] {
					commands[i] = with(next(user, 0, events.UserRenamed{Name: "cursed"}), func(c *eventlog.Command) {
						c.Take = []eventlog.Claim{claim(user, user)}
						c.Idempotency = idempotency(user, "h")
					})
				}
			}
			for i, r := range b.together(t, commands...) {
				if refused := errors.Is(r.err, eventlog.ErrRefused); refused != cursed[i] || !refused && r.err != nil {
					t.Errorf("command %d: %v", i, r.err)
				}
			}
			if got := len(b.all(t)); got != 197 {
				t.Errorf("%d events in the log, want 196 and the plug", got)
			}
			var claims, keys int
			if err := b.owner.QueryRow(t.Context(), `select (select count(*) from claims), (select count(*) from idempotency)`).Scan(&claims, &keys); err != nil {
				t.Fatal(err)
			}
			if claims != 196 || keys != 0 {
				t.Errorf("%d claims and %d keys, want 196 and 0", claims, keys)
			}
		})
	}
}

// While a batch is halved, an answer can be lost too.
func TestHalvesAreSentAgainLikeWholes(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.refuseAppending(t, "cursed", "23514")
	b.hold(t)
	b.wire.cut(heardOnly(-1), unheard(), lost(), heardOnly(-1), unheard(), unheard(), torn(), unheard())
	var answers []<-chan result
	for i := range 16 {
		name := "good"
		if i == 5 {
			name = "cursed"
		}
		answers = append(answers, b.begin(t.Context(), t, next(fmt.Sprint("u", i), 0, events.UserRenamed{Name: name})))
	}
	b.gate.open()
	for i, answer := range answers {
		if r := <-answer; (i == 5) != errors.Is(r.err, eventlog.ErrRefused) || i != 5 && r.err != nil {
			t.Errorf("command %d: %v", i, r.err)
		}
	}
	if got := len(b.all(t)); got != 16 || b.wire.left() != 0 {
		t.Errorf("%d events in the log, want 15 and the plug; %d cuts did not happen", got, b.wire.left())
	}
}

// A mistake of the program or of its set-up is nobody's own. It is told at
// once, and not as something that could help to try again.
func TestAMistakeOfTheHouseIsTold(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.refuseAppending(t, "cursed", "42P01")
	_, err := b.Append(t.Context(), next("ada", 0, events.UserRenamed{Name: "cursed"}))
	for _, known := range []error{eventlog.ErrRefused, eventlog.ErrUnavailable, eventlog.ErrUnknownOutcome} {
		if err == nil || errors.Is(err, known) {
			t.Errorf("got %v", err)
		}
	}
}

// refuseAppending makes the database refuse a user's name with a SQLSTATE.
func (b bench) refuseAppending(t testing.TB, name, state string) {
	t.Helper()
	b.exec(t, fmt.Sprintf(`create function refuse_name() returns trigger language plpgsql as $$ begin
		if new.data->>'name' = '%s' then raise exception 'no' using errcode = '%s'; end if;
		return new;
	end $$`, name, state))
	b.exec(t, `create trigger refuse_name before insert on event_log for each row execute function refuse_name()`)
}
