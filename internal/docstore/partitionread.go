package docstore

import (
	"context"
	"errors"

	"tenure/internal/authz"
)

// errNotReady says that a partition is missing or still being folded, so that
// what is not in it may well be.
var errNotReady = errors.New("docstore: the partition is not complete")

// errHeld says that a document is parked. What it was before may be a right
// that was taken away since, and what it is nobody knows.
var errHeld = errors.New("docstore: the document is parked")

// Read reads documents for a request, in one round trip to the master. What is
// not there is left out. It fails with ErrUnavailable when Redis is away, when
// any partition that was asked is not ready, and when any of the documents is
// parked. Documents in Redis carry no tags, so a scope with limits sees none of
// them.
func (p Partitions[T]) Read(ctx context.Context, s authz.Scope, keys ...Key) (map[Key]T, error) {
	if !s.Everything() || len(keys) == 0 {
		return nil, nil
	}
	parts, err := p.Load(ctx, s, keys)
	if err != nil {
		return nil, err
	}
	docs := make(map[Key]T, len(keys))
	for _, part := range parts {
		if !part.Ready {
			return nil, failed(ctx, "read "+p.model.String(), errNotReady)
		}
		if len(part.Held) > 0 {
			return nil, failed(ctx, "read "+p.model.String(), errHeld)
		}
		for k, doc := range part.Docs {
			docs[k] = doc
		}
	}
	return docs, nil
}
