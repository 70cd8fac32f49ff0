package projections

import (
	"context"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

// readModels is every read model, one line each. What is not here is neither
// folded nor waited for.
func readModels() []readModel {
	return []readModel{
		inDocuments(Users),
		inDocuments(Suppliers),
		inDocuments(APIKeys),
		inPartitions(Authorities).dropping(dropsOf(Authorities)),
		inDocuments(Memberships),
	}
}

// readModel is a projection without the type of its documents.
type readModel struct {
	name    string
	version int
	types   []string
	// keys are the documents that an event changes.
	keys func(events.Recorded) []docstore.Key
	// drops tells what of it is kept by those who read it, and is dropped when
	// a batch is folded; nil: nothing is.
	drops func(docstore.Model, events.Batch) drops
	// parking is what is asked of its parked documents.
	parking func(s stores, generation int) parkedStore
	// retry is where its parked documents are tried again.
	retry func(s stores, generation int, readAt readAt) func(context.Context, []docstore.Key, func(Retried)) error
	// open gives a generation to fold.
	open func(s stores, generation int) *build
	// look asks the store how far a generation is.
	look func(ctx context.Context, s stores, generation int) (events.Mark, error)
	// behind tells whether a generation lacks anything that another one shows.
	behind func(ctx context.Context, s stores, generation, other int) (bool, error)
	// bulk writes a generation from the beginning of the log to a place.
	bulk func(s stores, generation int, through events.Mark, skip int, o options) bulk
	// unread sees to it that nobody takes a generation for an answer that is not
	// folded any more; nil where its absence does.
	unread func(ctx context.Context, s stores, generation int) error
	// drop removes what is left of a generation.
	drop func(ctx context.Context, s stores, generation int) error
	// compare sets the documents of two generations against each other.
	compare func(ctx context.Context, s stores, generation, other int) (Comparison, error)
	// verify sets a generation against what the log makes of it.
	verify func(ctx context.Context, v *verifying, generation int) error
}

// dropping is a read model of which something is kept elsewhere.
func (r readModel) dropping(of func(docstore.Model, events.Batch) drops) readModel {
	r.drops = of
	return r
}

// stores are what read models are kept in, and the newest place of the log.
type stores struct {
	mongo *docstore.Mongo
	redis *docstore.Redis
	head  func(context.Context) (events.Mark, error)
}

func (r readModel) model(generation int) docstore.Model {
	return docstore.Model{Projection: r.name, Version: r.version, Generation: generation}
}

// inDocuments is a read model that is kept in MongoDB.
func inDocuments[T any](p Projection[T]) readModel {
	return readModel{
		name: p.Name, version: p.Version, types: p.Types(), keys: p.Keys,
		parking: func(s stores, generation int) parkedStore {
			return mongoParked(docstore.In[T](s.mongo, p.At(generation).Model()))
		},
		retry: func(s stores, generation int, readAt readAt) func(context.Context, []docstore.Key, func(Retried)) error {
			return retryOf(mongoBay(p.At(generation), s.mongo, readAt))
		},
		open: func(s stores, generation int) *build {
			d := inMongo(p.At(generation), s.mongo)
			made := &build{
				model: d.projection.Model(), types: p.Types(), prepare: d.prepare, resume: d.resume, beat: d.resume,
				fold:    func(ctx context.Context, b events.Batch) (events.Mark, error) { return b.Through, d.fold(ctx, b) },
				parking: mongoParked(d.store),
			}
			d.onParked = made.noteParked
			return made
		},
		look: func(ctx context.Context, s stores, generation int) (events.Mark, error) {
			return s.mongo.Checkpoint(ctx, p.At(generation).Model())
		},
		behind: func(ctx context.Context, s stores, generation, other int) (bool, error) {
			return documentsBehind(ctx, s.mongo, p.At(generation).Model(), p.At(other).Model())
		},
		bulk: func(s stores, generation int, through events.Mark, skip int, o options) bulk {
			return bulkInMongo(p.At(generation), s.mongo, through.Position, skip, o)
		},
		drop: func(ctx context.Context, s stores, generation int) error {
			return s.mongo.Drop(ctx, p.At(generation).Model())
		},
		compare: func(ctx context.Context, s stores, generation, other int) (Comparison, error) {
			return compareDocuments(ctx, docstore.In[T](s.mongo, p.At(generation).Model()), docstore.In[T](s.mongo, p.At(other).Model()))
		},
		verify: func(ctx context.Context, v *verifying, generation int) error {
			return verifyDocuments(ctx, v, p.At(generation))
		},
	}
}

// inPartitions is a read model that is kept in Redis. Who looks sees the
// checkpoints themselves, which lag by a beat behind what their projector
// knows.
func inPartitions[T any](p Projection[T]) readModel {
	return readModel{
		name: p.Name, version: p.Version, types: p.Types(), keys: p.Keys,
		parking: func(s stores, generation int) parkedStore {
			return redisParked(docstore.PartitionsIn[T](s.redis, p.At(generation).Model()))
		},
		retry: func(s stores, generation int, readAt readAt) func(context.Context, []docstore.Key, func(Retried)) error {
			return retryOf(redisBay(p.At(generation), s.redis, readAt))
		},
		open: func(s stores, generation int) *build {
			g := inRedis(p.At(generation), s.redis, s.head)
			made := &build{
				model: g.projection.Model(), types: p.Types(), resume: g.resume, beat: g.beat,
				prepare: func(context.Context) error { return nil },
				fold: func(ctx context.Context, b events.Batch) (events.Mark, error) {
					err := g.fold(ctx, b)
					return g.at(), err
				},
				parking: redisParked(g.store),
			}
			g.onParked = made.noteParked
			return made
		},
		look: func(ctx context.Context, s stores, generation int) (events.Mark, error) {
			states, err := docstore.PartitionsIn[T](s.redis, p.At(generation).Model()).States(ctx)
			if err != nil {
				return events.Mark{}, err
			}
			return lowest(states), nil
		},
		behind: func(ctx context.Context, s stores, generation, other int) (bool, error) {
			return partitionsBehind(ctx, docstore.PartitionsIn[T](s.redis, p.At(generation).Model()), docstore.PartitionsIn[T](s.redis, p.At(other).Model()))
		},
		bulk: func(s stores, generation int, through events.Mark, _ int, o options) bulk {
			return bulkInRedis(p.At(generation), s.redis, through, o)
		},
		unread: func(ctx context.Context, s stores, generation int) error {
			all := make([]docstore.Partition, docstore.PartitionCount)
			for i := range all {
				all[i] = docstore.Partition(i)
			}
			return docstore.PartitionsIn[T](s.redis, p.At(generation).Model()).MarkUnready(ctx, all)
		},
		drop: func(ctx context.Context, s stores, generation int) error {
			return s.redis.Drop(ctx, p.At(generation).Model())
		},
		compare: func(ctx context.Context, s stores, generation, other int) (Comparison, error) {
			return comparePartitions(ctx, docstore.PartitionsIn[T](s.redis, p.At(generation).Model()), docstore.PartitionsIn[T](s.redis, p.At(other).Model()))
		},
		verify: func(ctx context.Context, v *verifying, generation int) error {
			return verifyPartitions(ctx, v, p.At(generation))
		},
	}
}

func lowest(states []docstore.State) events.Mark {
	low := states[0].Checkpoint
	for _, s := range states {
		if s.Checkpoint.Position < low.Position {
			low = s.Checkpoint
		}
	}
	return low
}
