package eventlog

import (
	"encoding/json"

	"github.com/google/uuid"

	"tenure/internal/events"
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
			size += len(row.data) + len(m) + len(row.name) + sizeOfStream(w.Stream)
		}
	}
	if size += sizeBeside(c); size > maxCommand {
		return nil, "", 0, refuse("a command of %d bytes, over %d", size, maxCommand)
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

// sizeBeside is what the rows of a command beside its events weigh in a batch.
func sizeBeside(c *Command) int {
	size := 0
	for _, w := range c.Writes {
		size += sizeOfStream(w.Stream)
	}
	for _, r := range c.Reads {
		size += sizeOfStream(r.Stream)
	}
	for _, list := range [][]Claim{c.Take, c.Release} {
		for _, one := range list {
			size += len(one.Tenant) + len(one.Kind) + len(one.Value) + sizeOfStream(one.Stream)
		}
	}
	for _, list := range [][]Lookup{c.Add, c.Remove} {
		for _, one := range list {
			size += len(one.Tenant) + len(one.Kind) + len(one.Value) + sizeOfStream(one.Stream)
		}
	}
	for _, one := range c.Seen {
		size += rowCost + len(one.Tenant) + len(one.Kind) + len(one.Value)
	}
	if i := c.Idempotency; i != nil {
		size += rowCost + len(i.Tenant) + len(i.Principal) + len(i.Route) + len(i.Key) + len(i.RequestHash) + len(i.Response)
	}
	return size
}

func sizeOfStream(s events.Stream) int { return rowCost + len(s.Tenant) + len(s.Type) + len(s.ID) }
