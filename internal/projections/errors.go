package projections

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

// ErrPoison says that a document to which an event cannot be applied cannot be
// parked either: the store takes it no more as it was before. It stops the
// projection, for trying again ends the same way.
var ErrPoison = errors.New("projections: a document cannot be parked")

// ErrForked says that the log is not the one that was folded: another one, or
// another event at the checkpoint. It stops the projection; the read model has
// to be built anew.
var ErrForked = errors.New("projections: log_forked: the checkpoint is not of this log")

// ErrBehind says that a batch starts above the checkpoint, which has gone back
// since: its store was restored or lost. Resume tells where to go on.
var ErrBehind = errors.New("projections: the batch starts above the checkpoint")

// What a query fails with beside what is wrong with it, for those who may not
// know the stores.
var (
	// ErrNotFound says that there is none within the scope.
	ErrNotFound = docstore.ErrNotFound
	// ErrUnavailable says that the store cannot be asked.
	ErrUnavailable = docstore.ErrUnavailable
)

// poison is ErrPoison with the document and the last event of its batch.
type poison struct {
	model    docstore.Model
	key      docstore.Key
	position events.Position
	why      string
}

func (p *poison) Error() string {
	return fmt.Sprintf("%v: %s: document %s, position %d: %s", ErrPoison, p.model, nameOf(p.key), p.position, p.why)
}

// nameOf names a document to people, unless its name is the hash of a secret,
// which stands in no message. The event at its position tells enough.
func nameOf(key docstore.Key) string {
	if strings.HasPrefix(string(key), secretKind) {
		return secretKind + "..."
	}
	return string(key)
}

// Is tells that p is an ErrPoison.
func (p *poison) Is(target error) bool { return target == ErrPoison }

// checkStart tells whether a batch may be applied to what was folded up to at.
func checkStart(at events.Mark, b events.Batch) error {
	switch {
	case at.Position > 0 && at.Log != b.From.Log:
		return fmt.Errorf("%w: it is of log %s, the batch is of %s", ErrForked, at.Log, b.From.Log)
	case b.From.Position > at.Position:
		return fmt.Errorf("%w: the batch starts at %d, the checkpoint is at %d", ErrBehind, b.From.Position, at.Position)
	}
	if there, known := eventAt(b, at.Position); known && there != at.Event {
		return fmt.Errorf("%w: at %d it has event %s, the log has %s", ErrForked, at.Position, at.Event, there)
	}
	return nil
}

// eventAt is the event that a batch proves to be at p, and false when it
// proves none.
func eventAt(b events.Batch, p events.Position) (events.EventID, bool) {
	i, found := slices.BinarySearchFunc(b.Events, p, func(e events.Recorded, p events.Position) int {
		return cmp.Compare(e.Position, p)
	})
	switch {
	case found:
		return b.Events[i].ID, true
	case p == b.From.Position:
		return b.From.Event, true
	case p == b.Through.Position:
		return b.Through.Event, true
	default:
		return events.EventID{}, false
	}
}
