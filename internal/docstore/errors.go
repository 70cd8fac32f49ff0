package docstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// ErrNotFound says that there is none, or none that the scope sees. Nobody can
// tell which.
var ErrNotFound = errors.New("docstore: not found")

// ErrUnavailable says that the store gave no answer: it is away, too slow, or
// not complete. It says nothing about what was asked for.
var ErrUnavailable = errors.New("docstore: the store is unavailable")

// ErrRefused says that the store will never take a document as it is. Refused
// tells which.
var ErrRefused = errors.New("docstore: the store refuses the document")

// refusals is ErrRefused with the reason for each document. A reason holds
// only what cannot quote the document.
type refusals map[Key]string

func (r refusals) Error() string {
	first := slices.Min(slices.Collect(maps.Keys(r)))
	return fmt.Sprintf("%v: %s (%d in all)", ErrRefused, r[first], len(r))
}

// Is tells that r is an ErrRefused.
func (r refusals) Is(target error) bool { return target == ErrRefused }

// orNil is no error when nothing was refused.
func (r refusals) orNil() error {
	if len(r) == 0 {
		return nil
	}
	return r
}

// Refused are the documents that the store refused, each with the reason; none
// when err is no refusal. All others that were written with them are written.
func Refused(err error) map[Key]string {
	var r refusals
	errors.As(err, &r)
	return r
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
