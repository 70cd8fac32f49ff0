package projections

import (
	"context"
	"errors"
	"fmt"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

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
