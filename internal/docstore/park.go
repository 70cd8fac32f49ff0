package docstore

import (
	"context"
	"errors"
	"fmt"
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"tenure/internal/authz"
	"tenure/internal/events"
)

// Parked marks a document to which an event could not be applied. It is shown
// as it was before, and the events that touch it wait beside it, that one
// first.
type Parked struct {
	// Position is that of the event.
	Position events.Position `bson:"position" json:"position"`
	// Error is why. It names no person and no secret, and has at most
	// MaxParkedError bytes.
	Error string `bson:"error" json:"error"`
}

// MaxParkedError bounds the text of a mark, so that there is always room for
// it.
const MaxParkedError = 400

// maxMark is what a mark adds to a document at most.
const maxMark = 1 << 10

// at is the position of a mark, 0 when there is none.
func (p *Parked) at() events.Position {
	if p == nil {
		return 0
	}
	return p.Position
}

// ParkedKey is a parked document by name.
type ParkedKey struct {
	Key Key
	Parked
}

// Waiting is an event that waits beside a parked document.
type Waiting struct {
	Key      Key             `bson:"key"`
	Position events.Position `bson:"position"`
}

type storedWaiting struct {
	ID Waiting `bson:"_id"` // a tuple; its members' order is part of it
}

// parkedField finds the parked documents.
const parkedField = "parked.position"

// someParked matches every parked document.
var someParked = bson.D{{Key: parkedField, Value: bson.D{{Key: "$gt", Value: int64(0)}}}}

// parkedIndex has only the parked documents in it, so it costs nothing as long
// as there are none.
func parkedIndex() mongo.IndexModel {
	return mongo.IndexModel{
		Keys:    bson.D{{Key: parkedField, Value: 1}, {Key: "_id", Value: 1}},
		Options: options.Index().SetPartialFilterExpression(someParked),
	}
}

// waiting is where the events wait. The queue of a document is what is in it
// from the position of the mark up to the document's own, and nothing else:
// what a writer left there who died or lost a race is outside, or is there
// rightly, since whoever moves a document past an event has put it here before.
func (c Collection[T]) waiting() *mongo.Collection {
	return waitingOf(c.db, c.model)
}

// Queue puts events beside their documents; those that are there already stay.
// It comes before the write of the document that is moved past them. It fails
// with ErrUnavailable.
//
// Dies the process here, any of them may be there: no document counts them
// before it was moved past them, and the same events come again.
func (c Collection[T]) Queue(ctx context.Context, all []Waiting) error {
	if len(all) == 0 {
		return nil
	}
	rows := make([]any, len(all))
	for i, w := range all {
		rows[i] = storedWaiting{w}
	}
	limited, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	_, err := c.waiting().InsertMany(limited, rows, options.InsertMany().SetOrdered(false))
	var bulk mongo.BulkWriteException
	if errors.As(err, &bulk) && bulk.WriteConcernError == nil && allDuplicates(bulk.WriteErrors) {
		return nil
	}
	if err != nil {
		return failed(ctx, "queue events of "+c.model.String(), err)
	}
	return nil
}

func allDuplicates(all []mongo.BulkWriteError) bool {
	for _, w := range all {
		if !isDuplicate(w) {
			return false
		}
	}
	return true
}

// Queued are the first of the events that wait beside d, in order, at most
// limit of them. It fails with ErrUnavailable.
func (c Collection[T]) Queued(ctx context.Context, d Document[T], limit int) ([]events.Position, error) {
	limited, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	found, err := c.waiting().Find(limited, bson.D{{Key: "_id", Value: bson.D{
		{Key: "$gte", Value: Waiting{d.Key, d.Parked.at()}}, {Key: "$lte", Value: Waiting{d.Key, d.Position}},
	}}}, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}).SetLimit(int64(limit)))
	if err != nil {
		return nil, failed(ctx, "read the queue of "+c.model.String(), err)
	}
	var rows []storedWaiting
	if err := found.All(limited, &rows); err != nil {
		return nil, failed(ctx, "read the queue of "+c.model.String(), err)
	}
	positions := make([]events.Position, len(rows))
	for i, r := range rows {
		positions[i] = r.ID.Position
	}
	return positions, nil
}

// Unqueue removes the events of a document that were applied: all before a
// position, which no mark will ever lie before again. It fails with
// ErrUnavailable. Dies the process here, what is left is before every mark, and
// goes the next time.
func (c Collection[T]) Unqueue(ctx context.Context, key Key, before events.Position) error {
	limited, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	_, err := c.waiting().DeleteMany(limited, bson.D{{Key: "_id", Value: bson.D{
		{Key: "$gte", Value: Waiting{key, 0}}, {Key: "$lt", Value: Waiting{key, before}},
	}}})
	if err != nil {
		return failed(ctx, "clear the queue of "+c.model.String(), err)
	}
	return nil
}

// Parked lists the parked documents in the order of their marks, at most limit
// of them. It fails with ErrUnavailable.
func (c Collection[T]) Parked(ctx context.Context, s authz.Scope, limit int) ([]ParkedKey, error) {
	if !s.Everything() {
		return nil, errScope
	}
	return c.parked(ctx, someParked, limit)
}

// CountParked tells how many there are. It fails with ErrUnavailable.
func (c Collection[T]) CountParked(ctx context.Context) (int64, error) {
	return c.count(ctx, someParked)
}

// ParkedOf tells which of these documents are parked. It fails with
// ErrUnavailable.
func (c Collection[T]) ParkedOf(ctx context.Context, s authz.Scope, keys []Key) ([]ParkedKey, error) {
	if !s.Everything() {
		return nil, errScope
	}
	return c.parked(ctx, append(bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: append([]Key{}, keys...)}}}}, someParked...), len(keys))
}

func (c Collection[T]) parked(ctx context.Context, filter bson.D, limit int) ([]ParkedKey, error) {
	limited, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	found, err := c.mongo().Find(limited, filter, options.Find().SetLimit(int64(min(limit, math.MaxInt32))).
		SetSort(bson.D{{Key: parkedField, Value: 1}, {Key: "_id", Value: 1}}).
		SetProjection(bson.D{{Key: "parked", Value: 1}}))
	if err != nil {
		return nil, failed(ctx, "list what is parked in "+c.model.String(), err)
	}
	defer found.Close(ctx)
	var all []ParkedKey
	for found.Next(limited) {
		var d stored[struct{}]
		if err := found.Decode(&d); err != nil {
			return nil, fmt.Errorf("docstore: a document of %s cannot be read: %w", c.model, err)
		}
		all = append(all, ParkedKey{d.Key, *d.Parked})
	}
	if err := found.Err(); err != nil {
		return nil, failed(ctx, "list what is parked in "+c.model.String(), err)
	}
	return all, nil
}

// waitingOf is where the events wait that parked documents of a model have not
// taken.
func waitingOf(db *mongo.Database, m Model) *mongo.Collection {
	return db.Collection(m.String() + "-waiting")
}
