package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/danielgtaylor/huma/v2"
)

// maxObject is how many bytes an object of the client's own has at most, as
// it is kept: without spaces.
const maxObject = 8 << 10

// Object is a JSON object of the client's own, handed back as it came. It is
// exported since huma looks into exported parts only.
type Object json.RawMessage

// UnmarshalJSON keeps the object without its spaces; empty is none.
func (o *Object) UnmarshalJSON(data []byte) error {
	var kept bytes.Buffer
	if err := json.Compact(&kept, data); err != nil {
		return err
	}
	if *o = kept.Bytes(); kept.String() == "{}" {
		*o = nil
	}
	return nil
}

// MarshalJSON writes the object.
func (o Object) MarshalJSON() ([]byte, error) {
	if len(o) == 0 {
		return []byte("{}"), nil
	}
	return o, nil
}

// Schema is that of any object.
func (o Object) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: fmt.Sprintf("The client's own; at most %d bytes.", maxObject)}
}
