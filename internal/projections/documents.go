package projections

import (
	"context"
	"errors"

	"tenure/internal/authz"
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
}

func inMongo[T any](p Projection[T], m *docstore.Mongo) *documents[T] {
	return &documents[T]{p, m, docstore.In[T](m, p.Model())}
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
// several at once, the documents end the same. It fails with ErrBehind,
// ErrForked and ErrPoison, and otherwise may be tried again.
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
		return blame(d.projection, b, err)
	}
	return d.move(ctx, at, b)
}

// write brings every document that the batch touches to its end.
func (d *documents[T]) write(ctx context.Context, b events.Batch) error {
	keys := touched(d.projection, b)
	if len(keys) == 0 {
		return nil
	}
	for range maxRaces {
		// Of a bulk the store tells only how many met another writer, not
		// which, so everything is loaded again.
		loaded, err := d.store.Load(ctx, authz.SystemScope("folding"), keys)
		if err != nil {
			return err
		}
		fresh, known, err := changes(d.projection, loaded, b)
		if err != nil {
			return err
		}
		inserted, err := d.store.Insert(ctx, fresh)
		if err != nil {
			return err
		}
		replaced, err := d.store.Replace(ctx, known)
		if err != nil {
			return err
		}
		if !inserted && !replaced {
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
// do not have it yet. It gives the documents that are new and those that were
// loaded, as they are to be written.
func changes[T any](p Projection[T], loaded map[docstore.Key]docstore.Document[T], b events.Batch) (fresh, known []docstore.Document[T], _ error) {
	working := make(map[docstore.Key]*docstore.Document[T])
	var order []docstore.Key
	for _, e := range b.Events {
		for _, k := range p.Keys(e) {
			doc := working[k]
			if doc == nil {
				doc = start(loaded, k)
				working[k] = doc
				order = append(order, k)
			}
			if e.Position <= doc.Position {
				continue
			}
			if err := apply(p, doc.Body, k, e); err != nil {
				return nil, nil, err
			}
			doc.Position = e.Position
		}
	}
	for _, k := range order {
		switch doc := finish(p, working[k]); {
		case doc.Position == doc.Loaded: // it had all of them
		case doc.Loaded == 0:
			fresh = append(fresh, doc)
		default:
			known = append(known, doc)
		}
	}
	return fresh, known, nil
}

// start is the document that events are applied to: the loaded one, or an
// empty one for what is new or has left a tombstone.
func start[T any](loaded map[docstore.Key]docstore.Document[T], k docstore.Key) *docstore.Document[T] {
	doc := loaded[k]
	doc.Key = k
	if doc.Body == nil {
		doc.Body = new(T)
	}
	return &doc
}

// finish makes a document ready to be written: with what it is found by, or as
// a tombstone.
func finish[T any](p Projection[T], doc *docstore.Document[T]) docstore.Document[T] {
	if deleted(doc.Body) {
		doc.Body = nil
		return *doc
	}
	doc.Tags, doc.Texts = p.Tags(doc.Body), p.Texts(doc.Body)
	return *doc
}
