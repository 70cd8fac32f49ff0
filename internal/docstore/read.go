package docstore

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"tenure/internal/authz"
	"tenure/internal/events"
)

// bodyOnly leaves out what is not shown.
var bodyOnly = bson.D{{Key: "body", Value: 1}, {Key: "parked.position", Value: 1}}

// Shown is a document as a query finds it.
type Shown[T any] struct {
	Body T
	// Parked is the position of the event that could not be applied to it; 0
	// when the document goes on. The body is that from before.
	Parked events.Position
}

// Get reads a document. It fails with ErrNotFound when there is none within
// the scope, and with ErrUnavailable.
//
// The store is asked for the key alone, for which it makes no plan, and the
// scope is asked here: that takes half the time.
func (c Collection[T]) Get(ctx context.Context, s authz.Scope, key Key) (Shown[T], error) {
	if _, ok := within(s); !ok {
		return Shown[T]{}, ErrNotFound
	}
	limited, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	var d stored[T]
	switch err := c.mongo().FindOne(limited, bson.D{{Key: "_id", Value: key}}).Decode(&d); {
	case errors.Is(err, mongo.ErrNoDocuments):
		return Shown[T]{}, ErrNotFound
	case err != nil:
		return Shown[T]{}, failed(ctx, "read "+c.model.String(), err)
	case d.Body == nil || !s.Sees(authz.Tags{Tenants: d.Tenants, Owner: d.Owner}):
		return Shown[T]{}, ErrNotFound
	}
	return d.shown(), nil
}

// GetAll reads those of the documents that are within the scope. It fails with
// ErrUnavailable.
func (c Collection[T]) GetAll(ctx context.Context, s authz.Scope, keys []Key) (map[Key]Shown[T], error) {
	filter, ok := Query{Where: []Condition{KeyIn(keys)}}.filter(s)
	if !ok || len(keys) == 0 {
		return nil, nil
	}
	shown := make(map[Key]Shown[T], len(keys))
	err := c.each(ctx, filter, options.Find().SetProjection(bodyOnly), func(_ bson.Raw, d stored[T]) error {
		shown[d.Key] = d.shown()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return shown, nil
}

// Found is a page of a list.
type Found[T any] struct {
	Items []Shown[T]
	// Total is how many there are on all pages.
	Total int64
	// Last is the place of the last item; nil when no more follow.
	Last *Place
}

// List reads a page of what is within the scope. It fails with ErrUnavailable.
func (c Collection[T]) List(ctx context.Context, s authz.Scope, q Query) (Found[T], error) {
	var page Found[T]
	more := false
	filter, ok := q.filter(s)
	if !ok {
		return page, nil
	}
	// One more than is asked for tells whether more follow.
	err := c.each(ctx, q.page(s, filter), q.options(), func(raw bson.Raw, d stored[T]) error {
		if len(page.Items) < q.Limit {
			page.Items = append(page.Items, d.shown())
			last, err := q.Order.placeOf(raw, d.Key)
			page.Last = &last
			return err
		}
		more = true
		return nil
	})
	if err != nil {
		return Found[T]{}, err
	}
	if !more {
		page.Last = nil
	}
	// The last page tells by itself, and so does the first when nothing is on it.
	if n := len(page.Items); (n > 0 || q.Skip == 0) && !more && q.After == nil {
		page.Total = int64(q.Skip + n)
		return page, nil
	}
	page.Total, err = c.count(ctx, filter)
	return page, err
}

func (s stored[T]) shown() Shown[T] { return Shown[T]{*s.Body, s.Parked.at()} }

func (q Query) options() *options.FindOptionsBuilder {
	return options.Find().SetSort(q.Order.sort()).SetSkip(int64(q.Skip)).SetLimit(int64(q.Limit) + 1).SetProjection(q.Order.shown())
}

// each hands over what is found, one after the other. What it gets of the raw
// document holds until it returns.
func (c Collection[T]) each(ctx context.Context, filter bson.D, o *options.FindOptionsBuilder, do func(bson.Raw, stored[T]) error) error {
	limited, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	found, err := c.mongo().Find(limited, filter, o)
	if err != nil {
		return failed(ctx, "read "+c.model.String(), err)
	}
	defer found.Close(ctx)
	for found.Next(limited) {
		var d stored[T]
		if err := found.Decode(&d); err != nil {
			return fmt.Errorf("docstore: a document of %s cannot be read: %w", c.model, err)
		}
		if d.Body == nil {
			continue
		}
		if err := do(found.Current, d); err != nil {
			return err
		}
	}
	if err := found.Err(); err != nil {
		return failed(ctx, "read "+c.model.String(), err)
	}
	return nil
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
