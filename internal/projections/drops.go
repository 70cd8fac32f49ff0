package projections

import (
	"context"
	"hash/fnv"
	"slices"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

// dropsTopic is where it is said which authority documents were written. It is
// permanent.
const dropsTopic = "revocation"

// maxDropped is how many documents one message names. More are all.
const maxDropped = 4096

// drops says that everything up to Through is in Redis, and which documents
// the events after From changed. Whoever has handled what came up to From and
// drops these knows nothing older than Through; whoever has not drops all.
type drops struct {
	Projection string          `json:"projection"`
	Version    int             `json:"version"`
	Generation int             `json:"generation"`
	Log        string          `json:"log"`
	From       events.Position `json:"from"`
	Through    events.Position `json:"through"`
	// Marks tell the documents, without naming them.
	Marks []uint32 `json:"marks,omitempty"`
	// All says that there are more than are named.
	All bool `json:"all,omitempty"`
	// Awaited says that a caller may be waiting until everybody has handled it.
	Awaited bool `json:"awaited,omitempty"`
}

func (d drops) model() docstore.Model {
	return docstore.Model{Projection: d.Projection, Version: d.Version, Generation: d.Generation}
}

// markOf stands for a document in messages and epochs. Several documents may
// share one, and of a secret's keyed hash it tells next to nothing.
func markOf(k docstore.Key) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(k)) // never fails
	return h.Sum32()
}

// dropsIn are the drops of a place where nothing happened.
func dropsIn(m docstore.Model, at events.Mark) drops {
	return drops{
		Projection: m.Projection, Version: m.Version, Generation: m.Generation,
		Log: at.Log.String(), From: at.Position, Through: at.Position,
	}
}

// dropsOf tells what a batch drops.
func dropsOf[T any](p Projection[T]) func(docstore.Model, events.Batch) drops {
	awaited := takers(p.Types())
	return func(m docstore.Model, b events.Batch) drops {
		d := dropsIn(m, b.Through)
		d.From = b.From.Position
		for _, k := range touched(p, b) {
			d.Marks = append(d.Marks, markOf(k))
		}
		d.Awaited = slices.ContainsFunc(b.Events, func(e events.Recorded) bool { return awaited[e.Type] })
		return d.bounded()
	}
}

// and is what d and then next say together. What lies between them, and was
// said by nobody here, makes it all.
func (d drops) and(next drops) drops {
	next.Awaited = next.Awaited || d.Awaited
	if next.Log != d.Log || next.From > d.Through {
		next.All, next.Marks = true, nil
		return next
	}
	next.From, next.Through = d.From, max(d.Through, next.Through)
	next.All = next.All || d.All
	next.Marks = slices.Concat(d.Marks, next.Marks)
	return next.bounded()
}

func (d drops) bounded() drops {
	if d.All || len(d.Marks) > maxDropped {
		d.All, d.Marks = true, nil
	}
	return d
}

// dropping makes a build say what it drops: after each batch, when the documents are
// in Redis and not before, or someone would read the former one again; and at
// each beat, so that it is noticed when a message was lost.
//
// Dies the process after the fold, nobody hears of this batch. Whoever folds
// next says that he is beyond it, and all is dropped.
func dropping(b *build, said *outbox[drops], batch func(docstore.Model, events.Batch) drops) *build {
	fold, beat := b.fold, b.beat
	b.fold = func(ctx context.Context, e events.Batch) (events.Mark, error) {
		at, err := fold(ctx, e)
		if err == nil {
			said.put(batch(b.model, e))
		}
		return at, err
	}
	b.beat = func(ctx context.Context) (events.Mark, error) {
		at, err := beat(ctx)
		if err == nil && at.Log != (events.LogID{}) {
			said.put(dropsIn(b.model, at))
		}
		return at, err
	}
	return b
}
