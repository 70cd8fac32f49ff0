package projections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
)

// errQueue says that the events that wait beside a document are not there. To
// apply what is left would pass over one.
var errQueue = errors.New("projections: the queue of a parked document is not whole; drop the read model, and it is folded again")

// mongoBay is that of a projection in MongoDB.
func mongoBay[T any](p Projection[T], m *docstore.Mongo, readAt func(context.Context, []events.Position) ([]events.Recorded, error)) bay[T] {
	c := docstore.In[T](m, p.Model())
	return bay[T]{
		projection: p, parked: mongoParked(c), readAt: readAt,
		load: func(ctx context.Context, key docstore.Key) (taken[T], bool, error) { return loadDocument(ctx, c, key) },
		store: func(ctx context.Context, t taken[T], applied int, mark *docstore.Parked) (bool, string, error) {
			return storeDocument(ctx, p, c, t, applied, mark)
		},
	}
}

func loadDocument[T any](ctx context.Context, c docstore.Collection[T], key docstore.Key) (taken[T], bool, error) {
	loaded, err := c.Load(ctx, authz.SystemScope("retrying"), []docstore.Key{key})
	if err != nil || loaded[key].Parked == nil {
		return taken[T]{}, false, err
	}
	doc := start(loaded, key)
	waiting, err := c.Queued(ctx, doc, retryPage+1)
	if err != nil {
		return taken[T]{}, false, err
	}
	if len(waiting) == 0 || waiting[0] != doc.Parked.Position {
		return taken[T]{}, false, fmt.Errorf("%w: document %s", errQueue, nameOf(key))
	}
	return taken[T]{key: key, mark: *doc.Parked, body: doc.Body, waiting: waiting, mongo: doc}, true, nil
}

// storeDocument writes the document, and then clears its queue of what was
// applied. Dies the process between the two, what is left lies before every
// mark that the document will ever have, where nobody looks.
func storeDocument[T any](ctx context.Context, p Projection[T], c docstore.Collection[T], t taken[T], applied int, mark *docstore.Parked) (bool, string, error) {
	doc := t.mongo
	doc.Parked, doc.Frozen = mark, applied == 0
	if !doc.Frozen {
		if why := finish(p, &doc); why != "" {
			return false, why, nil
		}
	}
	raced, err := c.Replace(ctx, []docstore.Document[T]{doc})
	if why, refused := docstore.Refused(err)[t.key]; refused {
		return false, why, nil
	}
	if raced || err != nil || applied == 0 {
		return !raced, "", err
	}
	before := doc.Position + 1
	if mark != nil {
		before = mark.Position
	}
	return true, "", c.Unqueue(ctx, t.key, before)
}

// redisBay is that of a projection in Redis.
func redisBay[T any](p Projection[T], r *docstore.Redis, readAt func(context.Context, []events.Position) ([]events.Recorded, error)) bay[T] {
	store := docstore.PartitionsIn[T](r, p.Model())
	return bay[T]{
		projection: p, parked: redisParked(store), readAt: readAt,
		load: func(ctx context.Context, key docstore.Key) (taken[T], bool, error) { return loadHeld(ctx, store, key) },
		store: func(ctx context.Context, t taken[T], applied int, mark *docstore.Parked) (bool, string, error) {
			return storeHeld(ctx, store, t, applied, mark)
		},
	}
}

func loadHeld[T any](ctx context.Context, store docstore.Partitions[T], key docstore.Key) (taken[T], bool, error) {
	held, waiting, parked, err := store.LoadHeld(ctx, authz.SystemScope("retrying"), key)
	if err != nil || !parked {
		return taken[T]{}, false, err
	}
	body := new(T)
	if held.Doc != nil { // a copy, for the fold may spoil it
		text, err := json.Marshal(held.Doc)
		if err == nil {
			err = json.Unmarshal(text, body)
		}
		if err != nil {
			return taken[T]{}, false, fmt.Errorf("projections: copy a document: %w", err)
		}
	}
	return taken[T]{key: key, mark: held.Parked, body: body, waiting: waiting, redis: held}, true, nil
}

func storeHeld[T any](ctx context.Context, store docstore.Partitions[T], t taken[T], applied int, mark *docstore.Parked) (bool, string, error) {
	now := t.redis
	if mark != nil {
		now.Parked = *mark
	}
	if applied > 0 {
		now.Doc = t.body
		if deleted(t.body) {
			now.Doc = nil
		}
	}
	stored, err := store.Release(ctx, t.key, t.redis, now, t.waiting[applied:])
	if why, refused := docstore.Refused(err)[t.key]; refused {
		return false, why, nil
	}
	return stored, "", err
}
