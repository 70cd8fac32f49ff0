package projections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

// bulk writes a generation from the beginning of the log to a place, each
// document once.
type bulk interface {
	// add folds a batch.
	add(b events.Batch) error
	// write writes what was folded, from the parts that are not in the store
	// yet. It tells done how many parts are, from the first on, and wrote how
	// many more documents are.
	write(ctx context.Context, done func(parts int), wrote func(documents int)) error
	// finish makes the place durable to which the generation is folded. Dies
	// the process before it, the generation is at the beginning as ever.
	finish(ctx context.Context, through events.Mark) error
	// Close lets go of what is on disk.
	Close() error
}

// How documents are written: so many at once, by so many writers.
const (
	bulkSize    = 1000
	bulkWriters = 4
)

// documentsBulk is a bulk into MongoDB.
type documentsBulk[T any] struct {
	folding[T]
	mongo *docstore.Mongo
	store docstore.Collection[T]
}

func bulkInMongo[T any](p Projection[T], m *docstore.Mongo, through events.Position, skip int, o options) *documentsBulk[T] {
	return &documentsBulk[T]{
		folding: folding[T]{
			projection: p, pack: docstore.Encode[T], unpack: docstore.Decode[T],
			limit: o.memory, through: through, skip: skip, spill: spill{under: o.dir},
		},
		mongo: m, store: docstore.In[T](m, p.Model()),
	}
}

// write inserts the documents, those of small parts together. The ones that are
// there already were written by whoever began this bulk, from the same events,
// and are the same.
func (d *documentsBulk[T]) write(ctx context.Context, done func(int), wrote func(int)) error {
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(bulkWriters)
	order := &inOrder{done: done, next: d.skip}
	for first := d.skip; first < partCount && working.Err() == nil; {
		end := d.together(first)
		from := first
		group.Go(func() error { return d.writeParts(working, from, end, wrote, order) })
		first = end
	}
	return errors.Join(group.Wait(), ctx.Err())
}

// together is the end of the parts that are written at once: as many as fill a
// command, or one that is on disk.
func (d *documentsBulk[T]) together(first int) int {
	total := 0
	for i := first; i < partCount; i++ {
		n, inMemory := d.count(i)
		if total += n; (!inMemory || total > bulkSize) && i > first {
			return i
		}
		if !inMemory {
			return i + 1
		}
	}
	return partCount
}

func (d *documentsBulk[T]) writeParts(ctx context.Context, first, end int, wrote func(int), order *inOrder) error {
	var docs []docstore.Document[T]
	for i := first; i < end; i++ {
		part, err := d.load(i)
		if err != nil {
			return err
		}
		for _, doc := range part {
			done, err := finished(d.projection, doc)
			if err != nil {
				return err
			}
			docs = append(docs, done)
		}
	}
	for len(docs) > 0 {
		n := min(bulkSize, len(docs))
		if _, err := d.store.Insert(ctx, docs[:n]); err != nil {
			return unfoldable(d.projection.Model(), err)
		}
		wrote(n)
		docs = docs[n:]
	}
	order.finished(first, end)
	return nil
}

// finish makes the indexes, which costs less when the documents are there, and
// moves the checkpoint from the beginning.
func (d *documentsBulk[T]) finish(ctx context.Context, through events.Mark) error {
	if err := d.store.Prepare(ctx, d.projection.Indexes); err != nil {
		return err
	}
	at, err := d.mongo.Checkpoint(ctx, d.projection.Model())
	if err != nil || at == through {
		return err
	}
	moved, err := d.mongo.MoveCheckpoint(ctx, d.projection.Model(), at, through)
	if err == nil && !moved {
		err = errRaces
	}
	return err
}

// inOrder tells up to where all is done when things are done out of order.
type inOrder struct {
	mu   sync.Mutex
	done func(int)
	next int
	ends map[int]int // by beginning
}

func (o *inOrder) finished(first, end int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ends == nil {
		o.ends = make(map[int]int)
	}
	o.ends[first] = end
	for end, ok := o.ends[o.next]; ok; end, ok = o.ends[o.next] {
		delete(o.ends, o.next)
		o.next = end
	}
	o.done(o.next)
}

// partitionsBulk is a bulk into Redis. It is never half there: what an
// interrupted one left is cleared, for a document in Redis does not tell which
// events it has.
type partitionsBulk[T any] struct {
	folding[T]
	store docstore.Partitions[T]
	log   events.LogID
	end   events.Mark
}

func bulkInRedis[T any](p Projection[T], r *docstore.Redis, through events.Mark, o options) *partitionsBulk[T] {
	return &partitionsBulk[T]{
		folding: folding[T]{
			projection: p, pack: packPart[T], unpack: unpackPart[T],
			limit: o.memory, through: through.Position, spill: spill{under: o.dir},
		},
		store: docstore.PartitionsIn[T](r, p.Model()), log: through.Log, end: through,
	}
}

// packedPart is a document of Redis with what Redis does not keep.
type packedPart[T any] struct {
	Key      docstore.Key    `json:"k"`
	Position events.Position `json:"p"`
	Body     *T              `json:"b"`
}

func packPart[T any](d docstore.Document[T]) ([]byte, error) {
	return json.Marshal(packedPart[T]{d.Key, d.Position, d.Body})
}

func unpackPart[T any](record []byte) (docstore.Document[T], error) {
	var p packedPart[T]
	if err := json.Unmarshal(record, &p); err != nil {
		return docstore.Document[T]{}, fmt.Errorf("projections: spill: %w", err)
	}
	return docstore.Document[T]{Key: p.Key, Position: p.Position, Body: p.Body}, nil
}

func (p *partitionsBulk[T]) write(ctx context.Context, _ func(int), wrote func(int)) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(bulkWriters)
	for i := range docstore.Partition(docstore.PartitionCount) {
		group.Go(func() error { return p.writePartition(ctx, i, wrote) })
	}
	return group.Wait()
}

// writePartition writes a partition that nobody reads, for it is not ready. Its
// checkpoint stands at the beginning while documents come, and moves to the end
// with the last of them. Dies the process here, it is cleared and written again.
func (p *partitionsBulk[T]) writePartition(ctx context.Context, i docstore.Partition, wrote func(int)) error {
	docs, err := p.partition(i)
	if err != nil {
		return err
	}
	if cleared, err := p.store.Clear(ctx, i); err != nil || !cleared {
		return errors.Join(err, orReady(cleared))
	}
	beginning := events.Mark{Log: p.log}
	moves := []docstore.Move[T]{{Partition: i, To: beginning}}
	chunk := docstore.Move[T]{Partition: i, From: beginning, To: beginning, Docs: make(map[docstore.Key]*T)}
	for k, doc := range docs {
		if chunk.Docs[k] = doc; len(chunk.Docs) == bulkSize {
			moves = append(moves, chunk)
			chunk.Docs = make(map[docstore.Key]*T)
		}
	}
	chunk.To = p.end
	for _, m := range append(moves, chunk) {
		raced, err := p.store.Move(ctx, []docstore.Move[T]{m})
		if err != nil {
			return unfoldable(p.projection.Model(), err)
		}
		if len(raced) > 0 {
			return fmt.Errorf("%w: another process writes %s", errRaces, p.projection.Model())
		}
		wrote(len(m.Docs))
	}
	return nil
}

// partition are the documents of a partition, those that were deleted left out.
func (p *partitionsBulk[T]) partition(i docstore.Partition) (map[docstore.Key]*T, error) {
	docs := make(map[docstore.Key]*T)
	for part := int(i); part < partCount; part += docstore.PartitionCount {
		loaded, err := p.load(part)
		if err != nil {
			return nil, err
		}
		for k, doc := range loaded {
			if !deleted(doc.Body) {
				docs[k] = doc.Body
			}
		}
	}
	return docs, nil
}

func orReady(cleared bool) error {
	if cleared {
		return nil
	}
	return errors.New("projections: a partition is complete already, so it is not written anew")
}

func (p *partitionsBulk[T]) finish(context.Context, events.Mark) error { return nil }
