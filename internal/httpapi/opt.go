package httpapi

import (
	"bytes"
	"encoding/json"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// Opt is a member of a patch that may be cleared: absent, null or a value.
// A member that may not be null is a plain pointer; null is refused there
// before anything is decoded.
type Opt[T any] struct {
	Set   bool // the member is there
	Null  bool // and is null
	Value T
}

// UnmarshalJSON is called only for a member that is there.
func (o *Opt[T]) UnmarshalJSON(data []byte) error {
	o.Set = true
	if bytes.Equal(data, []byte("null")) {
		o.Null = true
		return nil
	}
	return json.Unmarshal(data, &o.Value)
}

// Schema is that of the value, or null.
func (o Opt[T]) Schema(r huma.Registry) *huma.Schema {
	s := r.Schema(reflect.TypeFor[T](), true, "")
	s.Nullable = true
	return s
}

// orEmpty is how commands are told: nil for absent, the zero value for null.
func (o Opt[T]) orEmpty() *T {
	if !o.Set {
		return nil
	}
	return &o.Value
}
