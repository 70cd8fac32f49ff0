package projections

import (
	"context"
	"encoding/json"
	"errors"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

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
