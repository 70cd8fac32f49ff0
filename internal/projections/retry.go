package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

// retryPage is how many waiting events are applied at once. What they made of
// the document is written before the next ones are read, so that a queue of any
// length needs no more memory, and a retry that dies goes on where it was.
const retryPage = 500

// ErrUnknownProjection says that there is no read model of this name.
var ErrUnknownProjection = errors.New("projections: there is no such read model")

// waitsItsTurn is the error of a document that a retry has brought so far.
const waitsItsTurn = "not tried again yet: the events before it were applied"

// Retried is what became of a document.
type Retried struct {
	// Key names it, unless it is the hash of a secret.
	Key string
	// Applied is how many of the events that waited were applied.
	Applied int
	// Parked says why it is parked still, and at which event; nil when it is
	// no more, or never was.
	Parked *docstore.Parked
}

// readAt reads the first of the events at some positions of the log, at least
// one.
type readAt func(context.Context, []events.Position) ([]events.Recorded, error)

// Retry applies to parked documents the events that wait beside them, once
// their fold is mended. It may run while projectors do: an event that comes
// meanwhile joins the queue, or is applied after it.
type Retry struct {
	stores stores
	readAt readAt
}

// NewRetry returns a Retry. ReadAt reads the first of the events at some
// positions of the log, at least one.
func NewRetry(m *docstore.Mongo, r *docstore.Redis, readAt func(context.Context, []events.Position) ([]events.Recorded, error)) *Retry {
	return &Retry{stores{mongo: m, redis: r}, readAt}
}

// Run tries the documents of a read model, in every generation of it that is
// folded: all that are parked when no keys are given. It tells what became of
// each. That one stays parked is no error. It fails with ErrUnknownProjection,
// with ErrForked when the log is not the one that was folded, and with
// docstore.ErrUnavailable; documents before the one it failed at are done.
func (r *Retry) Run(ctx context.Context, name string, keys []docstore.Key, told func(Retried)) error {
	all := readModels()
	i := slices.IndexFunc(all, func(m readModel) bool { return m.name == name })
	if i < 0 {
		return fmt.Errorf("%w: %s", ErrUnknownProjection, name)
	}
	reg, err := r.stores.mongo.Registration(ctx, name, all[i].version)
	if err != nil {
		return err
	}
	for _, generation := range following(reg) {
		if err := all[i].retry(r.stores, generation, r.readAt)(ctx, keys, told); err != nil {
			return err
		}
	}
	return nil
}

// bay is where the parked documents of one read model are.
type bay[T any] struct {
	projection Projection[T]
	parked     parkedStore
	readAt     func(context.Context, []events.Position) ([]events.Recorded, error)
	// load gives a parked document with what waits beside it; false when it is
	// not parked.
	load func(ctx context.Context, key docstore.Key) (taken[T], bool, error)
	// store writes the document after the first of what waited was applied,
	// with its new mark, which is nil when nothing waits any more. It tells
	// false, with nothing written, when the document is not as it was loaded,
	// and why when the store will never take it.
	store func(ctx context.Context, t taken[T], applied int, mark *docstore.Parked) (stored bool, why string, err error)
}

// taken is a parked document as it was loaded, and its body as events are
// applied to it.
type taken[T any] struct {
	key     docstore.Key
	mark    docstore.Parked
	body    *T
	waiting []events.Position    // in order: all, or one more than a page
	mongo   docstore.Document[T] // as it was loaded, in MongoDB
	redis   docstore.Held[T]     // as it was loaded, in Redis
}

func retryOf[T any](s bay[T]) func(context.Context, []docstore.Key, func(Retried)) error {
	return func(ctx context.Context, keys []docstore.Key, told func(Retried)) error {
		if len(keys) == 0 {
			all, err := s.parked.list(ctx, everyParked)
			if err != nil {
				return err
			}
			for _, p := range all {
				keys = append(keys, p.Key)
			}
		}
		for _, k := range keys {
			done, err := s.drain(ctx, k)
			if err != nil {
				return err
			}
			told(done)
		}
		return nil
	}
}

// drain applies what waits beside a document until nothing does, or until an
// event cannot be applied again.
//
// Dies the process here, the document is where some page brought it, and
// parked at the event after that.
func (s bay[T]) drain(ctx context.Context, key docstore.Key) (Retried, error) {
	done := Retried{Key: nameOf(key)}
	page := retryPage
	for races := 0; races < maxRaces; {
		t, parked, err := s.load(ctx, key)
		if err != nil || !parked {
			return done, err
		}
		r, err := s.round(ctx, t, page)
		switch {
		case err != nil:
			return done, err
		case r.raced:
			races++ // the projector, or another retry, was here
		case r.stuck != nil:
			done.Parked = r.stuck
			return done, nil
		case r.page > 0:
			page = r.page
		default:
			done.Applied, races = done.Applied+r.applied, 0
		}
	}
	return done, errRaces
}

// round is what came of one page.
type round struct {
	applied int              // and written
	raced   bool             // nothing was written, for the document was not as loaded
	stuck   *docstore.Parked // the first event cannot be applied; the document says so
	page    int              // nothing was written, for a page must be this small
}

func (s bay[T]) round(ctx context.Context, t taken[T], page int) (round, error) {
	read, err := s.read(ctx, t, page)
	if err != nil {
		return round{}, err
	}
	applied, why := s.apply(&t, read)
	switch {
	case why != "" && applied > 0: // the body is spoiled
		return round{page: applied}, nil
	case why != "":
		return s.stay(ctx, t, culprit(read[0], why))
	}
	stored, why, err := s.store(ctx, t, applied, next(t, applied))
	switch {
	case err != nil:
		return round{}, err
	case why != "" && applied > 1:
		return round{page: 1}, nil // which of them it was, single steps tell
	case why != "":
		return s.stay(ctx, t, culprit(read[0], why))
	}
	return round{applied: applied, raced: !stored}, nil
}

// read reads the first of the events that wait, and proves that they are those
// that were queued.
func (s bay[T]) read(ctx context.Context, t taken[T], page int) ([]events.Recorded, error) {
	read, err := s.readAt(ctx, t.waiting[:min(page, len(t.waiting))])
	if err != nil {
		return nil, err
	}
	for _, e := range read {
		if !slices.Contains(s.projection.Keys(e), t.key) {
			return nil, fmt.Errorf("%w: the event at %d is not one that was queued", ErrForked, e.Position)
		}
	}
	if len(read) == 0 {
		return nil, errors.New("projections: the log gave none of the events that wait")
	}
	return read, nil
}

// apply applies events to the body, and tells how many it took before it could
// not.
func (s bay[T]) apply(t *taken[T], read []events.Recorded) (applied int, why string) {
	for _, e := range read {
		if why := apply(s.projection, t.body, t.key, e); why != "" {
			return applied, why
		}
		applied++
	}
	return applied, ""
}

// next is the mark of a document after some of what waited was applied.
func next[T any](t taken[T], applied int) *docstore.Parked {
	if applied == len(t.waiting) {
		return nil
	}
	return &docstore.Parked{Position: t.waiting[applied], Error: waitsItsTurn}
}

// stay writes down why the document stays parked, where that is new.
func (s bay[T]) stay(ctx context.Context, t taken[T], mark docstore.Parked) (round, error) {
	if mark == t.mark {
		return round{stuck: &mark}, nil
	}
	stored, why, err := s.store(ctx, t, 0, &mark)
	if why != "" {
		err = &poison{s.projection.Model(), t.key, mark.Position, why}
	}
	return round{stuck: &mark, raced: !stored}, err
}
