package projections

import (
	"context"
	"encoding/json"
	"errors"
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

// docsVerify is a Verify of a read model in MongoDB.
type docsVerify[T any] struct {
	*verifying
	folding[T]
	mongo *docstore.Mongo
	store docstore.Collection[T]
	from  events.Mark // the checkpoint: up to it everything has to be there
	seen  spill       // the sums of what is stored, by part
}

// suspect is a document that is not at once seen to be right, as the log made it
// up to the checkpoint. Nil: no event touched it.
type suspect[T any] struct {
	key docstore.Key
	doc *docstore.Document[T]
}

func verifyDocuments[T any](ctx context.Context, v *verifying, p Projection[T]) (err error) {
	d := &docsVerify[T]{verifying: v, mongo: v.Mongo, store: docstore.In[T](v.Mongo, p.Model()), seen: spill{under: v.dir}}
	if d.from, err = v.Mongo.Checkpoint(ctx, p.Model()); err != nil {
		return err
	}
	d.folding = folding[T]{
		projection: p, pack: docstore.Encode[T], unpack: docstore.Decode[T],
		limit: v.memory, through: d.from.Position, spill: spill{under: v.dir},
	}
	defer func() { err = errors.Join(err, d.folding.Close(), d.seen.Close()) }()
	if err := d.look(ctx); err != nil {
		return err
	}
	if err := v.fold(ctx, d.from, p.Types(), d.folding.add); err != nil {
		return err
	}
	for part := range partCount {
		if err := d.compare(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// look goes through all that is stored.
func (d *docsVerify[T]) look(ctx context.Context) error {
	for sum, err := range d.store.Sums(ctx, comparing()) {
		if err != nil {
			return err
		}
		record, err := json.Marshal(sum)
		if err != nil {
			return err
		}
		if err := d.seen.put(partOf(sum.Key), record); err != nil {
			return err
		}
	}
	return nil
}

// compare sets a part of what is stored against what was folded.
func (d *docsVerify[T]) compare(ctx context.Context, part int) error {
	docs, err := d.load(part)
	if err != nil {
		return err
	}
	var doubts []suspect[T]
	err = d.seen.each(part, func(record []byte) error {
		var got docstore.Sum
		if err := json.Unmarshal(record, &got); err != nil {
			return err
		}
		doc := docs[got.Key]
		delete(docs, got.Key)
		if want, err := d.sum(doc); err != nil || want == nil || !got.Equal(*want) {
			doubts = append(doubts, suspect[T]{got.Key, doc})
			return err
		}
		d.Comparison.add(&got, &got)
		return nil
	})
	if err != nil {
		return err
	}
	for k, doc := range docs {
		doubts = append(doubts, suspect[T]{k, doc})
	}
	for len(doubts) > 0 {
		n := min(bulkSize, len(doubts))
		if err := d.settle(ctx, doubts[:n]); err != nil {
			return err
		}
		doubts = doubts[n:]
	}
	return nil
}

func (d *docsVerify[T]) sum(doc *docstore.Document[T]) (*docstore.Sum, error) {
	if doc == nil {
		return nil, nil
	}
	done, err := finished(d.projection, copyOf(doc))
	if err != nil {
		return nil, err
	}
	s, err := docstore.SumOf(done)
	return &s, unfoldable(d.projection.Model(), err)
}

// copyOf is a document that can be finished while the other is folded on.
func copyOf[T any](doc *docstore.Document[T]) *docstore.Document[T] {
	d := *doc
	return &d
}

// apart is a document that shares nothing with another one: a fold may change
// what it finds in it.
func (f *folding[T]) apart(doc *docstore.Document[T]) (*docstore.Document[T], error) {
	record, err := f.pack(*doc)
	if err != nil {
		return nil, err
	}
	other, err := f.unpack(record)
	if other.Body == nil {
		other.Body = new(T)
	}
	return &other, err
}

// settle looks at documents again and folds each to where it stands now.
func (d *docsVerify[T]) settle(ctx context.Context, doubts []suspect[T]) error {
	stored, err := d.store.SumsOf(ctx, comparing(), keysOf(doubts))
	if err != nil {
		return err
	}
	wanted, err := d.advance(ctx, doubts, func(k docstore.Key) events.Position { return stored[k].Position })
	if err != nil {
		return err
	}
	var wrong []suspect[T]
	for _, was := range doubts {
		want, err := d.sum(wanted[was.key])
		if err != nil {
			return err
		}
		got := at(stored, was.key)
		if want == nil && got == nil {
			continue
		}
		d.Comparison.add(got, want)
		if got == nil || want == nil || !got.Equal(*want) {
			wrong = append(wrong, was)
		}
	}
	if len(wrong) == 0 || !d.repair {
		return nil
	}
	return d.Log.Hold(ctx, d.projection.Model().String(), func(ctx context.Context) error { return d.mend(ctx, wrong) })
}

func keysOf[T any](doubts []suspect[T]) []docstore.Key {
	var all []docstore.Key
	for _, d := range doubts {
		all = append(all, d.key)
	}
	return all
}

// advance folds documents from the checkpoint on, each up to a position of its
// own. Nil: no event touched it.
func (d *docsVerify[T]) advance(ctx context.Context, doubts []suspect[T], upTo func(docstore.Key) events.Position) (map[docstore.Key]*docstore.Document[T], error) {
	wanted := make(map[docstore.Key]*docstore.Document[T], len(doubts))
	most := events.Position(0)
	for _, was := range doubts {
		wanted[was.key] = nil
		if was.doc != nil {
			doc, err := d.apart(was.doc)
			if err != nil {
				return nil, err
			}
			wanted[was.key] = doc
		}
		most = max(most, upTo(was.key))
	}
	head, err := d.Log.Head(ctx)
	if err != nil {
		return nil, err
	}
	through := events.Mark{Log: head.Log, Position: min(most, head.Position)}
	return wanted, d.Log.read(ctx, d.from, through, d.projection.Types(), func(b events.Batch) error {
		for _, e := range b.Events {
			for _, k := range d.projection.Keys(e) {
				doc, ours := wanted[k]
				if !ours || e.Position > upTo(k) || doc != nil && e.Position <= doc.Position {
					continue
				}
				if doc == nil {
					doc = &docstore.Document[T]{Key: k}
				}
				if wanted[k], err = onward(d.projection, doc, e); err != nil {
					return err
				}
			}
		}
		return nil
	})
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

// mend puts documents right while nobody folds: to where the checkpoint is now,
// from where the next batch goes on.
func (d *docsVerify[T]) mend(ctx context.Context, wrong []suspect[T]) error {
	checkpoint, err := d.mongo.Checkpoint(ctx, d.projection.Model())
	if err != nil {
		return err
	}
	wanted, err := d.advance(ctx, wrong, func(docstore.Key) events.Position { return checkpoint.Position })
	if err != nil {
		return err
	}
	var docs []docstore.Document[T]
	var gone []docstore.Key
	for k, doc := range wanted {
		if doc == nil {
			gone = append(gone, k)
			continue
		}
		if doc.Body == nil {
			doc.Body = new(T)
		}
		done, err := finished(d.projection, doc)
		if err != nil {
			return err
		}
		docs = append(docs, done)
	}
	if err := d.store.Mend(ctx, docs, gone); err != nil {
		return err
	}
	d.Mended += int64(len(wrong))
	return nil
}

// partsVerify is a Verify of a read model in Redis.
type partsVerify[T any] struct {
	*verifying
	folding[T]
	store docstore.Partitions[T]
	from  events.Mark // up to it every partition has everything
}

func verifyPartitions[T any](ctx context.Context, v *verifying, p Projection[T]) (err error) {
	d := &partsVerify[T]{verifying: v, store: docstore.PartitionsIn[T](v.Redis, p.Model())}
	states, err := d.store.States(ctx)
	if err != nil {
		return err
	}
	if d.from = lowest(states); d.from == (events.Mark{}) {
		return fmt.Errorf("%w: a partition was lost and is folded again", ErrUnavailable)
	}
	d.folding = folding[T]{
		projection: p, pack: packPart[T], unpack: unpackPart[T],
		limit: v.memory, through: d.from.Position, spill: spill{under: v.dir},
	}
	defer func() { err = errors.Join(err, d.folding.Close()) }()
	if err := v.fold(ctx, d.from, p.Types(), d.folding.add); err != nil {
		return err
	}
	for i := range docstore.Partition(docstore.PartitionCount) {
		if err := d.partition(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// partition compares a partition, which is of one instant, with what was folded
// and what came since.
func (d *partsVerify[T]) partition(ctx context.Context, i docstore.Partition) error {
	docs := make(map[docstore.Key]*docstore.Document[T])
	for part := int(i); part < partCount; part += docstore.PartitionCount {
		loaded, err := d.load(part)
		if err != nil {
			return err
		}
		for k, doc := range loaded {
			docs[k] = doc
		}
	}
	whole, wanted, err := d.both(ctx, i, docs)
	if err != nil {
		return err
	}
	before := d.Different
	d.addAll(whole.Sums, wanted)
	if d.Different == before || !d.repair {
		return nil
	}
	return d.Log.Hold(ctx, d.projection.Model().String(), func(ctx context.Context) error {
		whole, wanted, err := d.both(ctx, i, docs)
		if err != nil {
			return err
		}
		return d.mend(ctx, i, whole, wanted, docs, d.Different-before)
	})
}

// both reads a partition, and folds its documents to where it is.
func (d *partsVerify[T]) both(ctx context.Context, i docstore.Partition, docs map[docstore.Key]*docstore.Document[T]) (docstore.Whole, map[docstore.Key]docstore.Sum, error) {
	whole, err := d.store.Whole(ctx, comparing(), i)
	if err != nil {
		return whole, nil, err
	}
	if whole.Checkpoint.Position < d.from.Position {
		return whole, nil, fmt.Errorf("%w: partition %d was lost and is folded again", ErrUnavailable, i)
	}
	err = d.Log.read(ctx, d.from, whole.Checkpoint, d.projection.Types(), func(b events.Batch) error {
		for _, e := range b.Events {
			for _, k := range d.projection.Keys(e) {
				if docstore.PartitionOf(k) != i || e.Position > whole.Checkpoint.Position {
					continue
				}
				doc := docs[k]
				if doc == nil {
					doc = &docstore.Document[T]{Key: k}
				}
				if e.Position <= doc.Position {
					continue
				}
				if docs[k], err = onward(d.projection, doc, e); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return whole, nil, err
	}
	wanted := make(map[docstore.Key]docstore.Sum)
	for k, doc := range docs {
		if doc.Body == nil || deleted(doc.Body) {
			continue
		}
		if wanted[k], err = docstore.SumOfPart(k, doc.Body); err != nil {
			return whole, nil, err
		}
	}
	return whole, wanted, nil
}

// left tells how many parked documents stay as they are: what waits beside
// each is for retry to apply.
func left(parked map[docstore.Key]bool) (n int64) {
	for _, is := range parked {
		if is {
			n++
		}
	}
	return n
}

// mend writes what differs, where the partition still is, but for what is
// parked.
func (d *partsVerify[T]) mend(ctx context.Context, i docstore.Partition, whole docstore.Whole, wanted map[docstore.Key]docstore.Sum,
	docs map[docstore.Key]*docstore.Document[T], count int64,
) error {
	m := docstore.Move[T]{Partition: i, From: whole.Checkpoint, To: whole.Checkpoint, Docs: make(map[docstore.Key]*T)}
	for k := range whole.Sums {
		if at(wanted, k) == nil && !whole.Parked[k] {
			m.Docs[k] = nil
		}
	}
	for k, want := range wanted {
		if got := at(whole.Sums, k); (got == nil || !got.Equal(want)) && !whole.Parked[k] {
			m.Docs[k] = docs[k].Body
		}
	}
	count -= left(whole.Parked)
	raced, err := d.store.Move(ctx, []docstore.Move[T]{m})
	if err == nil && len(raced) > 0 {
		err = errRaces
	}
	if err == nil {
		d.Mended += count
	}
	return err
}
