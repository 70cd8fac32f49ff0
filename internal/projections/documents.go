package projections

import (
	"context"
	"errors"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

// maxRaces is how often a batch is applied again because another writer was
// here. Each time that one came further, so this ends; the bound is for a
// store that contradicts itself.
const maxRaces = 32

// errRaces says that the bound was reached.
var errRaces = errors.New("projections: other writers were always faster")

// documents folds a projection into MongoDB. It keeps nothing from one batch
// to the next, for another process may have folded the one between.
type documents[T any] struct {
	projection Projection[T]
	mongo      *docstore.Mongo
	store      docstore.Collection[T]
	// onParked is told, before the checkpoint moves, which documents that a
	// batch touches are parked. Nil: nobody is.
	onParked func(map[docstore.Key]docstore.Parked)
}

func inMongo[T any](p Projection[T], m *docstore.Mongo) *documents[T] {
	return &documents[T]{projection: p, mongo: m, store: docstore.In[T](m, p.Model())}
}

// prepare makes the indexes.
func (d *documents[T]) prepare(ctx context.Context) error {
	return d.store.Prepare(ctx, d.projection.Indexes)
}

// resume is the checkpoint.
func (d *documents[T]) resume(ctx context.Context) (events.Mark, error) {
	return d.mongo.Checkpoint(ctx, d.projection.Model())
}

// fold applies a batch and moves the checkpoint. Applied twice, late, or by
// several at once, the documents end the same. A document that cannot take an
// event is parked, and holds back no other. It fails with ErrBehind, ErrForked
// and ErrPoison, and otherwise may be tried again.
//
// Dies the process at any point, the checkpoint is not beyond what every
// document has, so the events that one misses come again, and those that have
// them know it by their position.
func (d *documents[T]) fold(ctx context.Context, b events.Batch) error {
	at, err := d.resume(ctx)
	if err != nil {
		return err
	}
	if err := checkStart(at, b); err != nil {
		return err
	}
	if err := d.write(ctx, b); err != nil {
		return err
	}
	return d.move(ctx, at, b)
}

// write brings every document that the batch touches to its end, or parks it.
// Passes that are made because a document cannot take all of the batch find
// out more each time, so they end; races are bounded.
func (d *documents[T]) write(ctx context.Context, b events.Batch) error {
	keys := touched(d.projection, b)
	if len(keys) == 0 {
		return nil
	}
	known := noTrouble()
	for races := 0; races < maxRaces; {
		c, raced, err := d.pass(ctx, b, keys, known)
		if err != nil {
			return err
		}
		if raced {
			races++
		}
		if !raced && !c.again {
			if d.onParked != nil {
				d.onParked(c.parked)
			}
			return nil
		}
	}
	return errRaces
}

// move moves the checkpoint to the end of the batch, unless another writer has
// it there or beyond already. What lies between at and the end was applied by
// this one, so it may also move on from where another one left it.
func (d *documents[T]) move(ctx context.Context, at events.Mark, b events.Batch) error {
	for range maxRaces {
		if at.Position >= b.Through.Position && at != (events.Mark{}) {
			return nil
		}
		moved, err := d.mongo.MoveCheckpoint(ctx, d.projection.Model(), at, b.Through)
		if moved || err != nil {
			return err
		}
		if at, err = d.resume(ctx); err != nil {
			return err
		}
		if err := checkStart(at, b); err != nil {
			return err
		}
	}
	return errRaces
}

// changes applies the events of a batch, in order, each to the documents that
// do not have it yet, and gives what is to be written of them. What it finds out
// about documents that cannot take an event it adds to what is known. It fails
// with ErrPoison.
func changes[T any](p Projection[T], loaded map[docstore.Key]docstore.Document[T], b events.Batch, known *trouble) (changed[T], error) {
	c := changed[T]{works: make(map[docstore.Key]*work[T]), parked: make(map[docstore.Key]docstore.Parked)}
	var order []*work[T]
	for _, e := range b.Events {
		for _, k := range p.Keys(e) {
			w := c.works[k]
			if w == nil {
				w = &work[T]{Document: start(loaded, k)}
				c.works[k] = w
				order = append(order, w)
			}
			if e.Position > w.Position {
				c.take(p, w, e, known)
			}
		}
	}
	for _, w := range order {
		if err := c.end(p, w, known); err != nil {
			return c, err
		}
	}
	return c, nil
}

// start is the document that events are applied to: the loaded one, or an
// empty one for what is new or has left a tombstone.
func start[T any](loaded map[docstore.Key]docstore.Document[T], k docstore.Key) docstore.Document[T] {
	doc := loaded[k]
	doc.Key = k
	if doc.Body == nil {
		doc.Body = new(T)
	}
	return doc
}

// finish makes a document ready to be written: with what it is found by, or as
// a tombstone. It tells why when that panics.
func finish[T any](p Projection[T], doc *docstore.Document[T]) (why string) {
	defer func() {
		if r := recover(); r != nil {
			why = panicked(r)
		}
	}()
	if deleted(doc.Body) {
		doc.Body = nil
		return ""
	}
	doc.Tags, doc.Texts = p.Tags(doc.Body), p.Texts(doc.Body)
	return ""
}
