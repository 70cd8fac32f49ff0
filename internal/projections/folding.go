package projections

import (
	"errors"
	"fmt"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

// folding folds a range of the log into documents outside of any store, which
// takes no more memory than it is given. It folds in memory as long as that
// fits: then memory grows with the documents and not with their events. What
// does not fit goes to disk by part: the documents as they are then, and behind
// them the events that came later, to be folded when the part is asked for.
type folding[T any] struct {
	projection Projection[T]
	// pack and unpack are how the store of the projection writes a document.
	pack    func(docstore.Document[T]) ([]byte, error)
	unpack  func([]byte) (docstore.Document[T], error)
	limit   int             // bytes, roughly
	through events.Position // nothing after it is folded
	skip    int             // parts before it are not wanted

	spill spill
	parts [partCount]foldingPart[T]
	used  int
}

// foldingPart is a part of the documents.
type foldingPart[T any] struct {
	docs    map[docstore.Key]*docstore.Document[T]
	weight  int
	spilled bool
}

// The records of a part on disk begin with what they are.
const (
	documentRecord = 'd'
	eventRecord    = 'e'
)

// add folds a batch. It fails with ErrUnfoldable.
func (f *folding[T]) add(b events.Batch) error {
	for _, e := range b.Events {
		if e.Position > f.through {
			break
		}
		if err := f.take(e); err != nil {
			return err
		}
	}
	for f.used > f.limit {
		if err := f.evict(); err != nil {
			return err
		}
	}
	return nil
}

func (f *folding[T]) take(e events.Recorded) error {
	var kept int64 = -1 // the part that has the event on disk already
	for _, k := range f.projection.Keys(e) {
		i := partOf(k)
		part := &f.parts[i]
		switch {
		case i < f.skip:
		case !part.spilled:
			weight, err := f.apply(part, k, e)
			if err != nil {
				return err
			}
			part.weight += weight
			f.used += weight
		case kept != int64(i):
			kept = int64(i)
			if err := f.keep(i, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// apply changes a document that is in memory, and tells by how much that may
// have grown.
func (f *folding[T]) apply(part *foldingPart[T], k docstore.Key, e events.Recorded) (weight int, _ error) {
	doc := part.docs[k]
	if doc == nil {
		if part.docs == nil {
			part.docs = make(map[docstore.Key]*docstore.Document[T])
		}
		doc = &docstore.Document[T]{Key: k, Body: new(T)}
		part.docs[k] = doc
		weight = 512 + 2*len(k) + 2*len(e.Data)
	}
	if e.Position <= doc.Position {
		return weight, nil
	}
	if err := mustApply(f.projection, doc.Body, k, e); err != nil {
		return 0, err
	}
	doc.Position = e.Position
	return weight + len(e.Data)/4, nil
}

func (f *folding[T]) keep(part int, e events.Recorded) error {
	record, err := encodeEvent(e)
	if err != nil {
		return err
	}
	return f.spill.put(part, append([]byte{eventRecord}, record...))
}

// evict moves the heaviest part to disk.
func (f *folding[T]) evict() error {
	heaviest := 0
	for i := range f.parts {
		if f.parts[i].weight > f.parts[heaviest].weight {
			heaviest = i
		}
	}
	part := &f.parts[heaviest]
	for _, doc := range part.docs {
		if deleted(doc.Body) {
			doc.Body = nil
		}
		record, err := f.pack(*doc)
		if err != nil {
			return err
		}
		if err := f.spill.put(heaviest, append([]byte{documentRecord}, record...)); err != nil {
			return err
		}
	}
	f.used -= part.weight
	*part = foldingPart[T]{spilled: true}
	return nil
}

// count is how many documents of a part are in memory, and false for a part
// that is on disk.
func (f *folding[T]) count(part int) (int, bool) {
	return len(f.parts[part].docs), !f.parts[part].spilled
}

// load gives the documents of a part, folded to the end, and forgets them. The
// parts may be asked for by several at once, each by one.
func (f *folding[T]) load(i int) (map[docstore.Key]*docstore.Document[T], error) {
	part := f.parts[i]
	f.parts[i] = foldingPart[T]{}
	if !part.spilled {
		return part.docs, nil
	}
	part.docs = make(map[docstore.Key]*docstore.Document[T])
	err := f.spill.each(i, func(record []byte) error {
		switch record[0] {
		case documentRecord:
			doc, err := f.unpack(record[1:])
			if doc.Body == nil {
				doc.Body = new(T)
			}
			part.docs[doc.Key] = &doc
			return err
		case eventRecord:
			e, err := decodeEvent(record[1:])
			if err != nil {
				return err
			}
			return f.again(&part, i, e)
		default:
			return errors.New("projections: spill: a record of no kind")
		}
	})
	return part.docs, err
}

// again applies an event that was on disk to those of its documents that are in
// the part.
func (f *folding[T]) again(part *foldingPart[T], i int, e events.Recorded) error {
	for _, k := range f.projection.Keys(e) {
		if partOf(k) != i {
			continue
		}
		if _, err := f.apply(part, k, e); err != nil {
			return err
		}
	}
	return nil
}

// Close removes what is on disk.
func (f *folding[T]) Close() error { return f.spill.Close() }

// ErrUnfoldable says that an event cannot be applied to its document, or the
// document not be stored, where that stops what is being done: the whole log is
// folded at once only by those who then compare, and half of it compares with
// nothing. Who folds batch by batch parks the document instead.
var ErrUnfoldable = errors.New("projections: an event cannot be applied")

// mustApply is apply where a document cannot be parked.
func mustApply[T any](p Projection[T], doc *T, k docstore.Key, e events.Recorded) error {
	if why := apply(p, doc, k, e); why != "" {
		return fmt.Errorf("%w: %s: document %s, position %d, %s: %s", ErrUnfoldable, p.Model(), nameOf(k), e.Position, e.Type, why)
	}
	return nil
}

// finished is finish where a document cannot be parked.
func finished[T any](p Projection[T], doc *docstore.Document[T]) (docstore.Document[T], error) {
	if why := finish(p, doc); why != "" {
		return *doc, fmt.Errorf("%w: %s: document %s at position %d: %s", ErrUnfoldable, p.Model(), nameOf(doc.Key), doc.Position, why)
	}
	return *doc, nil
}

// unfoldable is what a store's refusal means where a document cannot be parked.
func unfoldable(m docstore.Model, err error) error {
	for k, why := range docstore.Refused(err) {
		return fmt.Errorf("%w: %s: document %s: %s", ErrUnfoldable, m, nameOf(k), why)
	}
	return err
}
