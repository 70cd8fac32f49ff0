package eventlog_test

import (
	"context"
	"encoding/base64"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

// noise is text that nothing makes shorter.
func noise(n int) string {
	bytes := make([]byte, n)
	for i := range bytes {
		bytes[i] = byte(rand.IntN(256))
	}
	return base64.StdEncoding.EncodeToString(bytes)[:n]
}

// unheld is a payload that no registry knows.
type unheld struct{}

func (unheld) EventType() string { return "user.teleported" }

func TestWhatCanNeverBeAppendedIsRefusedBeforeItIsQueued(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.hold(t) // what were queued would not be answered
	ada := func(change func(*eventlog.Command)) eventlog.Command { return with(created("ada"), change) }
	long := strings.Repeat("x", 513)
	stranger := func(s events.Stream) eventlog.Command {
		return ada(func(c *eventlog.Command) { c.Reads = []eventlog.Read{{Stream: s}} })
	}
	for name, c := range map[string]eventlog.Command{
		"nothing at all":             {},
		"a write without events":     ada(func(c *eventlog.Command) { c.Writes[0].Events = nil }),
		"an event without an id":     ada(func(c *eventlog.Command) { c.Writes[0].Events[0].ID = uuid.Nil }),
		"an event without a payload": ada(func(c *eventlog.Command) { c.Writes[0].Events[0].Payload = nil }),
		"an unknown event":           next("ada", 0, unheld{}),
		"two events of one id":       ada(func(c *eventlog.Command) { c.Writes[0].Events = append(c.Writes[0].Events, c.Writes[0].Events[0]) }),
		"a stream twice":             ada(func(c *eventlog.Command) { c.Writes = append(c.Writes, write("ada", 0, events.UserEnabled{})) }),
		"a stream written and read":  stranger(stream("ada")),
		"a version below zero":       renamed("ada", -1),
		"a stream without a tenant":  stranger(events.Stream{Type: "user", ID: "bob"}),
		"a stream without a type":    stranger(events.Stream{Tenant: "t", ID: "bob"}),
		"a stream without an id":     stranger(events.Stream{Tenant: "t", Type: "user"}),
		"a long id":                  stranger(stream(long)),
		"a NUL in an id":             stranger(stream("a\x00b")),
		"invalid UTF-8 in an id":     stranger(stream("a\xed\xa0\x80b")),
		"a NUL in a name":            next("ada", 0, events.UserRenamed{Name: "a\x00b"}),
		"half a surrogate":           next("ada", 0, events.UserRenamed{Name: "a\xed\xa0\x80b"}),
		"a NUL in the meta":          ada(func(c *eventlog.Command) { c.Meta.UserAgent = "\x00" }),
		"invalid UTF-8 in the meta":  ada(func(c *eventlog.Command) { c.Meta.UserAgent = "\xff" }),
		"an event over 256 KiB":      next("ada", 0, events.UserRenamed{Name: strings.Repeat("x", 256<<10)}),
		"a command over 4 MiB": ada(func(c *eventlog.Command) {
			for range 17 {
				c.Writes[0].Events = append(c.Writes[0].Events, write("", 0, events.UserRenamed{Name: strings.Repeat("x", 250<<10)}).Events...)
			}
		}),
		"4 MiB beside its event": ada(func(c *eventlog.Command) {
			for range 4900 {
				c.Add = append(c.Add, lookup(strings.Repeat("x", 450), strings.Repeat("x", 450)))
			}
		}),
		"5,001 rows": ada(func(c *eventlog.Command) { c.Add = make([]eventlog.Lookup, 5000) }),
		"5,001 events": ada(func(c *eventlog.Command) {
			for range 5000 {
				c.Writes[0].Events = append(c.Writes[0].Events, write("", 0, events.UserEnabled{}).Events...)
			}
		}),
		"a long claim":             ada(func(c *eventlog.Command) { c.Take = []eventlog.Claim{claim("ada", long)} }),
		"a claim without a kind":   ada(func(c *eventlog.Command) { c.Take = []eventlog.Claim{{Tenant: "t", Value: "v", Stream: stream("ada")}} }),
		"a claim without a stream": ada(func(c *eventlog.Command) { c.Take = []eventlog.Claim{{Tenant: "t", Kind: "k", Value: "v"}} }),
		"a claim twice":            ada(func(c *eventlog.Command) { c.Take = []eventlog.Claim{claim("ada", "v"), claim("bob", "v")} }),
		"a release twice":          ada(func(c *eventlog.Command) { c.Release = []eventlog.Claim{claim("ada", "v"), claim("ada", "v")} }),
		"a long lookup":            ada(func(c *eventlog.Command) { c.Remove = []eventlog.Lookup{lookup("ada", long)} }),
		"a lookup that no index holds": ada(func(c *eventlog.Command) {
			c.Add = []eventlog.Lookup{{
				Tenant: events.TenantID(noise(512)), Kind: noise(512), Value: noise(512),
				Stream: events.Stream{Tenant: events.TenantID(noise(512)), Type: events.StreamType(noise(512)), ID: noise(512)},
			}}
		}),
		"a long set":               ada(func(c *eventlog.Command) { c.Seen = []eventlog.Seen{seen(long, 0)} }),
		"fewer than none seen":     ada(func(c *eventlog.Command) { c.Seen = []eventlog.Seen{seen("v", -1)} }),
		"more seen than there are": ada(func(c *eventlog.Command) { c.Seen = []eventlog.Seen{seen("v", 1<<32)} }),
		"a key without a text":     {Idempotency: idempotency("", "h")},
		"a long key":               {Idempotency: idempotency(long, "h")},
		"a NUL in a key":           {Idempotency: idempotency("\x00", "h")},
		"a key that never holds":   {Idempotency: &eventlog.Idempotency{Tenant: "t", Principal: "p", Route: "r", Key: "k", RequestHash: "h"}},
		"a key that no index holds": {Idempotency: &eventlog.Idempotency{
			Tenant: events.TenantID(noise(512)), Principal: noise(512), Route: noise(2048), Key: noise(512), RequestHash: "h", Expires: time.Now().Add(time.Hour),
		}},
		"a long answer": {Idempotency: &eventlog.Idempotency{
			Tenant: "t", Principal: "p", Route: "r", Key: "k", RequestHash: "h", Response: strings.Repeat("x", 256<<10+1), Expires: time.Now().Add(time.Hour),
		}},
	} {
		ctx, leave := context.WithTimeout(t.Context(), time.Second) // the gate would hold it for ever
		_, err := b.Append(ctx, c)
		leave()
		if !errors.Is(err, eventlog.ErrRefused) {
			t.Errorf("%s: %v, want ErrRefused", name, err)
		} else if strings.Contains(err.Error(), "xxx") {
			t.Errorf("%s: the error repeats what it refuses", name)
		}
	}
	if n := b.Pending(); n != 0 {
		t.Errorf("%d were queued", n)
	}
}

func TestWhatIsAtItsBoundIsAppended(t *testing.T) {
	t.Parallel()
	b := open(t)
	c := created(noise(512))
	c.Writes[0].Stream.Tenant, c.Writes[0].Stream.Type = events.TenantID(noise(512)), events.StreamType(noise(512))
	s := c.Writes[0].Stream
	c.Writes[0].Events = append(c.Writes[0].Events, eventlog.Event{ID: uuid.New(), Payload: events.UserRenamed{Name: noise(256<<10 - 200)}})
	c.Reads = []eventlog.Read{{Stream: stream("nobody"), Version: 0}}
	c.Take = []eventlog.Claim{{Tenant: events.TenantID(noise(512)), Kind: noise(512), Value: noise(512), Stream: events.Stream{Tenant: "t", Type: "user", ID: noise(512)}}}
	c.Add = []eventlog.Lookup{{Tenant: events.TenantID(noise(512)), Kind: noise(20), Value: noise(512), Stream: s}}
	c.Idempotency = &eventlog.Idempotency{
		Tenant: events.TenantID(noise(40)), Principal: noise(512), Route: noise(1500), Key: noise(512), RequestHash: noise(512),
		Response: noise(256 << 10), Expires: time.Now().Add(time.Hour),
	}
	b.must(t, c)
	got, err := eventlog.ReadStream(t.Context(), b.owner, s)
	if err != nil || len(got) != 2 || got[1].Payload != c.Writes[0].Events[1].Payload {
		t.Errorf("read back %d events, %v", len(got), err)
	}
}

// At the end of all versions nothing can be appended, and nobody is confused.
func TestTheLastVersionIsBeyondReach(t *testing.T) {
	t.Parallel()
	b := open(t)
	if _, err := b.Append(t.Context(), renamed("ada", math.MaxInt64)); !errors.Is(err, eventlog.ErrMoved) {
		t.Errorf("got %v, want ErrMoved", err)
	}
}

// text draws what people and machines put into fields.
func text() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"", "a", "ada", "Ada Lovelace", "'", `"`, `\`, `\u0000`, `\ud800`, "\x00", "\xff", "\xed\xa0\x80", "\ufffd", "\u2028", "<&>", "💥", "{}", "null", "\r\n\t\x01\x7f"}),
		rapid.String(),
		rapid.StringN(0, -1, 512),
		rapid.Custom(func(t *rapid.T) string {
			return noise(rapid.SampledFrom([]int{500, 511, 512, 513}).Draw(t, "bytes of noise"))
		}),
	)
}

// What passes the checks is never what the database refuses: to find out there
// which of a batch it was would cost all the others time.
func TestWhatPassesTheChecksTheDatabaseTakes(t *testing.T) {
	t.Parallel()
	b := open(t)
	rapid.Check(t, func(t *rapid.T) {
		draw := func(what string) string { return text().Draw(t, what) }
		s := events.Stream{Tenant: events.TenantID(draw("tenant")), Type: events.StreamType(draw("type")), ID: draw("id")}
		payload := events.UserCreated{User: events.UserID(draw("user")), Email: draw("email"), Name: draw("name")}
		c := eventlog.Command{
			Meta:   events.Meta{Principal: events.ByUser, Actor: "a", RequestID: draw("request id"), UserAgent: draw("user agent")},
			Writes: []eventlog.Write{{Stream: s, Events: []eventlog.Event{{ID: uuid.New(), Payload: payload}}}},
			Take:   []eventlog.Claim{{Tenant: s.Tenant, Kind: draw("kind"), Value: draw("value"), Stream: s}},
			Add:    []eventlog.Lookup{{Tenant: s.Tenant, Kind: draw("kind"), Value: draw("value"), Stream: s}},
			Idempotency: &eventlog.Idempotency{
				Tenant: s.Tenant, Principal: draw("principal"), Route: draw("route") + draw("route"), Key: draw("key"),
				RequestHash: draw("hash"), Response: draw("response"), Expires: time.Now().Add(time.Hour),
			},
		}
		if rapid.Bool().Draw(t, "few things") {
			c.Take, c.Add, c.Idempotency = nil, nil, nil
		}
		passes := eventlog.Check(c) == nil
		_, err := b.Append(t.Context(), c)
		if refused := errors.Is(err, eventlog.ErrRefused); refused == passes {
			t.Fatalf("passes the checks: %t; append: %v", passes, err)
		}
		if err != nil {
			return
		}
		got, err := eventlog.ReadStream(t.Context(), b.owner, s)
		if err != nil || len(got) != 1 || got[0].Payload != payload || got[0].Meta != c.Meta {
			t.Fatalf("read back %+v, %v", got, err)
		}
	})
}
