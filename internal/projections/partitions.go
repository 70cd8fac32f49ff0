package projections

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
)

// partitions folds a projection into Redis. Between batches it keeps no
// document, only how far the log is known to hold nothing more for each
// partition: a batch moves the checkpoints of the partitions it touches, and
// the beat those of the others.
type partitions[T any] struct {
	projection Projection[T]
	store      docstore.Partitions[T]
	head       func(context.Context) (events.Mark, error)
	// onParked is told which documents that a batch touches are parked. Nil:
	// nobody is.
	onParked func(map[docstore.Key]docstore.Parked)

	// mu keeps fold, resume and beat of this process apart, for they share
	// reach. Another process is kept apart by compare-and-set.
	mu    sync.Mutex
	reach []reach // by partition; nil before the first look
	// known is the head of the log as it was at the former beat.
	known events.Position
}

// reach is what is known of a partition.
type reach struct {
	stored  events.Mark // its checkpoint when it was last seen
	through events.Mark // no event after stored, and up to here, touches it
	ready   bool
}

func inRedis[T any](p Projection[T], r *docstore.Redis, head func(context.Context) (events.Mark, error)) *partitions[T] {
	return &partitions[T]{projection: p, store: docstore.PartitionsIn[T](r, p.Model()), head: head}
}

// resume is the lowest place of any partition; the zero mark when one is not
// there, so that a Redis that was lost is folded again from the beginning.
func (g *partitions[T]) resume(ctx context.Context) (events.Mark, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.look(ctx); err != nil {
		return events.Mark{}, err
	}
	return g.lowest(), nil
}

// look asks where every partition is. What was known of one stays known as
// long as its checkpoint is the one that was seen: what the log holds between
// does not change. A partition that went back without being lost, because its
// server came up with an old copy, is no longer complete, and its mark goes.
func (g *partitions[T]) look(ctx context.Context) error {
	states, err := g.store.States(ctx)
	if err != nil {
		return err
	}
	seen := make([]reach, len(states))
	var old []docstore.Partition
	for i, s := range states {
		seen[i] = reach{s.Checkpoint, s.Checkpoint, s.Ready}
		if g.reach == nil {
			continue
		}
		if s.Checkpoint == g.reach[i].stored {
			seen[i].through = g.reach[i].through
		}
		if s.Ready && s.Checkpoint.Position < g.reach[i].stored.Position {
			old = append(old, docstore.Partition(i))
			seen[i].ready = false
		}
	}
	if len(old) > 0 {
		if err := g.store.MarkUnready(ctx, old); err != nil {
			return err // and it is noticed again
		}
	}
	g.reach = seen
	return nil
}

// lowest is how far all partitions are.
func (g *partitions[T]) lowest() events.Mark {
	low := g.reach[0].through
	for _, r := range g.reach {
		if r.through.Position < low.Position || r.through == (events.Mark{}) {
			low = r.through
		}
	}
	return low
}

// fold applies a batch to the partitions it touches. Applied twice, late, or
// by several at once, the documents end the same. A document that cannot take
// an event is parked, in the same write that moves the checkpoint past it. It
// fails with ErrBehind when a partition it touches was lost, with ErrForked and
// ErrPoison, and otherwise may be tried again.
//
// Dies the process at any point, some partitions have the batch and say so,
// the others will be given it again.
func (g *partitions[T]) fold(ctx context.Context, b events.Batch) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reach == nil {
		if err := g.look(ctx); err != nil {
			return err
		}
	}
	keys, known := touched(g.projection, b), noTrouble()
	for range maxRaces {
		again, err := g.try(ctx, b, keys, known)
		if err != nil {
			return err
		}
		if !again {
			return g.extend(b)
		}
	}
	return errRaces
}

// try applies a batch once, and tells whether it has to be applied again:
// another writer was here, or a document cannot take all of it.
func (g *partitions[T]) try(ctx context.Context, b events.Batch, keys []docstore.Key, known *trouble) (again bool, _ error) {
	if len(keys) == 0 {
		return false, nil
	}
	parts, err := g.store.Load(ctx, authz.SystemScope("folding"), keys)
	if err != nil {
		return false, err
	}
	parked := make(map[docstore.Key]docstore.Parked)
	moves, again, err := g.moves(b, parts, known, parked)
	if err != nil {
		return false, err
	}
	raced, err := g.store.Move(ctx, moves)
	if errors.Is(err, docstore.ErrRefused) {
		return true, g.refused(b, known, err)
	}
	if err != nil {
		return false, err
	}
	if len(raced) > 0 {
		return true, nil // the next look at them tells what is true
	}
	for _, m := range moves {
		r := &g.reach[m.Partition]
		r.stored, r.through = m.To, m.To
		r.ready = r.ready && m.From != (events.Mark{})
	}
	if !again && g.onParked != nil {
		g.onParked(parked)
	}
	return again, nil
}

// moves are what a batch makes of the partitions that were loaded, but of those
// where a document was found that cannot take all of it. Parked ones among the
// documents it adds to parked.
func (g *partitions[T]) moves(b events.Batch, parts map[docstore.Partition]docstore.Part[T], known *trouble,
	parked map[docstore.Key]docstore.Parked,
) (moves []docstore.Move[T], again bool, _ error) {
	for i, part := range parts {
		g.see(i, part.State)
		if err := checkStart(g.reach[i].through, b); err != nil {
			return nil, false, fmt.Errorf("partition %d: %w", i, err)
		}
		w := g.work(b, i, part, known)
		w.parked(parked)
		if part.Checkpoint.Position >= b.Through.Position {
			continue // another writer was here with all of it
		}
		if w.spoiled {
			again = true
			continue
		}
		moves = append(moves, docstore.Move[T]{Partition: i, From: part.Checkpoint, To: b.Through, Docs: w.docs, Holds: w.holds})
	}
	return moves, again, nil
}

// see notes where a partition is.
func (g *partitions[T]) see(i docstore.Partition, s docstore.State) {
	if s.Checkpoint != g.reach[i].stored {
		g.reach[i] = reach{s.Checkpoint, s.Checkpoint, s.Ready}
	}
}

// work applies the events that a partition does not have yet, in order, and
// gives its documents as they are to be written. A partition that has no
// checkpoint has no documents, whatever is in it.
func (g *partitions[T]) work(b events.Batch, i docstore.Partition, part docstore.Part[T], known *trouble) *partitionWork[T] {
	if part.Checkpoint == (events.Mark{}) {
		part = docstore.Part[T]{State: part.State}
	}
	w := &partitionWork[T]{
		projection: g.projection, part: part, known: known,
		docs: make(map[docstore.Key]*T), holds: make(map[docstore.Key]docstore.Hold[T]),
	}
	for _, e := range b.Events {
		if e.Position <= part.Checkpoint.Position {
			continue
		}
		for _, k := range g.projection.Keys(e) {
			if docstore.PartitionOf(k) == i {
				w.take(k, e)
			}
		}
	}
	for k, doc := range w.docs {
		if deleted(doc) {
			w.docs[k] = nil
		}
	}
	return w
}

// extend notes that a batch holds nothing more for any partition that had come
// to its beginning. One that had not is found by resume.
func (g *partitions[T]) extend(b events.Batch) error {
	for i := range g.reach {
		r := &g.reach[i]
		if r.through.Position < b.From.Position {
			continue
		}
		if err := checkStart(r.through, b); err != nil {
			return fmt.Errorf("partition %d: %w", i, err)
		}
		if r.through.Position < b.Through.Position || r.through == (events.Mark{}) {
			r.through = b.Through
		}
	}
	return nil
}

// beat moves the checkpoints of partitions that batches passed by, marks what
// is complete as ready, and tells how far all are.
func (g *partitions[T]) beat(ctx context.Context) (events.Mark, error) {
	head, err := g.head(ctx)
	if err != nil {
		return events.Mark{}, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.look(ctx); err != nil {
		return events.Mark{}, err
	}
	if head.Position == 0 {
		g.begin(head)
	}
	if err := g.follow(ctx); err != nil {
		return events.Mark{}, err
	}
	if err := g.complete(ctx, head); err != nil {
		return events.Mark{}, err
	}
	return g.lowest(), nil
}

// begin notes that an empty log holds nothing for any partition.
func (g *partitions[T]) begin(empty events.Mark) {
	for i := range g.reach {
		if g.reach[i].through == (events.Mark{}) {
			g.reach[i].through = empty
		}
	}
}

// follow writes down how far the partitions are that no batch touched. Dies
// the process here, they are folded again from where they were, and the log
// holds nothing for them there.
func (g *partitions[T]) follow(ctx context.Context) error {
	var moves []docstore.Move[T]
	for i, r := range g.reach {
		if r.stored != r.through {
			moves = append(moves, docstore.Move[T]{Partition: docstore.Partition(i), From: r.stored, To: r.through})
		}
	}
	raced, err := g.store.Move(ctx, moves)
	if err != nil {
		return err
	}
	if len(raced) > 0 {
		return g.look(ctx) // another writer was here; see where it left them
	}
	for _, m := range moves {
		g.reach[m.Partition].stored = m.To
	}
	return nil
}

// complete marks partitions as ready that have come as far as the log was at
// the former beat, so that an endless stream of events cannot hold it up: what
// is missing then is what came within one beat.
func (g *partitions[T]) complete(ctx context.Context, head events.Mark) error {
	target := head.Position
	if g.known > 0 {
		target = min(target, g.known)
	}
	g.known = 0
	waiting := make(map[docstore.Partition]events.Mark)
	for i, r := range g.reach {
		if r.ready {
			continue
		}
		g.known = head.Position // somebody waits; it counts at the next beat
		if r.stored.Log == head.Log && r.stored.Position >= target {
			waiting[docstore.Partition(i)] = r.stored
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	if err := g.store.MarkReady(ctx, waiting); err != nil {
		return err
	}
	for i := range waiting {
		g.reach[i].ready = true
	}
	return nil
}

// at is how far all partitions are known to be.
func (g *partitions[T]) at() events.Mark {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lowest()
}
