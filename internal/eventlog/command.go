package eventlog

import (
	"time"

	"tenure/internal/events"
)

// Command is everything that one append states and does. It is all or nothing.
type Command struct {
	Meta    events.Meta
	Writes  []Write
	Reads   []Read   // streams that only had to be as they were read
	Take    []Claim  // fail when anyone holds them, unless Release frees them in the same command
	Release []Claim  // must be held by their stream
	Add     []Lookup // adding what is there already changes nothing
	Remove  []Lookup // removing what is not there changes nothing
	Seen    []Seen
	// Idempotency, when set, is recorded with the append, also when nothing
	// is written.
	Idempotency *Idempotency
}

// Write appends events to a stream that must be at Expected; 0 is a stream
// without events.
type Write struct {
	Stream   events.Stream
	Expected events.Version
	Events   []Event
}

// Event is an event that is to be appended.
type Event struct {
	ID      events.EventID
	Payload events.Payload
}

// Read states the version of a stream that was read and is not written.
type Read struct {
	Stream  events.Stream
	Version events.Version
}

// Claim reserves a value that must be unique. Personal values are keyed
// hashes. At most 512 bytes each of kind and value.
type Claim struct {
	Tenant events.TenantID
	Kind   string
	Value  string
	Stream events.Stream
}

// Lookup files a stream under a value, so that a command finds it again
// without asking a read model.
type Lookup struct {
	Tenant events.TenantID
	Kind   string
	Value  string
	Stream events.Stream
}

// Seen states how many streams were filed under a value when the command was
// decided. With every one of them also written or read it proves that the set
// is unchanged.
type Seen struct {
	Tenant events.TenantID
	Kind   string
	Value  string
	Count  int
}

// Idempotency is how a repeated request is known. Response holds ids and
// versions, never a secret.
type Idempotency struct {
	Tenant      events.TenantID
	Principal   string // who asked
	Route       string // method and concrete path
	Key         string // at most 512 bytes
	RequestHash string // keyed, of the whole request
	Response    string
	Expires     time.Time
}

// Receipt is the answer to an append that is durable.
type Receipt struct {
	Log         events.LogID
	First, Last events.Position // of its events; both the log's head when it had none
	RecordedAt  time.Time       // of its events; the log's time when it had none, or is replayed
	// Replayed is set when this very request was answered before; Response
	// is then what was stored, and Last the position from back then.
	Replayed bool
	Response string
}
