package docstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"tenure/internal/authz"
	"tenure/internal/events"
)

// Sum tells one document from another without its content.
type Sum struct {
	Key      Key               `json:"k"`
	Position events.Position   `json:"p"` // 0 in Redis, which keeps none for a document
	Tenants  []events.TenantID `json:"t,omitempty"`
	// Shown is false for a tombstone.
	Shown bool `json:"s"`
	// Hash is of all that is stored but key and position.
	Hash [sha256.Size]byte `json:"h"`
}

// Equal tells whether two documents are the same at the same place.
func (s Sum) Equal(other Sum) bool {
	return s.Key == other.Key && s.Position == other.Position && s.Hash == other.Hash
}

// SumOf is the sum of a document as it would be stored.
func SumOf[T any](d Document[T]) (Sum, error) {
	raw, err := Encode(d)
	if err != nil {
		return Sum{}, err
	}
	return sumOfRaw(raw)
}

// Encode gives a document's bytes as they would be stored. It fails with
// ErrRefused.
func Encode[T any](d Document[T]) ([]byte, error) {
	raw, why := encode(d)
	if why != "" {
		return nil, refusals{d.Key: why}
	}
	return raw, nil
}

// Decode reads what Encode gave, without what a document is found by.
func Decode[T any](raw []byte) (Document[T], error) {
	var s stored[T]
	if err := bson.Unmarshal(raw, &s); err != nil {
		return Document[T]{}, fmt.Errorf("docstore: a document cannot be read: %w", err)
	}
	return Document[T]{Key: s.Key, Position: s.Position, Body: s.Body}, nil
}

// Sums are those of all documents, tombstones among them, in the order of their
// keys. What is written meanwhile may be seen or not; what is there all the
// time is seen once.
func (c Collection[T]) Sums(ctx context.Context, s authz.Scope) iter.Seq2[Sum, error] {
	return c.sums(ctx, s, bson.D{})
}

// SumsOf are those of the documents of these keys that there are.
func (c Collection[T]) SumsOf(ctx context.Context, s authz.Scope, keys []Key) (map[Key]Sum, error) {
	found := make(map[Key]Sum, len(keys))
	for sum, err := range c.sums(ctx, s, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: keys}}}}) {
		if err != nil {
			return nil, err
		}
		found[sum.Key] = sum
	}
	return found, nil
}

func (c Collection[T]) sums(ctx context.Context, s authz.Scope, filter bson.D) iter.Seq2[Sum, error] {
	return func(yield func(Sum, error) bool) {
		if !s.Everything() {
			yield(Sum{}, errScope)
			return
		}
		found, err := c.mongo().Find(ctx, filter, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}).SetBatchSize(1000))
		if err != nil {
			yield(Sum{}, failed(ctx, "read "+c.model.String(), err))
			return
		}
		defer found.Close(ctx)
		for found.Next(ctx) {
			if sum, err := sumOfRaw(found.Current); !yield(sum, err) || err != nil {
				return
			}
		}
		if err := found.Err(); err != nil {
			yield(Sum{}, failed(ctx, "read "+c.model.String(), err))
		}
	}
}

// sumOfRaw sums the stored bytes. The members of a document count in the order
// of their names, for a map has none of its own.
func sumOfRaw(raw bson.Raw) (Sum, error) {
	elements, err := raw.Elements()
	if err != nil {
		return Sum{}, fmt.Errorf("docstore: a document cannot be read: %w", err)
	}
	var s Sum
	var rest []bson.RawElement
	for _, e := range elements {
		switch value := e.Value(); e.Key() {
		case "_id":
			s.Key = Key(value.StringValue())
		case "position":
			n, _ := value.AsInt64OK()
			s.Position = events.Position(n)
		case "live":
			s.Shown, _ = value.BooleanOK()
			rest = append(rest, e)
		case "tenants":
			err = errors.Join(err, value.Unmarshal(&s.Tenants))
			rest = append(rest, e)
		default:
			rest = append(rest, e)
		}
	}
	var canon bytes.Buffer
	err = errors.Join(err, canonical(&canon, rest))
	s.Hash = sha256.Sum256(canon.Bytes())
	return s, err
}

func canonical(to *bytes.Buffer, elements []bson.RawElement) error {
	slices.SortFunc(elements, func(a, b bson.RawElement) int { return strings.Compare(a.Key(), b.Key()) })
	fmt.Fprintf(to, "{%d:", len(elements))
	for _, e := range elements {
		value := e.Value()
		fmt.Fprintf(to, "%d %s%d %d:", len(e.Key()), e.Key(), value.Type, len(value.Value))
		inner, nested := value.DocumentOK()
		if !nested {
			to.Write(value.Value)
			continue
		}
		members, err := inner.Elements()
		if err != nil {
			return fmt.Errorf("docstore: a document cannot be read: %w", err)
		}
		if err := canonical(to, members); err != nil {
			return err
		}
	}
	return nil
}

// SumOfPart is the sum of a document as Redis would hold it.
func SumOfPart[T any](k Key, doc *T) (Sum, error) {
	text, err := json.Marshal(doc)
	if err != nil {
		return Sum{}, refusals{k: fmt.Sprintf("it cannot be encoded: %T", err)}
	}
	return Sum{Key: k, Shown: true, Hash: sha256.Sum256(text)}, nil
}

// Whole is all of a partition at one instant.
type Whole struct {
	State
	Sums map[Key]Sum
	// Parked are those of the documents that are.
	Parked map[Key]bool
}

// Same tells whether it holds the same documents, wherever it is.
func (w Whole) Same(other Whole) bool { return maps.EqualFunc(w.Sums, other.Sums, Sum.Equal) }

// Whole reads all of a partition. It fails with ErrUnavailable.
func (p Partitions[T]) Whole(ctx context.Context, s authz.Scope, i Partition) (Whole, error) {
	if !s.Everything() {
		return Whole{}, errScope
	}
	limited, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	pipe := p.r.client.Pipeline()
	answer := pipe.HGetAll(limited, p.name(i))
	if err := p.r.ask(limited, pipe); err != nil {
		return Whole{}, failed(ctx, "read "+p.model.String(), err)
	}
	fields := answer.Val()
	whole := Whole{Sums: make(map[Key]Sum, len(fields)), Parked: make(map[Key]bool)}
	var checkpoint, ready any
	for name, text := range fields {
		key, isDocument := strings.CutPrefix(name, document)
		switch {
		case isDocument:
			whole.Parked[Key(key)] = isHeld(text)
			whole.Sums[Key(key)] = Sum{Key: Key(key), Shown: true, Hash: sha256.Sum256([]byte(text))}
		case name == checkpointField:
			checkpoint = text
		case name == readyField:
			ready = text
		}
	}
	var err error
	whole.State, err = state(checkpoint, ready)
	return whole, err
}
