package eventlog_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

// keyed is a command that creates a user, with a key.
func keyed(user, key, hash string) eventlog.Command {
	return with(created(user), func(c *eventlog.Command) {
		c.Idempotency = idempotency(key, hash)
		c.Idempotency.Response = "created " + user
	})
}

// answered tells what is stored under a key.
func (b bench) answered(t testing.TB, key string) (eventlog.Answered, bool) {
	t.Helper()
	a, there, err := eventlog.ReadIdempotency(t.Context(), b.writer, *idempotency(key, ""), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return a, there
}

func TestOfTheSameRequestsAtOnceOneIsCarriedOut(t *testing.T) {
	t.Parallel()
	b := open(t)
	second := start(t, writerPool(t, b.url, nil), eventlog.Config{})
	answers := make(chan result, 40)
	for i := range 40 {
		a := b.Appender
		if i%2 == 1 {
			a = second
		}
		// Each attempt has ids of its own, and decided by itself.
		c := keyed(fmt.Sprint("u", i), "k", "h")
		c.Take = []eventlog.Claim{claim(fmt.Sprint("u", i), "mail")}
		go func() {
			r, err := a.Append(t.Context(), c)
			answers <- result{r, err}
		}()
	}
	first, replayed := 0, map[string]int{}
	for range 40 {
		r := <-answers
		switch {
		case r.err != nil || r.receipt.Last != 1:
			t.Errorf("%+v", r)
		case r.receipt.Replayed:
			replayed[r.receipt.Response]++
		default:
			first++
		}
	}
	log := b.all(t)
	if first != 1 || len(log) != 1 || replayed["created "+log[0].Stream.ID] != 39 {
		t.Errorf("%d first, %d events, replayed %v", first, len(log), replayed)
	}
}

func TestAKeyOfAnotherRequestIsRefused(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.must(t, keyed("ada", "k", "h"))
	for name, c := range map[string]eventlog.Command{
		"with events":               keyed("bob", "k", "other"),
		"without events":            {Idempotency: idempotency("k", "other")},
		"at a version that is past": with(renamed("ada", 0), func(c *eventlog.Command) { c.Idempotency = idempotency("k", "other") }),
	} {
		if _, err := b.Append(t.Context(), c); !errors.Is(err, eventlog.ErrKeyReused) {
			t.Errorf("%s: %v, want ErrKeyReused", name, err)
		}
	}
	// A key belongs to a tenant, a principal and a route.
	for _, change := range []func(*eventlog.Idempotency){
		func(i *eventlog.Idempotency) { i.Tenant = "another" },
		func(i *eventlog.Idempotency) { i.Principal = "another" },
		func(i *eventlog.Idempotency) { i.Route = "another" },
		func(i *eventlog.Idempotency) { i.Key = "another" },
	} {
		c := eventlog.Command{Idempotency: idempotency("k", "other")}
		change(c.Idempotency)
		if r := b.must(t, c); r.Replayed {
			t.Errorf("another's answer was given for %+v", c.Idempotency)
		}
	}
}

// A request is known before its streams and claims are looked at: they are as
// it left them itself.
func TestARepeatedRequestIsAnsweredBeforeItIsJudged(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.must(t, created("first"))
	request := with(keyed("ada", "k", "h"), func(c *eventlog.Command) { c.Take = []eventlog.Claim{claim("ada", "mail")} })
	b.must(t, request)
	b.must(t, created("last"))
	again := with(keyed("ada", "k", "h"), func(c *eventlog.Command) { // with new ids, and a new answer
		c.Take = request.Take
		c.Release = []eventlog.Claim{claim("ada", "nobody's")}
		c.Seen = []eventlog.Seen{seen("nobody", 1)}
		c.Idempotency.Response = "another"
	})
	if r := b.must(t, again); !r.Replayed || r.Response != "created ada" || r.Last != 2 {
		t.Errorf("got %+v, want the first answer, of position 2", r)
	}
	// The very same events are known first of all: who sends them has not
	// heard the answer yet.
	if r := b.must(t, request); r.Replayed || r.First != 2 || r.Last != 2 {
		t.Errorf("got %+v, want the receipt for position 2", r)
	}
}

func TestAnEmptyDecisionIsRecordedToo(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.must(t, created("ada"))
	empty := eventlog.Command{Reads: []eventlog.Read{{Stream: stream("ada"), Version: 1}}, Idempotency: idempotency("k", "h")}
	if r := b.must(t, empty); r.First != 1 || r.Last != 1 || r.Replayed {
		t.Errorf("got %+v, want the head, which is 1", r)
	}
	b.must(t, renamed("ada", 1))
	if r := b.must(t, empty); r.Last != 1 || !r.Replayed || r.Response != "done" {
		t.Errorf("again: got %+v, want the first answer, at 1", r)
	}
	if a, there := b.answered(t, "k"); !there || a.Position != 1 || a.RequestHash != "h" || a.Response != "done" {
		t.Errorf("stored: %+v %t", a, there)
	}
	if got := len(b.all(t)); got != 2 {
		t.Errorf("%d events in the log, want 2", got)
	}
}

func TestTheStoredPositionIsThatOfTheLastEvent(t *testing.T) {
	t.Parallel()
	b := open(t)
	two := func(user string) eventlog.Command {
		return with(keyed(user, user, "h"), func(c *eventlog.Command) {
			c.Writes[0].Events = append(c.Writes[0].Events, write(user, 1, events.UserRenamed{}).Events...)
		})
	}
	empty := eventlog.Command{Idempotency: idempotency("empty", "h")}
	results := b.together(t, created("ada"), two("bob"), keyed("cy", "cy", "h"), empty, renamed("nobody", 7), two("dan"), created("eve"))
	for i, want := range []events.Position{2, 4, 5, 5, 0, 7, 8} { // after the plug
		if got := results[i].receipt.Last; got != want {
			t.Errorf("command %d is at %d, want %d (%v)", i, got, want, results[i].err)
		}
	}
	for key, want := range map[string]events.Position{"bob": 4, "cy": 5, "empty": 5, "dan": 7} {
		if a, there := b.answered(t, key); !there || a.Position != want {
			t.Errorf("under %s: %+v %t, want position %d", key, a, there, want)
		}
	}
}

func TestAFailedCommandLeavesNoAnswer(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.must(t, with(created("ada"), func(c *eventlog.Command) { c.Take = []eventlog.Claim{claim("ada", "mail")} }))
	failing := keyed("bob", "k", "h")
	failing.Take = []eventlog.Claim{claim("bob", "mail")}
	failing.Add = []eventlog.Lookup{lookup("bob", "v")}
	if _, err := b.Append(t.Context(), failing); !errors.Is(err, eventlog.ErrTaken) {
		t.Fatal(err)
	}
	if a, there := b.answered(t, "k"); there {
		t.Errorf("stored: %+v", a)
	}
	if got := b.filed(t, "v"); got != nil {
		t.Errorf("filed: %v", got)
	}
	if r := b.must(t, keyed("bob", "k", "another")); r.Replayed || r.Last != 2 {
		t.Errorf("the key is used: %+v", r)
	}
}

// expire makes all answers old.
const expire = `update idempotency set expires_at = clock_timestamp()`

func TestAnAnswerIsForgottenWhenItExpires(t *testing.T) {
	t.Parallel()
	b := open(t)
	old := keyed("ada", "k", "h")
	b.must(t, old)
	if _, there := b.answered(t, "k"); !there {
		t.Error("forgotten before its time")
	}
	if _, there, err := eventlog.ReadIdempotency(t.Context(), b.writer, *idempotency("k", ""), old.Idempotency.Expires); there || err != nil {
		t.Errorf("an answer that has expired is read: %v", err)
	}
	b.exec(t, expire)
	if r := b.must(t, keyed("bob", "k", "another")); r.Replayed || r.Last != 2 {
		t.Errorf("the key is used: %+v", r)
	}
	if a, there := b.answered(t, "k"); !there || a.RequestHash != "another" || a.Response != "created bob" || a.Position != 2 {
		t.Errorf("stored: %+v %t, want the second answer", a, there)
	}
}

// An attempt knows itself by more than its time: an answer that was lost, and
// expired while it was asked for again, is not a new request.
func TestALostAnswerThatExpiredIsNotGivenTwice(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.must(t, created("ada"))
	empty := eventlog.Command{Idempotency: idempotency("k", "h"), Take: []eventlog.Claim{claim("ada", "v")}}
	b.wire.cut(unheard())
	b.wire.onCut(func() { b.exec(t, expire) })
	if r := b.must(t, empty); r.Last != 1 || r.Replayed {
		t.Errorf("got %+v, want the receipt at 1", r)
	}
}
