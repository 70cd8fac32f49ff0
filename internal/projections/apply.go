package projections

import (
	"fmt"
	"reflect"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

// touched are the keys of the documents that a batch changes, each once.
func touched[T any](p Projection[T], b events.Batch) []docstore.Key {
	var keys []docstore.Key
	seen := make(map[docstore.Key]bool)
	for _, e := range b.Events {
		for _, k := range p.Keys(e) {
			if !seen[k] {
				seen[k] = true
				keys = append(keys, k)
			}
		}
	}
	return keys
}

// apply changes the document under key by e. A panic of the fold comes back as
// ErrPoison.
func apply[T any](p Projection[T], doc *T, key docstore.Key, e events.Recorded) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &poison{p.Model(), key, e, fmt.Sprint("the fold panics: ", r)}
		}
	}()
	p.Apply(doc, key, e)
	return nil
}

// deleted tells whether a document has nothing in it.
func deleted[T any](doc *T) bool { return reflect.ValueOf(doc).Elem().IsZero() }

// blame names the event that made the document which the store refused: the
// last one in the batch that changed it.
func blame[T any](p Projection[T], b events.Batch, err error) error {
	key, ok := docstore.RefusedKey(err)
	if !ok {
		return err
	}
	culprit := &poison{model: p.Model(), key: key, why: err.Error()}
	for _, e := range b.Events {
		for _, k := range p.Keys(e) {
			if k == key {
				culprit.event = e
			}
		}
	}
	return culprit
}
