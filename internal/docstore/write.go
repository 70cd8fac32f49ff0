package docstore

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// maxDocument is what MongoDB takes at most. A larger one would fail the whole
// command and leave unsaid which document it was.
const maxDocument = 16 << 20

// Insert writes documents that were not there when they were loaded. It tells
// true when another writer had put one of them there in the meantime; the
// others are written. It fails with ErrRefused.
//
// Dies the process here, any of them may be there and any may not: each has
// its position, so the same events change only those that miss them.
func (c Collection[T]) Insert(ctx context.Context, docs []Document[T]) (raced bool, err error) {
	if len(docs) == 0 {
		return false, nil
	}
	all := make([]any, len(docs))
	for i, d := range docs {
		if all[i], err = encode(d); err != nil {
			return false, err
		}
	}
	limited, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	_, err = c.mongo().InsertMany(limited, all, options.InsertMany().SetOrdered(false))
	return c.outcome(ctx, docs, err)
}

// Replace writes documents over those that were loaded, each only where it
// still has the position that was loaded: so no writer overwrites what another
// one wrote since. It tells true when one had. It fails with ErrRefused.
//
// Dies the process here, what is said at Insert is true here.
func (c Collection[T]) Replace(ctx context.Context, docs []Document[T]) (raced bool, err error) {
	if len(docs) == 0 {
		return false, nil
	}
	all := make([]mongo.WriteModel, len(docs))
	for i, d := range docs {
		body, err := encode(d)
		if err != nil {
			return false, err
		}
		all[i] = mongo.NewReplaceOneModel().SetReplacement(body).
			SetFilter(bson.D{{Key: "_id", Value: d.Key}, {Key: "position", Value: d.Loaded}})
	}
	limited, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	done, err := c.mongo().BulkWrite(limited, all, options.BulkWrite().SetOrdered(false))
	if raced, err = c.outcome(ctx, docs, err); err != nil {
		return false, err
	}
	// The server tells how many matched, not which.
	return raced || done.MatchedCount < int64(len(docs)), nil
}

func encode[T any](d Document[T]) (bson.Raw, error) {
	body, err := bson.Marshal(d.stored())
	if err != nil {
		return nil, &refused{d.Key, fmt.Sprintf("it cannot be encoded: %T", err)}
	}
	if len(body) > maxDocument {
		return nil, &refused{d.Key, fmt.Sprintf("its %d bytes are over %d", len(body), maxDocument)}
	}
	return body, nil
}

// outcome sorts what the server said of a bulk: lost races, a refusal that
// will come again each time, or an outage.
func (c Collection[T]) outcome(ctx context.Context, docs []Document[T], err error) (raced bool, _ error) {
	var bulk mongo.BulkWriteException
	if !errors.As(err, &bulk) || bulk.WriteConcernError != nil {
		if err != nil {
			return false, failed(ctx, "write to "+c.model.String(), err)
		}
		return false, nil
	}
	for _, w := range bulk.WriteErrors {
		switch {
		case isDuplicate(w) && onKey(w):
			raced = true
		case isDuplicate(w) || refusals[w.Code]:
			return false, &refused{docs[w.Index].Key, fmt.Sprintf("MongoDB says %d", w.Code)}
		default:
			return false, failed(ctx, "write to "+c.model.String(), fmt.Errorf("MongoDB says %d", w.Code))
		}
	}
	return raced, nil
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

// refusals are the server's codes for a document that it will never take. What
// is not among them is taken for passing and tried again.
var refusals = map[int]bool{
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
