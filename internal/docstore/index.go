package docstore

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// Indexes are what serves a model's lists. Every index begins with what a
// scope asks for, so no list ever reads what its caller may not see, and ends
// with the key, so the order is total.
type Indexes struct {
	// Sorts are the fields that lists without limits, and lists within a
	// tenant, are sorted by.
	Sorts []Field
	// Owned are the fields that lists of one's own are sorted by.
	Owned []Field
}

// Prepare makes the model's indexes, those that are there already excepted.
// Dies the process here, the next start makes the rest.
func (c Collection[T]) Prepare(ctx context.Context, x Indexes) error {
	if _, err := c.mongo().Indexes().CreateMany(ctx, append(x.models(), parkedIndex())); err != nil {
		return failed(ctx, "make the indexes of "+c.model.String(), err)
	}
	return nil
}

func (x Indexes) models() []mongo.IndexModel {
	all := []mongo.IndexModel{
		index("live", "search", "_id"), // not with tenants: an index over a list cannot look at the text
		index("owner", "_id"),
	}
	for _, f := range x.Sorts {
		all = append(all, index("live", f.path, "_id"), index("tenants", f.path, "_id"))
	}
	for _, f := range x.Owned {
		all = append(all, index("owner", f.path, "_id"))
	}
	return all
}

func index(fields ...string) mongo.IndexModel {
	var keys bson.D
	for _, f := range fields {
		keys = append(keys, bson.E{Key: f, Value: 1})
	}
	return mongo.IndexModel{Keys: keys}
}
