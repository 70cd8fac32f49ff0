package projections

import (
	"context"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
)

// changed is what a pass over a batch makes of the documents it touches.
type changed[T any] struct {
	fresh, known []docstore.Document[T]
	// waiting are the events that join those beside parked documents.
	waiting []docstore.Waiting
	// parked are all documents of the batch that are parked now.
	parked map[docstore.Key]docstore.Parked
	// again says that some document needs another pass.
	again bool

	works map[docstore.Key]*work[T]
}

// work is a document as events are applied to it.
type work[T any] struct {
	docstore.Document[T]
	applied int             // events, in this pass
	last    events.Recorded // the one applied last
	left    bool            // spoiled, and for the next pass
}

// take gives the document an event that it does not have yet.
func (c *changed[T]) take(p Projection[T], w *work[T], e events.Recorded, known *trouble) {
	mark, found := known.culprits[w.Key]
	switch {
	case w.left:
	case w.Parked != nil:
		c.wait(w, e)
	case found && mark.Position == e.Position:
		w.Parked = &mark
		c.wait(w, e)
	default:
		if why := apply(p, w.Body, w.Key, e); why != "" {
			known.culprits[w.Key] = culprit(e, why)
			w.applied, w.left, c.again = 0, true, true // nothing of it is written
			w.Position = w.Loaded
			return
		}
		w.Position, w.last = e.Position, e
		w.applied++
	}
}

func (c *changed[T]) wait(w *work[T], e events.Recorded) {
	w.Position = e.Position
	c.waiting = append(c.waiting, docstore.Waiting{Key: w.Key, Position: e.Position})
}

// end sorts a document by how it is to be written.
func (c *changed[T]) end(p Projection[T], w *work[T], known *trouble) error {
	if w.Parked != nil {
		c.parked[w.Key] = *w.Parked
	}
	if w.Position == w.Loaded {
		return nil // it had all of them, or is spoiled
	}
	if w.applied == 0 && w.Loaded > 0 {
		w.Frozen = true
	} else if why := finish(p, &w.Document); why != "" {
		c.again = true
		return c.refuse(p, w, why, known)
	}
	if w.Loaded == 0 {
		c.fresh = append(c.fresh, w.Document)
	} else {
		c.known = append(c.known, w.Document)
	}
	return nil
}

// refuse notes why what events made of a document will never be in the store.
// The last of them is the culprit, unless the next pass finds that the one
// before it is. It fails with ErrPoison when the document is refused as it was
// before all of them.
func (c *changed[T]) refuse(p Projection[T], w *work[T], why string, known *trouble) error {
	if w.applied == 0 {
		return &poison{p.Model(), w.Key, w.Position, why}
	}
	known.culprits[w.Key] = culprit(w.last, why)
	return nil
}

// pass applies a batch once, and tells whether it has to be applied again:
// since a document cannot take all of it, or since another writer was here.
//
// Dies the process here, events may be queued beside documents that were not
// moved past them, and documents may be written that the others were not: the
// same events come again, and each document's position tells what it misses.
func (d *documents[T]) pass(ctx context.Context, b events.Batch, keys []docstore.Key, known *trouble) (c changed[T], raced bool, _ error) {
	// Of a bulk the store tells only how many met another writer, not which,
	// so everything is loaded again.
	loaded, err := d.store.Load(ctx, authz.SystemScope("folding"), keys)
	if err != nil {
		return c, false, err
	}
	if c, err = changes(d.projection, loaded, b, known); err != nil {
		return c, false, err
	}
	if err := d.store.Queue(ctx, c.waiting); err != nil {
		return c, false, err
	}
	inserted, err := d.store.Insert(ctx, c.fresh)
	if err := c.refused(d.projection, known, err); err != nil {
		return c, false, err
	}
	replaced, err := d.store.Replace(ctx, c.known)
	return c, inserted || replaced, c.refused(d.projection, known, err)
}

// refused sorts what a write failed with.
func (c *changed[T]) refused(p Projection[T], known *trouble, err error) error {
	refused := docstore.Refused(err)
	if len(refused) == 0 {
		return err
	}
	c.again = true
	for k, why := range refused {
		if err := c.refuse(p, c.works[k], why, known); err != nil {
			return err
		}
	}
	return nil
}
