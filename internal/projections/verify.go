package projections

import (
	"context"
	"fmt"
	"os"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

// Verify folds the log again and sets what is live of a read model against it,
// while events go on to be folded: each document has to be what its events make
// of it up to its own position, and none may be missing that any event up to
// the checkpoint touched. Repair puts right what differs. It fails with
// ErrNotBuilt when nothing is live.
func (r *Rebuilder) Verify(ctx context.Context, name string, repair bool) (Comparison, error) {
	m, err := r.one(name)
	if err != nil {
		return Comparison{}, err
	}
	reg, err := r.Mongo.Registration(ctx, m.name, m.version)
	if err == nil && reg.Live == 0 {
		err = fmt.Errorf("%w: no generation of %s is live", ErrNotBuilt, name)
	}
	if err != nil {
		return Comparison{}, err
	}
	v := &verifying{Rebuilder: r, repair: repair, options: options{memory: r.Memory, dir: r.Dir}}
	if v.memory <= 0 {
		v.memory = defaultMemory
	}
	if v.dir == "" {
		v.dir = os.TempDir()
	}
	if err := m.verify(ctx, v, reg.Live); err != nil {
		return Comparison{}, fmt.Errorf("projections: verify %s: %w", name, err)
	}
	return v.close(), nil
}

// verifying is a Verify on its way.
type verifying struct {
	*Rebuilder
	options
	Comparison
	repair bool
}

// fold folds the log up to a place.
func (v *verifying) fold(ctx context.Context, through events.Mark, types []string, add func(events.Batch) error) error {
	return v.Log.each(ctx, events.Mark{}, through, types, func(p events.Position) {
		v.tell(Step{Phase: Reading, Done: int64(p), Total: int64(through.Position)})
	}, add)
}

// onward is a document after an event. Whoever holds the former one keeps it.
func onward[T any](p Projection[T], was *docstore.Document[T], e events.Recorded) (*docstore.Document[T], error) {
	body := new(T)
	if was.Body != nil {
		*body = *was.Body
	}
	doc := &docstore.Document[T]{Key: was.Key, Position: e.Position, Body: body}
	return doc, mustApply(p, doc.Body, doc.Key, e)
}
