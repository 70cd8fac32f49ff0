package docstore

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"tenure/internal/authz"
)

// bodyOnly leaves out what is not shown.
var bodyOnly = bson.D{{Key: "body", Value: 1}}

// Get reads a document. It fails with ErrNotFound when there is none within
// the scope, and with ErrUnavailable.
func (c Collection[T]) Get(ctx context.Context, s authz.Scope, key Key) (T, error) {
	var none T
	found, err := c.GetAll(ctx, s, []Key{key})
	if err != nil {
		return none, err
	}
	body, ok := found[key]
	if !ok {
		return none, ErrNotFound
	}
	return body, nil
}

// GetAll reads those of the documents that are within the scope. It fails with
// ErrUnavailable.
func (c Collection[T]) GetAll(ctx context.Context, s authz.Scope, keys []Key) (map[Key]T, error) {
	filter, ok := Query{Where: []Condition{KeyIn(keys)}}.filter(s)
	if !ok || len(keys) == 0 {
		return nil, nil
	}
	docs, err := c.find(ctx, filter, options.Find())
	if err != nil {
		return nil, err
	}
	bodies := make(map[Key]T, len(docs))
	for _, d := range docs {
		bodies[d.Key] = *d.Body
	}
	return bodies, nil
}

// List reads a page of what is within the scope, and how many there are on all
// pages. It fails with ErrUnavailable.
func (c Collection[T]) List(ctx context.Context, s authz.Scope, q Query) ([]T, int64, error) {
	filter, ok := q.filter(s)
	if !ok {
		return nil, 0, nil
	}
	docs, err := c.find(ctx, filter, q.options())
	if err != nil {
		return nil, 0, err
	}
	bodies := make([]T, len(docs))
	for i, d := range docs {
		bodies[i] = *d.Body
	}
	if n := len(docs); n > 0 && n < q.Limit { // the last page tells by itself
		return bodies, int64(q.Skip + n), nil
	}
	total, err := c.count(ctx, filter)
	return bodies, total, err
}

func (q Query) options() *options.FindOptionsBuilder {
	return options.Find().SetSort(q.Order.sort()).SetSkip(int64(q.Skip)).SetLimit(int64(q.Limit))
}

func (c Collection[T]) find(ctx context.Context, filter bson.D, o *options.FindOptionsBuilder) ([]stored[T], error) {
	limited, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	found, err := c.mongo().Find(limited, filter, o.SetProjection(bodyOnly))
	if err != nil {
		return nil, failed(ctx, "read "+c.model.String(), err)
	}
	defer found.Close(ctx)
	var docs []stored[T]
	for found.Next(limited) {
		var d stored[T]
		if err := found.Decode(&d); err != nil {
			return nil, fmt.Errorf("docstore: a document of %s cannot be read: %w", c.model, err)
		}
		if d.Body != nil {
			docs = append(docs, d)
		}
	}
	if err := found.Err(); err != nil {
		return nil, failed(ctx, "read "+c.model.String(), err)
	}
	return docs, nil
}

func (c Collection[T]) count(ctx context.Context, filter bson.D) (int64, error) {
	limited, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	n, err := c.mongo().CountDocuments(limited, filter)
	if err != nil {
		return 0, failed(ctx, "count "+c.model.String(), err)
	}
	return n, nil
}
