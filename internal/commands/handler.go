package commands

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"tenure/internal/authz"
	"tenure/internal/eventlog"
	"tenure/internal/events"
)

// Handler carries out commands. All fields must be set.
type Handler struct {
	Appender *eventlog.Appender
	// Reader reads the log, with the right to read claims and lookups.
	Reader eventlog.Querier
	// Digest gives the keyed hashes of a personal value, one for each secret
	// that is in use, the newest first. Claims of such a value are on all of
	// them, so that a new secret lets nothing be claimed twice.
	Digest func(value string) []string
	// Reload gives the present authority of a principal. It is asked when a
	// fact that the principal rested on has moved.
	Reload func(ctx context.Context, by authz.Principal) (authz.Principal, error)
	// Now and NewID are the clock and the source of event ids.
	Now   func() time.Time
	NewID func() uuid.UUID
	// Observe, when set, is told of each command by the permission that it
	// needs, and of its outcome. The context that it gives is the command's.
	Observe func(ctx context.Context, command string) (context.Context, func(error))

	terms Terms
}

// Origin is where a request came from. It is recorded with what the request
// did, and nothing is decided by it.
type Origin struct {
	RequestID     string
	CorrelationID string // the request id when empty
	IP            string
	UserAgent     string
	Traceparent   string
}

type originKey struct{}

// WithOrigin gives a context whose commands record o.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// Receipt is the answer to a command that is durable.
type Receipt struct {
	Log events.LogID
	// Position is that of the last event, or of the newest event that was read
	// when there was nothing to change.
	Position events.Position
	// Stream is what the command is about, and Version the one it has now.
	Stream  events.Stream
	Version events.Version
	// Events is what was appended, to all streams. It is empty when the
	// command found nothing to change.
	Events []events.Recorded
	// History is the whole stream that the command is about, with what was
	// appended: enough to answer without a read model.
	History []events.Recorded
	// Replayed is set when the command had happened before, and this is the
	// receipt of then.
	Replayed bool

	streams map[events.Stream][]events.Recorded
}

// Past is the history of all streams of these types that the command read or
// wrote, with what was appended, in the order of the log.
func (r Receipt) Past(types ...events.StreamType) []events.Recorded {
	var all []events.Recorded
	for s, history := range r.streams {
		if slices.Contains(types, s.Type) {
			all = append(all, history...)
		}
	}
	slices.SortFunc(all, func(a, b events.Recorded) int { return cmp.Compare(a.Position, b.Position) })
	return all
}
