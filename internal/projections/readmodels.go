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
		inPartitions(Authorities),
		inDocuments(Memberships),
	}
}

// readModel is a projection without the type of its documents.
type readModel struct {
	name    string
	version int
	types   []string
	// open gives a generation to fold.
	open func(s stores, generation int) *build
	// look asks the store how far a generation is.
	look func(ctx context.Context, s stores, generation int) (events.Mark, error)
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
		name: p.Name, version: p.Version, types: p.Types(),
		open: func(s stores, generation int) *build {
			d := inMongo(p.At(generation), s.mongo)
			return &build{
				model: d.projection.Model(), types: p.Types(), prepare: d.prepare, resume: d.resume, beat: d.resume,
				fold: func(ctx context.Context, b events.Batch) (events.Mark, error) { return b.Through, d.fold(ctx, b) },
			}
		},
		look: func(ctx context.Context, s stores, generation int) (events.Mark, error) {
			return s.mongo.Checkpoint(ctx, p.At(generation).Model())
		},
	}
}

// inPartitions is a read model that is kept in Redis. Who looks sees the
// checkpoints themselves, which lag by a beat behind what their projector
// knows.
func inPartitions[T any](p Projection[T]) readModel {
	return readModel{
		name: p.Name, version: p.Version, types: p.Types(),
		open: func(s stores, generation int) *build {
			g := inRedis(p.At(generation), s.redis, s.head)
			return &build{
				model: g.projection.Model(), types: p.Types(), resume: g.resume, beat: g.beat,
				prepare: func(context.Context) error { return nil },
				fold: func(ctx context.Context, b events.Batch) (events.Mark, error) {
					err := g.fold(ctx, b)
					return g.at(), err
				},
			}
		},
		look: func(ctx context.Context, s stores, generation int) (events.Mark, error) {
			states, err := docstore.PartitionsIn[T](s.redis, p.At(generation).Model()).States(ctx)
			if err != nil {
				return events.Mark{}, err
			}
			return lowest(states), nil
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
