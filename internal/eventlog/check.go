package eventlog

import (
	"math"
	"strings"
	"unicode/utf8"

	"tenure/internal/events"
)

// What a command may be at most. One that is over is refused before it is
// queued, so that it cannot spoil a batch.
const (
	maxText    = 512       // bytes of an id, a kind, a value or a key
	maxIndexed = 2600      // bytes of all texts of a row that one index holds
	maxEvent   = 256 << 10 // bytes of an event, with its meta
	maxCommand = 4 << 20   // bytes of a command, all its rows together
	maxRows    = 5000      // events, streams, claims and lookups of a command
	rowCost    = 32        // bytes of a row beside its texts
)

// checkCommand refuses what can never be appended.
func checkCommand(c *Command) error {
	switch {
	case len(c.Writes) == 0 && c.Idempotency == nil:
		return refuse("a command that writes nothing and records no answer")
	case len(c.Writes)+len(c.Reads)+len(c.Take)+len(c.Release)+len(c.Add)+len(c.Remove)+len(c.Seen) > maxRows:
		return refuse("more than %d streams, claims and lookups in one command", maxRows)
	}
	if err := checkStreams(c); err != nil {
		return err
	}
	if err := checkClaims(c); err != nil {
		return err
	}
	for _, l := range append(append([]Lookup(nil), c.Add...), c.Remove...) {
		if err := checkFiled("lookup", l.Tenant, l.Kind, l.Value, l.Stream); err != nil {
			return err
		}
	}
	for _, s := range c.Seen {
		if s.Count < 0 || s.Count > math.MaxInt32 {
			return refuse("a lookup under which %d streams were seen", s.Count)
		}
		if err := checkTexts("lookup", string(s.Tenant), s.Kind, s.Value); err != nil {
			return err
		}
	}
	return checkIdempotency(c.Idempotency)
}

func checkStreams(c *Command) error {
	stated := make(map[events.Stream]bool, len(c.Writes)+len(c.Reads))
	named := make(map[events.EventID]bool, len(c.Writes))
	for _, w := range c.Writes {
		for _, e := range w.Events {
			if named[e.ID] {
				return refuse("two events of one id")
			}
			named[e.ID] = true
		}
		if len(w.Events) == 0 {
			return refuse("a write to %s without events", w.Stream.Type)
		}
		if err := checkStream(w.Stream, w.Expected, stated); err != nil {
			return err
		}
	}
	for _, r := range c.Reads {
		if err := checkStream(r.Stream, r.Version, stated); err != nil {
			return err
		}
	}
	return nil
}

func checkStream(s events.Stream, v events.Version, stated map[events.Stream]bool) error {
	switch {
	case s.Tenant == "" || s.Type == "" || s.ID == "":
		return refuse("a stream without tenant, type or id")
	case v < 0:
		return refuse("a version below 0 for %s", s.Type)
	case stated[s]:
		return refuse("a stream of type %s that is stated twice", s.Type)
	}
	stated[s] = true
	return checkTexts("stream", string(s.Tenant), string(s.Type), s.ID)
}

func checkClaims(c *Command) error {
	type claim struct {
		tenant      events.TenantID
		kind, value string
	}
	for _, list := range [][]Claim{c.Take, c.Release} {
		stated := make(map[claim]bool, len(list))
		for _, one := range list {
			if err := checkFiled("claim", one.Tenant, one.Kind, one.Value, one.Stream); err != nil {
				return err
			}
			key := claim{one.Tenant, one.Kind, one.Value}
			if stated[key] {
				return refuse("a claim of %s that is stated twice", one.Kind)
			}
			stated[key] = true
		}
	}
	return nil
}

func checkFiled(what string, tenant events.TenantID, kind, value string, s events.Stream) error {
	if tenant == "" || kind == "" || s.Tenant == "" || s.Type == "" || s.ID == "" {
		return refuse("a %s without tenant, kind or stream", what)
	}
	if n := len(tenant) + len(kind) + len(value) + len(s.Tenant) + len(s.Type) + len(s.ID); n > maxIndexed {
		return refuse("a %s with %d bytes in its texts, over %d", what, n, maxIndexed)
	}
	return checkTexts(what, string(tenant), kind, value, string(s.Tenant), string(s.Type), s.ID)
}

func checkIdempotency(i *Idempotency) error {
	if i == nil {
		return nil
	}
	if i.Key == "" || i.Principal == "" || i.Route == "" || i.Tenant == "" {
		return refuse("an idempotency key without its tenant, principal, route or text")
	}
	if i.Expires.IsZero() {
		return refuse("an idempotency key that never holds")
	}
	if err := checkTexts("idempotency key", string(i.Tenant), i.Principal, i.Key, i.RequestHash); err != nil {
		return err
	}
	if n := len(i.Tenant) + len(i.Principal) + len(i.Route) + len(i.Key); n > maxIndexed {
		return refuse("an idempotency key with %d bytes in its texts, over %d", n, maxIndexed)
	}
	// A route holds ids and may be longer than any one of them.
	if len(i.Route) > 4*maxText || !clean(i.Route) || len(i.Response) > maxEvent || !clean(i.Response) {
		return refuse("an idempotency row with a route over %d or a response over %d bytes, a NUL or invalid UTF-8", 4*maxText, maxEvent)
	}
	return nil
}

func checkTexts(what string, texts ...string) error {
	for _, s := range texts {
		switch {
		case len(s) > maxText:
			return refuse("a %s with a text of %d bytes, over %d", what, len(s), maxText)
		case !clean(s):
			return refuse("a %s with a NUL or invalid UTF-8 in it", what)
		}
	}
	return nil
}

func clean(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }
