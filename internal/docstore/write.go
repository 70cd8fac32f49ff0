package docstore

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// maxDocument is what a fold may make of a document. MongoDB takes 16 MiB at
// most; a larger document would fail the whole command and leave unsaid which
// one it was. What lies between is kept free for the mark of a parked one.
const maxDocument = 16<<20 - maxMark

// Insert writes documents that were not there when they were loaded. It tells
// true when another writer had put one of them there in the meantime; the
// others are written. It fails with ErrRefused, and then too the others are
// written.
//
// Dies the process here, any of them may be there and any may not: each has
// its position, so the same events change only those that miss them.
func (c Collection[T]) Insert(ctx context.Context, docs []Document[T]) (raced bool, err error) {
	var all []any
	docs, refused := encodeAll(docs, func(d Document[T], body bson.Raw) { all = append(all, body) })
	if len(all) == 0 {
		return false, refused.orNil()
	}
	limited, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	_, err = c.mongo().InsertMany(limited, all, options.InsertMany().SetOrdered(false))
	return c.outcome(ctx, docs, refused, err)
}

// Replace writes documents over those that were loaded, each only where it
// still has the position and the mark that were loaded: so no writer
// overwrites what another one wrote since, and none parks again what another
// one let go on. It tells true when one had. It fails with ErrRefused, and then
// too the others are written.
//
// Dies the process here, what is said at Insert is true here.
func (c Collection[T]) Replace(ctx context.Context, docs []Document[T]) (raced bool, err error) {
	var all []mongo.WriteModel
	docs, refused := encodeAll(docs, func(d Document[T], body bson.Raw) { all = append(all, d.over(body)) })
	if len(all) == 0 {
		return false, refused.orNil()
	}
	limited, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	done, err := c.mongo().BulkWrite(limited, all, options.BulkWrite().SetOrdered(false))
	if raced, err = c.outcome(ctx, docs, refused, err); err != nil {
		return false, err
	}
	// The server tells how many matched, not which.
	return raced || done.MatchedCount < int64(len(docs)), nil
}

// over is the write of a document over the one that was loaded.
func (d Document[T]) over(body bson.Raw) mongo.WriteModel {
	was := bson.D{{Key: "_id", Value: d.Key}, {Key: "position", Value: d.Loaded}}
	if d.LoadedParked > 0 { // another one may have let it go on, at this position
		was = append(was, bson.E{Key: parkedField, Value: d.LoadedParked})
	}
	if d.Frozen {
		return mongo.NewUpdateOneModel().SetFilter(was).SetUpdate(bson.D{{Key: "$set", Value: bson.D{
			{Key: "position", Value: d.Position}, {Key: "parked", Value: d.Parked},
		}}})
	}
	return mongo.NewReplaceOneModel().SetFilter(was).SetReplacement(body)
}

// encodeAll hands on each document in its stored form, and gives those that
// have one; of the others it tells why not.
func encodeAll[T any](docs []Document[T], use func(Document[T], bson.Raw)) (sound []Document[T], refused refusals) {
	refused = make(refusals)
	for _, d := range docs {
		body, why := encode(d)
		if why != "" {
			refused[d.Key] = why
			continue
		}
		sound = append(sound, d)
		use(d, body)
	}
	return sound, refused
}

func encode[T any](d Document[T]) (_ bson.Raw, why string) {
	if d.Frozen {
		return nil, ""
	}
	body, err := bson.Marshal(d.stored())
	limit := maxDocument
	if d.Parked != nil {
		limit += maxMark
	}
	switch {
	case err != nil:
		return nil, fmt.Sprintf("it cannot be encoded: %T", err)
	case len(body) > limit:
		return nil, fmt.Sprintf("its %d bytes are over %d", len(body), limit)
	}
	return body, ""
}

// outcome sorts what the server said of a bulk: lost races, refusals that
// would come again each time, which it adds to those from before, or an outage.
func (c Collection[T]) outcome(ctx context.Context, docs []Document[T], refused refusals, err error) (raced bool, _ error) {
	var bulk mongo.BulkWriteException
	if err != nil && (!errors.As(err, &bulk) || bulk.WriteConcernError != nil) {
		return false, failed(ctx, "write to "+c.model.String(), err)
	}
	for _, w := range bulk.WriteErrors {
		switch {
		case isDuplicate(w) && onKey(w):
			raced = true
		case isDuplicate(w) || refusalCodes[w.Code]:
			refused[docs[w.Index].Key] = fmt.Sprintf("MongoDB says %d", w.Code)
		default:
			return false, failed(ctx, "write to "+c.model.String(), fmt.Errorf("MongoDB says %d", w.Code))
		}
	}
	return raced, refused.orNil()
}

func isDuplicate(w mongo.BulkWriteError) bool { return w.Code == 11000 }

// onKey tells whether a duplicate is one of the document's key. Another unique
// index gives the same code, and no reload would ever help.
func onKey(w mongo.BulkWriteError) bool {
	pattern, ok := w.Raw.Lookup("keyPattern").DocumentOK()
	if !ok {
		return false
	}
	fields, err := pattern.Elements()
	return err == nil && len(fields) == 1 && fields[0].Key() == "_id"
}

// refusalCodes are the server's codes for a document that it will never take. What
// is not among them is taken for passing and tried again.
var refusalCodes = map[int]bool{
	2:     true, // BadValue
	9:     true, // FailedToParse
	22:    true, // InvalidBSON
	52:    true, // DollarPrefixedFieldName
	56:    true, // EmptyFieldName
	57:    true, // DottedFieldName
	121:   true, // DocumentValidationFailure
	171:   true, // CannotIndexParallelArrays
	10334: true, // BSONObjectTooLarge
	17280: true, // KeyTooLong
	17419: true, // the result is too large
	17420: true, // the result is too large
}
