package eventlog

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"tenure/internal/events"
)

// What a command may be at most. One that is over is refused before it is
// queued, so that it cannot spoil a batch.
const (
	maxText    = 512       // bytes of an id, a kind, a value or a key
	maxEvent   = 256 << 10 // bytes of an event, with its meta
	maxCommand = 4 << 20   // bytes of all events of a command
	maxRows    = 5000      // events, streams, claims and lookups of a command
)

// encoded is an event as it is sent.
type encoded struct {
	stream  events.Stream
	version events.Version
	id      events.EventID
	name    string
	schema  int
	data    string
}

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
		if err := checkTexts("lookup", string(s.Tenant), s.Kind, s.Value); err != nil {
			return err
		}
	}
	return checkIdempotency(c.Idempotency)
}

func checkStreams(c *Command) error {
	stated := make(map[events.Stream]bool, len(c.Writes)+len(c.Reads))
	for _, w := range c.Writes {
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
	return checkTexts(what, string(tenant), kind, value, string(s.Tenant), string(s.Type), s.ID)
}

func checkIdempotency(i *Idempotency) error {
	if i == nil {
		return nil
	}
	if i.Key == "" || i.Principal == "" || i.Route == "" || i.Tenant == "" {
		return refuse("an idempotency key without its tenant, principal, route or text")
	}
	if err := checkTexts("idempotency key", string(i.Tenant), i.Principal, i.Key, i.RequestHash); err != nil {
		return err
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

// encodeEvents gives the events of a command as they are sent, and the meta
// they share. A json column takes what it cannot give back, so what would be
// unreadable is refused here.
func encodeEvents(c *Command) (rows []encoded, meta string, size int, err error) {
	m, err := json.Marshal(c.Meta)
	if err != nil {
		return nil, "", 0, refuse("a meta that cannot be encoded: %v", err)
	}
	if what := unreadable(m); what != "" {
		return nil, "", 0, refuse("a meta with %s in it", what)
	}
	for _, w := range c.Writes {
		for i, e := range w.Events {
			row, err := encodeEvent(e, len(m))
			if err != nil {
				return nil, "", 0, err
			}
			row.stream, row.version = w.Stream, w.Expected+events.Version(i)+1
			rows = append(rows, row)
			size += len(row.data) + len(m)
		}
	}
	if size > maxCommand {
		return nil, "", 0, refuse("%d bytes of events in one command, over %d", size, maxCommand)
	}
	if len(rows) > maxRows {
		return nil, "", 0, refuse("%d events in one command, over %d", len(rows), maxRows)
	}
	return rows, string(m), size, nil
}

func encodeEvent(e Event, metaSize int) (encoded, error) {
	if e.ID == uuid.Nil || e.Payload == nil {
		return encoded{}, refuse("an event without an id or a payload")
	}
	name, schema, data, err := events.Encode(e.Payload)
	if err != nil {
		return encoded{}, refuse("%v", err)
	}
	if what := unreadable(data); what != "" {
		return encoded{}, refuse("a %s with %s in it", name, what)
	}
	if n := len(data) + metaSize; n > maxEvent {
		return encoded{}, refuse("a %s of %d bytes, over %d", name, n, maxEvent)
	}
	return encoded{id: e.ID, name: name, schema: schema, data: string(data)}, nil
}

// unreadable names what in a JSON text would make it unreadable or would not be
// what was meant: a NUL, half a surrogate pair, or the escape that Go's encoder
// writes for invalid UTF-8. (A replacement character that was meant is written
// as itself, not as an escape.)
func unreadable(data []byte) string {
	if !utf8.Valid(data) {
		return "invalid UTF-8"
	}
	high := false // the escape before was the first half of a pair
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' {
			if high {
				return "half a surrogate pair"
			}
			continue
		}
		i++ // the character after a backslash is never the start of an escape
		unit, escape := unicodeEscape(data[i-1:])
		low := escape && 0xDC00 <= unit && unit <= 0xDFFF
		switch {
		case high != low:
			return "half a surrogate pair"
		case escape && unit == 0:
			return "a NUL"
		case escape && unit == 0xFFFD:
			return "invalid UTF-8"
		}
		high = escape && 0xD800 <= unit && unit <= 0xDBFF
		if escape {
			i += 4
		}
	}
	return ""
}

// unicodeEscape reads the escape \uXXXX at the start of data, when it is one.
func unicodeEscape(data []byte) (unit uint64, ok bool) {
	if len(data) < 6 || data[1] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(data[2:6]), 16, 16)
	return unit, err == nil
}
