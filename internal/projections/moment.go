package projections

import (
	"slices"
	"time"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

// resolution is how finely read models know time. It is MongoDB's, and folds
// keep to it too, so that a fold in memory equals what the store gives back.
const resolution = time.Millisecond

// moment is when an event was recorded, as read models show it.
func moment(e events.Recorded) time.Time { return e.RecordedAt.UTC().Truncate(resolution) }

// moments is a time of an event's payload, as read models show it.
func moments(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	shown := t.UTC().Truncate(resolution)
	return &shown
}

// ifAny is a list of the tenant, empty for none.
func ifAny(t events.TenantID) []events.TenantID {
	if t == "" {
		return nil
	}
	return []events.TenantID{t}
}

// fieldsOf are the fields that lists can be ordered by, each of which needs an
// index.
func fieldsOf(sorts map[string]docstore.Field) []docstore.Field {
	names := make([]string, 0, len(sorts))
	for name := range sorts {
		names = append(names, name)
	}
	slices.Sort(names)
	fields := make([]docstore.Field, len(names))
	for i, name := range names {
		fields[i] = sorts[name]
	}
	return fields
}

// foldStream is what the history of one stream makes of the document that its
// events have in common.
func foldStream[T any](p Projection[T], past []events.Recorded) T {
	for _, e := range past {
		if keys := p.Keys(e); len(keys) > 0 {
			return p.fold(keys[0], past)
		}
	}
	var none T
	return none
}
