package events

import (
	"time"

	"github.com/google/uuid"
)

// TenantID names a tenant: a supplier's UUID, or Platform.
type TenantID string

// Platform is the tenant of what belongs to no supplier.
const Platform TenantID = "platform"

// UserID names a user.
type UserID string

// KeyID names an API key. It is not the key and grants nothing.
type KeyID string

// Position is a place in the log. The first is 1, and none is left out.
type Position int64

// Version is a place in a stream. The first is 1; 0 is that of a stream
// without events.
type Version int64

// LogID names a log. A log that was made anew has another one, so that a
// checkpoint of the former is never taken for one of the new.
type LogID uuid.UUID

// String gives the usual form of a UUID.
func (l LogID) String() string { return uuid.UUID(l).String() }

// EventID names an event. It is chosen by whoever appends it, so that the same
// append sent twice is known again.
type EventID = uuid.UUID

// StreamType is the kind of thing whose history a stream is.
type StreamType string

// The kinds of streams. They are in the log and therefore permanent.
const (
	SupplierStreams StreamType = "supplier"
	UserStreams     StreamType = "user"
	APIKeyStreams   StreamType = "api_key"

	// MembershipStreams have one stream for each user and scope.
	MembershipStreams StreamType = "membership"
)

// Stream names the history of one thing.
type Stream struct {
	Tenant TenantID
	Type   StreamType
	ID     string
}

// SupplierStream is the history of a supplier. A supplier's id is the tenant of
// everything that belongs to it, itself included.
func SupplierStream(id TenantID) Stream { return Stream{id, SupplierStreams, string(id)} }

// UserStream is the history of a user, in the tenant that made him.
func UserStream(t TenantID, id UserID) Stream { return Stream{t, UserStreams, string(id)} }

// APIKeyStream is the history of an API key, in the tenant of its owner.
func APIKeyStream(t TenantID, id KeyID) Stream { return Stream{t, APIKeyStreams, string(id)} }

// Payload is what happened. Its type's name is chosen, never derived, and is
// permanent once an event is in a log.
type Payload interface {
	EventType() string
}

// Recorded is an event as it stands in the log.
type Recorded struct {
	Position   Position
	Stream     Stream
	Version    Version
	ID         EventID
	Type       string // the name it was recorded under; Payload may be a successor's
	Schema     int
	Payload    Payload
	Meta       Meta
	RecordedAt time.Time // UTC, to the microsecond; never decreases along the log
	// Data is the payload's bytes as they stand in the log. Only readers for
	// auditors fill it.
	Data []byte
}

// PrincipalKind says in which manner the actor of an event was known.
type PrincipalKind string

// The kinds of principals.
const (
	ByUser   PrincipalKind = "user"
	ByAPIKey PrincipalKind = "api_key"
	BySystem PrincipalKind = "system"
)

// Meta says who caused an event, by what right, and as part of what. It holds
// no secret, and of personal data only what the struct tags name.
type Meta struct {
	Actor         UserID        `json:"actor_id,omitempty"`
	System        string        `json:"system,omitempty"` // why the system acted; empty for people
	Principal     PrincipalKind `json:"principal"`
	CorrelationID string        `json:"correlation_id"`
	CausationID   string        `json:"causation_id,omitempty"`
	RequestID     string        `json:"request_id,omitempty"`
	IP            string        `json:"ip,omitempty" personal:"true"`
	UserAgent     string        `json:"user_agent,omitempty" personal:"true"`
	Traceparent   string        `json:"traceparent,omitempty"`
	AllowedBy     *AllowedBy    `json:"allowed_by,omitempty"`
}

// AllowedBy is the reason why a command was allowed.
type AllowedBy struct {
	Permission string `json:"permission"`
	Role       string `json:"role,omitempty"`
	Capability string `json:"capability,omitempty"`
	// Membership is the stream id of the membership that gave the right;
	// empty when the right was the user's own.
	Membership string `json:"membership,omitempty"`
}

// Mark is a proven place in a log: its identity, a position, and the id of the
// event there. Position 0 has no event, and the zero EventID.
type Mark struct {
	Log      LogID
	Position Position
	Event    EventID
}

// Batch is a range of the log as one consumer gets it: the events of the types
// it asked for, after From and up to and with Through. The range may hold
// none of them. Two batches that follow each other share a mark.
type Batch struct {
	From    Mark
	Through Mark
	Events  []Recorded
}
