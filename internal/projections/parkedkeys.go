package projections

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"math"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
)

// maxTold is how many parked documents are told of at most, in an announcement
// and in a status.
const maxTold = 100

// everyParked is no limit at all.
const everyParked = math.MaxInt32

// parkedStore is what is asked of the parked documents of a read model. Its
// functions fail with docstore.ErrUnavailable.
type parkedStore struct {
	// list gives the first of them in the order of their marks, and count
	// tells how many there are.
	list  func(ctx context.Context, limit int) ([]docstore.ParkedKey, error)
	count func(ctx context.Context) (int64, error)
	// among gives those that are parked among some documents.
	among func(ctx context.Context, keys []docstore.Key) ([]docstore.ParkedKey, error)
}

// parking is the scope in which it is found out what is parked.
func parking() authz.Scope { return authz.SystemScope("parking") }

func mongoParked[T any](store docstore.Collection[T]) parkedStore {
	return parkedStore{
		list: func(ctx context.Context, limit int) ([]docstore.ParkedKey, error) {
			return store.Parked(ctx, parking(), limit)
		},
		count: store.CountParked,
		among: func(ctx context.Context, keys []docstore.Key) ([]docstore.ParkedKey, error) {
			return store.ParkedOf(ctx, parking(), keys)
		},
	}
}

func redisParked[T any](store docstore.Partitions[T]) parkedStore {
	return parkedStore{
		list: func(ctx context.Context, limit int) ([]docstore.ParkedKey, error) {
			all, _, err := store.Parked(ctx, parking(), limit)
			return all, err
		},
		count: func(ctx context.Context) (int64, error) {
			_, n, err := store.Parked(ctx, parking(), 1)
			return n, err
		},
		among: func(ctx context.Context, keys []docstore.Key) ([]docstore.ParkedKey, error) {
			return store.ParkedOf(ctx, parking(), keys)
		},
	}
}

// parkedKeys are the parked documents of a read model as they are announced:
// the position of each one's mark, under a name that names nobody.
type parkedKeys map[string]events.Position

// nameless is a key as it is announced. Two keys share one by chance in 2^64;
// then one that is shown counts as not visible.
func nameless(k docstore.Key) string {
	sum := sha256.Sum256([]byte(k))
	return hex.EncodeToString(sum[:8])
}

// told are the first of some parked documents, and whether there are more.
func told(all []docstore.ParkedKey) (keys parkedKeys, more bool) {
	keys = make(parkedKeys)
	for _, p := range all[:min(len(all), maxTold)] {
		keys[nameless(p.Key)] = p.Position
	}
	return keys, len(all) > maxTold
}

// with is p with others added.
func (p parkedKeys) with(others parkedKeys) parkedKeys {
	if len(others) == 0 {
		return p
	}
	both := make(parkedKeys, len(p)+len(others))
	maps.Copy(both, p)
	maps.Copy(both, others)
	return both
}

// touch is a document that an event changes.
type touch struct {
	key      docstore.Key
	name     string
	position events.Position
}

// touches are the documents of a read model that these events change. One
// whose keys cannot even be told changes none that is known.
func touches(keys func(events.Recorded) []docstore.Key, all []events.Recorded) (touched []touch) {
	defer func() { _ = recover() }()
	for _, e := range all {
		for _, k := range keys(e) {
			touched = append(touched, touch{k, nameless(k), e.Position})
		}
	}
	return touched
}

// hide tells whether any of these changes waits beside a parked document.
func (p parkedKeys) hide(all []touch) bool {
	for _, t := range all {
		if mark, parked := p[t.name]; parked && mark <= t.position {
			return true
		}
	}
	return false
}
