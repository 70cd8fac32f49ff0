package projections

import (
	"encoding/json"
	"fmt"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

// partitionWork is a partition as events are applied to its documents.
type partitionWork[T any] struct {
	projection Projection[T]
	part       docstore.Part[T]
	known      *trouble

	docs  map[docstore.Key]*T
	holds map[docstore.Key]docstore.Hold[T]
	// spoiled says that a document was found to be one that cannot take an
	// event. Nothing of the partition is written then.
	spoiled bool
}

// take applies an event to one of the partition's documents, or queues it
// beside it.
func (w *partitionWork[T]) take(k docstore.Key, e events.Recorded) {
	if hold, parked := w.holds[k]; parked {
		w.holds[k] = joined(hold, e)
		return
	}
	if held, parked := w.part.Held[k]; parked {
		w.holds[k] = joined(docstore.Hold[T]{Was: held.Text, Now: held}, e)
		return
	}
	doc := w.docs[k]
	if doc == nil {
		loaded := w.part.Docs[k]
		doc = &loaded
	}
	mark, found := w.known.culprits[k]
	if found && mark.Position == e.Position {
		w.hold(k, doc, mark, e)
		return
	}
	w.docs[k] = doc
	why := apply(w.projection, doc, k, e)
	if why == "" && w.known.careful[k] {
		why = unwritable(doc)
	}
	if why == "" {
		return
	}
	w.spoiled = true
	if !found || e.Position < mark.Position {
		w.known.culprits[k] = culprit(e, why)
	}
}

// hold parks a document as the events before left it.
func (w *partitionWork[T]) hold(k docstore.Key, doc *T, mark docstore.Parked, e events.Recorded) {
	now := docstore.Held[T]{Parked: mark}
	if !deleted(doc) {
		now.Doc = doc
	}
	delete(w.docs, k)
	w.holds[k] = joined(docstore.Hold[T]{Now: now}, e)
}

func joined[T any](h docstore.Hold[T], e events.Recorded) docstore.Hold[T] {
	h.Now.Waiting++
	h.Queue = append(h.Queue, e.Position)
	return h
}

// unwritable tells why a document has no form in Redis.
func unwritable[T any](doc *T) string {
	if _, err := json.Marshal(doc); err != nil {
		return fmt.Sprintf("it cannot be encoded: %T", err)
	}
	return ""
}

// parked are the documents of the partition that are parked, among those that
// were loaded or came to be.
func (w *partitionWork[T]) parked(into map[docstore.Key]docstore.Parked) {
	for k, h := range w.part.Held {
		into[k] = h.Parked
	}
	for k, h := range w.holds {
		into[k] = h.Now.Parked
	}
}

// refused notes which documents Redis will never take as the events of a batch
// leave them; which of the events it was, the next pass finds out. It fails with
// ErrPoison when that did not help.
func (g *partitions[T]) refused(b events.Batch, known *trouble, err error) error {
	refused := docstore.Refused(err)
	if len(refused) == 0 {
		return err
	}
	for k, why := range refused {
		if known.careful[k] {
			return &poison{g.projection.Model(), k, b.Through.Position, why}
		}
		known.careful[k] = true
	}
	return nil
}
