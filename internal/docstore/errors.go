package docstore

import (
	"context"
	"errors"
	"fmt"
)

// ErrNotFound says that there is none, or none that the scope sees. Nobody can
// tell which.
var ErrNotFound = errors.New("docstore: not found")

// ErrUnavailable says that the store gave no answer: it is away, too slow, or
// not complete. It says nothing about what was asked for.
var ErrUnavailable = errors.New("docstore: the store is unavailable")

// ErrRefused says that the store will never take a document as it is.
// RefusedKey tells which.
var ErrRefused = errors.New("docstore: the store refuses the document")

// refused is ErrRefused with the document's key. Of the reason it holds only
// what cannot quote the document.
type refused struct {
	key    Key
	reason string
}

func (r *refused) Error() string { return ErrRefused.Error() + ": " + r.reason }

// Is tells that r is an ErrRefused.
func (r *refused) Is(target error) bool { return target == ErrRefused }

// RefusedKey is the key of the document that was refused, and false when err
// is no refusal.
func RefusedKey(err error) (Key, bool) {
	var r *refused
	if errors.As(err, &r) {
		return r.key, true
	}
	return "", false
}

// failed wraps what a driver said. Whatever it was, the question went
// unanswered, so it counts as an outage: better a bug that looks like an outage
// than an outage that looks like an answer. Only the caller's own leaving is
// handed back as that.
func failed(ctx context.Context, what string, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("docstore: %s: %w", what, ctx.Err())
	}
	return fmt.Errorf("docstore: %s: %w: %w", what, ErrUnavailable, err)
}
