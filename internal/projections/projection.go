package projections

import (
	"slices"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
)

// Projection is a pure fold of the log into documents of type T. The engines
// do the rest.
type Projection[T any] struct {
	// Name is permanent.
	Name string
	// Version is raised with every change of Handles, T, or what Apply makes
	// of an event. Another version is another read model.
	Version int
	// Handles are the payloads that Apply knows, one zero value each.
	Handles []events.Payload
	// Keys are the documents that an event changes; none for one that it does
	// not handle.
	Keys func(e events.Recorded) []docstore.Key
	// Apply changes the document under one of the event's keys. It has no
	// clock, no randomness and no I/O, looks at no other document, and keeps
	// nothing that grows without bound. A document that is left zero is
	// deleted; one that never was comes as zero.
	Apply func(doc *T, key docstore.Key, e events.Recorded)
	// Tags say who may see a document.
	Tags func(doc *T) authz.Tags
	// Texts are what a search looks into, by name.
	Texts func(doc *T) map[string]string
	// Indexes serve the lists.
	Indexes docstore.Indexes
	// Parked is where a query notes the position of the event that could not
	// be applied to a document. It is no part of what is stored. Nil: queries
	// do not tell.
	Parked func(doc *T) *events.Position

	generation int
}

// At is the projection as one of its generations folds it.
func (p Projection[T]) At(generation int) Projection[T] {
	p.generation = generation
	return p
}

// Model names the build that p was put At. Without that it is the first, which
// need not be the one that is read: who reads asks Live.
func (p Projection[T]) Model() docstore.Model {
	return docstore.Model{Projection: p.Name, Version: p.Version, Generation: max(p.generation, 1)}
}

// Types are the names that the log may hold its events under, sorted: those of
// retired events too, whose successors it handles.
func (p Projection[T]) Types() []string {
	var types []string
	for _, name := range events.Types() {
		sample, _ := events.Sample(name)
		handled := slices.ContainsFunc(p.Handles, func(h events.Payload) bool {
			return h.EventType() == sample.EventType()
		})
		if handled {
			types = append(types, name)
		}
	}
	return types
}

// shown is a document as a query gives it.
func (p Projection[T]) shown(found docstore.Shown[T]) T {
	if p.Parked != nil {
		*p.Parked(&found.Body) = found.Parked
	}
	return found.Body
}

func (p Projection[T]) allShown(found []docstore.Shown[T]) []T {
	all := make([]T, len(found))
	for i, f := range found {
		all[i] = p.shown(f)
	}
	return all
}

// fold is what past makes of the document under a key, up to the first event
// that cannot be applied to it.
func (p Projection[T]) fold(key docstore.Key, past []events.Recorded) T {
	var doc T
	for i, e := range past {
		if slices.Contains(p.Keys(e), key) && apply(p, &doc, key, e) != "" {
			return p.fold(key, past[:i])
		}
	}
	return doc
}
