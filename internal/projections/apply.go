package projections

import (
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

// apply changes the document under key by e. It tells why when the fold
// panics, and then the document is spoiled: it may have been changed halfway.
func apply[T any](p Projection[T], doc *T, key docstore.Key, e events.Recorded) (why string) {
	defer func() {
		if r := recover(); r != nil {
			why = panicked(r)
		}
	}()
	p.Apply(doc, key, e)
	return ""
}

// deleted tells whether a document has nothing in it.
func deleted[T any](doc *T) bool { return reflect.ValueOf(doc).Elem().IsZero() }
