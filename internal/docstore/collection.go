package docstore

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"tenure/internal/authz"
)

// errScope says that a fold was to read through a scope that does not see
// everything. It would take what it cannot see for new.
var errScope = errors.New("docstore: a fold has to see everything")

// Collection is one build of a read model in MongoDB.
type Collection[T any] struct {
	db    *mongo.Database
	model Model
}

// In is where m keeps model.
func In[T any](m *Mongo, model Model) Collection[T] {
	return Collection[T]{m.db, model}
}

func (c Collection[T]) mongo() *mongo.Collection { return c.db.Collection(c.model.String()) }

// Load reads the documents of these keys for a fold, tombstones among them, in
// one question to the primary.
func (c Collection[T]) Load(ctx context.Context, s authz.Scope, keys []Key) (map[Key]Document[T], error) {
	if !s.Everything() {
		return nil, errScope
	}
	if len(keys) == 0 {
		return nil, nil
	}
	limited, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	found, err := c.mongo().Find(limited, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: keys}}}},
		options.Find().SetProjection(bson.D{{Key: "position", Value: 1}, {Key: "parked", Value: 1}, {Key: "body", Value: 1}}))
	if err != nil {
		return nil, failed(ctx, "load from "+c.model.String(), err)
	}
	defer found.Close(ctx)
	loaded := make(map[Key]Document[T], len(keys))
	for found.Next(limited) {
		var d stored[T]
		if err := found.Decode(&d); err != nil {
			return nil, fmt.Errorf("docstore: a document of %s cannot be read: %w", c.model, err)
		}
		loaded[d.Key] = d.loaded()
	}
	if err := found.Err(); err != nil {
		return nil, failed(ctx, "load from "+c.model.String(), err)
	}
	return loaded, nil
}
