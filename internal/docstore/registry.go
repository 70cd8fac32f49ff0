package docstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"tenure/internal/events"
)

// generations is the collection that holds one document for each version of
// each projection: which of its builds are read and folded. It is permanent. It
// stands in MongoDB for the models in Redis too, which may be lost at any time.
const generations = "generations"

// Registration says what the builds of one version of a projection are for. Of
// generations, 0 is none.
type Registration struct {
	Projection string
	Version    int
	// Live is what is read.
	Live int
	// Former was live before and is folded still, so that to go back to it
	// takes nothing back that happened since.
	Former int
	// Building is to be live next; nil: nothing is.
	Building *Building
	// Retired are neither read nor folded. What is left of them in the stores
	// is to be dropped.
	Retired []int
	// Next is the number of the next build. None is ever given twice.
	Next int

	revision int64 // of the document; 0: it is not there
}

// Building is a generation on its way.
type Building struct {
	Generation int
	// Bulk says that it is written part by part and folded by nobody yet.
	Bulk bool
	// Through is where the bulk ends. It never moves: whoever goes on with it
	// writes the very same documents.
	Through events.Mark
	// Done is how many parts of the bulk are in the store.
	Done int
}

type storedRegistration struct {
	ID       registrationID  `bson:"_id"`
	Live     int             `bson:"live"`
	Former   int             `bson:"former"`
	Building *storedBuilding `bson:"building"`
	Retired  []int           `bson:"retired"`
	Next     int             `bson:"next"`
	Revision int64           `bson:"revision"`
}

// registrationID is a tuple; its members' order is part of it.
type registrationID struct {
	Projection string `bson:"projection"`
	Version    int    `bson:"version"`
}

type storedBuilding struct {
	Generation int        `bson:"generation"`
	Bulk       bool       `bson:"bulk"`
	Through    storedMark `bson:"through"`
	Done       int        `bson:"done"`
}

// Registrations are those of all projections and versions, also of versions
// that this program does not know. It fails with ErrUnavailable.
func (m *Mongo) Registrations(ctx context.Context) ([]Registration, error) {
	return m.registrations(ctx, bson.D{})
}

// Registration is that of one version of a projection; one without generations
// when there is none. It fails with ErrUnavailable.
func (m *Mongo) Registration(ctx context.Context, projection string, version int) (Registration, error) {
	found, err := m.registrations(ctx, bson.D{{Key: "_id", Value: registrationID{projection, version}}})
	if err != nil || len(found) == 1 {
		return append(found, Registration{})[0], err
	}
	return Registration{Projection: projection, Version: version, Next: 1}, nil
}

func (m *Mongo) registrations(ctx context.Context, filter bson.D) ([]Registration, error) {
	limited, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	found, err := m.db.Collection(generations).Find(limited, filter)
	if err != nil {
		return nil, failed(ctx, "read the generations", err)
	}
	var all []storedRegistration
	if err := found.All(limited, &all); err != nil {
		return nil, failed(ctx, "read the generations", err)
	}
	var registrations []Registration
	for _, s := range all {
		r, err := s.registration()
		if err != nil {
			return nil, err
		}
		registrations = append(registrations, r)
	}
	return registrations, nil
}

// Register puts a registration where was stood, and tells false, with nothing
// changed, when another one stands there by now. It fails with ErrUnavailable,
// and then nobody knows. Everything that a switch changes is in this one
// document: dies the process here, all of it is changed or nothing is.
func (m *Mongo) Register(ctx context.Context, was, is Registration) (bool, error) {
	limited, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	stored := is.stored(was.revision + 1)
	c := m.db.Collection(generations)
	if was.revision == 0 {
		_, err := c.InsertOne(limited, stored)
		if mongo.IsDuplicateKeyError(err) {
			return false, nil
		}
		return err == nil, orFailed(ctx, "register", err)
	}
	done, err := c.ReplaceOne(limited, bson.D{{Key: "_id", Value: stored.ID}, {Key: "revision", Value: was.revision}}, stored)
	if err != nil {
		return false, failed(ctx, "register", err)
	}
	return done.MatchedCount == 1, nil
}

func orFailed(ctx context.Context, what string, err error) error {
	if err == nil {
		return nil
	}
	return failed(ctx, what, err)
}

func (r Registration) stored(revision int64) storedRegistration {
	s := storedRegistration{
		ID: registrationID{r.Projection, r.Version}, Live: r.Live, Former: r.Former,
		Retired: append([]int{}, r.Retired...), Next: r.Next, Revision: revision,
	}
	if b := r.Building; b != nil {
		s.Building = &storedBuilding{b.Generation, b.Bulk, storeMark(b.Through), b.Done}
	}
	return s
}

func (s storedRegistration) registration() (Registration, error) {
	r := Registration{
		Projection: s.ID.Projection, Version: s.ID.Version, Live: s.Live, Former: s.Former,
		Retired: s.Retired, Next: s.Next, revision: s.Revision,
	}
	if s.Building == nil {
		return r, nil
	}
	through, err := s.Building.Through.mark()
	r.Building = &Building{s.Building.Generation, s.Building.Bulk, through, s.Building.Done}
	return r, err
}

// Model names one of its builds.
func (r Registration) Model(generation int) Model {
	return Model{Projection: r.Projection, Version: r.Version, Generation: generation}
}

// Same tells whether it is as it was.
func (r Registration) Same(was Registration) bool { return r.revision == was.revision }

// Clone shares nothing with r.
func (r Registration) Clone() Registration {
	r.Retired = slices.Clone(r.Retired)
	if r.Building != nil {
		building := *r.Building
		r.Building = &building
	}
	return r
}

// Drop removes all that is left of a build that is retired. Whoever still folds
// it would begin it anew, so all have to have heard of it before. It fails with
// ErrUnavailable. Dies the process here, it is still registered as retired, and
// is dropped again.
func (m *Mongo) Drop(ctx context.Context, model Model) error {
	limited, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	_, err := m.db.Collection(checkpoints).DeleteOne(limited, bson.D{{Key: "_id", Value: modelID(model)}})
	err = errors.Join(err, m.db.Collection(model.String()).Drop(limited), waitingOf(m.db, model).Drop(limited))
	return orFailed(ctx, "drop "+model.String(), err)
}

// Drop removes all that is left of a build that is retired. It fails with
// ErrUnavailable.
func (r *Redis) Drop(ctx context.Context, model Model) error {
	limited, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	pipe := r.client.Pipeline()
	for i := range Partition(PartitionCount) {
		pipe.Unlink(limited, partitionName(r, model, i), parkedName(r, model, i))
	}
	_, err := pipe.Exec(limited)
	return orFailed(ctx, fmt.Sprint("drop ", model), err)
}
