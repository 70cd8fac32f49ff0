package projections

import (
	"context"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

// reading is a read model as those see it who only read it.
type reading struct {
	model docstore.Model
	types []string
	// look asks the store how far it is.
	look func(ctx context.Context) (events.Mark, error)
	// keys are the documents that an event changes.
	keys    func(e events.Recorded) []docstore.Key
	parking parkedStore
}

// readings are all read models.
func readings(m *docstore.Mongo, r *docstore.Redis) []reading {
	return []reading{
		mongoReading(Users, m),
		mongoReading(Suppliers, m),
		mongoReading(APIKeys, m),
		redisReading(Authorities, r),
		mongoReading(Memberships, m),
	}
}

func mongoReading[T any](p Projection[T], m *docstore.Mongo) reading {
	d := inMongo(p, m)
	return reading{p.Model(), p.Types(), d.resume, p.Keys, mongoParked(d.store)}
}

// redisReading looks at the checkpoints themselves. They lag by a beat behind
// what their projector knows.
func redisReading[T any](p Projection[T], r *docstore.Redis) reading {
	store := docstore.PartitionsIn[T](r, p.Model())
	return reading{p.Model(), p.Types(), func(ctx context.Context) (events.Mark, error) {
		states, err := store.States(ctx)
		if err != nil {
			return events.Mark{}, err
		}
		low := states[0].Checkpoint
		for _, s := range states {
			if s.Checkpoint.Position < low.Position {
				low = s.Checkpoint
			}
		}
		return low, nil
	}, p.Keys, redisParked(store)}
}
