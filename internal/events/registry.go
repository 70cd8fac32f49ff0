package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// ErrUnknownType says that an event's type is not in the registry: a reader is
// older than the log, or something wrote beside the house.
var ErrUnknownType = errors.New("events: unknown event type")

// registry holds every event the log can hold, one line each. A type that is
// not here can be neither appended nor read.
var registry = index(
	event[SupplierCreated](1),
	event[SupplierChanged](1),
	event[UserCreated](1),
	event[UserRenamed](1),
	event[UserRoleChanged](1),
	event[UserActivated](1),
	event[UserDisabled](1),
	event[UserEnabled](1),
	event[UserEmailChanged](1),
	event[UserDefaultRoleChanged](1),
	event[UserDeleted](1),
	event[MembershipSet](1),
	event[MembershipRemoved](1),
	event[APIKeyIssued](1),
	event[APIKeyRotated](1),
	event[APIKeyRevoked](1),
)

// Types lists the names of all events that can be read, sorted.
func Types() []string {
	names := make([]string, 0, len(registry))
	for name := range registry {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Sample returns the zero payload that events of this type decode to, and
// false for a type that is not in the registry.
func Sample(name string) (Payload, bool) {
	e, ok := registry[name]
	return e.zero, ok
}

// Schema is the newest shape of events of this type, under which they are
// appended; 0 for a type that is not in the registry.
func Schema(name string) int { return registry[name].schema }

// Encode gives the name, schema and bytes under which p is recorded. It fails
// with ErrUnknownType.
func Encode(p Payload) (name string, schema int, data []byte, err error) {
	e, ok := registry[p.EventType()]
	if !ok || e.retired {
		return "", 0, nil, fmt.Errorf("%w: %q cannot be appended", ErrUnknownType, p.EventType())
	}
	data, err = json.Marshal(p)
	if err != nil {
		return "", 0, nil, fmt.Errorf("events: encode %s: %w", p.EventType(), err)
	}
	return e.name, e.schema, data, nil
}

// Decode reads an event of this name and schema; one of a retired type is read
// as its successor. It fails with ErrUnknownType, or with what is wrong with
// the bytes.
func Decode(name string, schema int, data []byte) (Payload, error) {
	e, ok := registry[name]
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrUnknownType, name)
	}
	if schema != e.schema {
		return nil, fmt.Errorf("%w: %s with schema %d, here it has %d", ErrUnknownType, name, schema, e.schema)
	}
	p, err := e.decode(data)
	if err != nil {
		return nil, fmt.Errorf("events: decode %s: %w", name, err)
	}
	return p, nil
}

// entry is how one type of event is written and read.
type entry struct {
	name    string
	schema  int
	zero    Payload
	retired bool // may be read, never appended
	decode  func(data []byte) (Payload, error)
}

// event is an entry of type P, whose shape has this number. Bytes of another
// number are not guessed at: a shape that changes becomes a type of its own,
// and what was before is upcast.
func event[P Payload](schema int) entry {
	var zero P
	plain := shapeOf(reflect.TypeFor[P]())
	return entry{name: zero.EventType(), schema: schema, zero: zero, decode: func(data []byte) (Payload, error) {
		var p P
		err := plain.unmarshal(data, &p)
		return p, err
	}}
}

// upcast is the entry of a type that is no longer appended: what the log
// holds of it is read as its successor.
func upcast[Old Payload, New Payload](schema int, successor func(Old) New) entry {
	var old Old
	var zero New
	return entry{name: old.EventType(), schema: schema, zero: zero, retired: true, decode: func(data []byte) (Payload, error) {
		var p Old
		if err := json.Unmarshal(data, &p); err != nil {
			return nil, err
		}
		return successor(p), nil
	}}
}

// index makes the table. Two entries of one name are a mistake of the program
// that no later check could tell, so the program does not start.
func index(entries ...entry) map[string]entry {
	table := make(map[string]entry, len(entries))
	for _, e := range entries {
		if _, twice := table[e.name]; twice {
			panic("events: two events are named " + e.name)
		}
		table[e.name] = e
	}
	return table
}
