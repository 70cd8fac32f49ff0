package docstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Place is where in a list a document stands: what it is sorted by, and its
// key. It can be carried by a caller: whatever he makes of it, it holds one
// value of a kind that documents are sorted by, and never an operator.
type Place struct {
	value any // a string, an int64, a bool or a bson.DateTime
	key   Key
}

// placeText is a place as text. One of the values is set.
type placeText struct {
	Text   *string `json:"s,omitempty"`
	Number *int64  `json:"i,omitempty"`
	Flag   *bool   `json:"b,omitempty"`
	Time   *int64  `json:"t,omitempty"` // milliseconds since 1970
	Key    *Key    `json:"k"`
}

// MarshalJSON writes the value under the name of its kind.
func (p Place) MarshalJSON() ([]byte, error) {
	text := placeText{Key: &p.key}
	switch v := p.value.(type) {
	case string:
		text.Text = &v
	case int64:
		text.Number = &v
	case bool:
		text.Flag = &v
	case bson.DateTime:
		text.Time = (*int64)(&v)
	default:
		return nil, errNoPlace
	}
	return json.Marshal(text)
}

var errNoPlace = errors.New("docstore: this is no place in a list")

// UnmarshalJSON reads what MarshalJSON wrote, and nothing else.
func (p *Place) UnmarshalJSON(data []byte) error {
	var text placeText
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&text); err != nil || text.Key == nil {
		return errNoPlace
	}
	var values []any
	if text.Text != nil {
		values = append(values, *text.Text)
	}
	if text.Number != nil {
		values = append(values, *text.Number)
	}
	if text.Flag != nil {
		values = append(values, *text.Flag)
	}
	if text.Time != nil {
		values = append(values, bson.DateTime(*text.Time))
	}
	if len(values) != 1 {
		return errNoPlace
	}
	p.value, p.key = values[0], *text.Key
	return nil
}

// placeOf is the place of a document as MongoDB gave it. What a list is sorted
// by is never null, nor of more than one kind.
func (o Order) placeOf(raw bson.Raw, key Key) (Place, error) {
	v, err := raw.LookupErr(strings.Split(o.By.path, ".")...)
	if err != nil {
		return Place{}, fmt.Errorf("docstore: a document lacks %s, by which it is sorted: %w", o.By.path, err)
	}
	p := Place{key: key}
	switch v.Type {
	case bson.TypeString:
		p.value = v.StringValue()
	case bson.TypeInt32, bson.TypeInt64:
		p.value = v.AsInt64()
	case bson.TypeBoolean:
		p.value = v.Boolean()
	case bson.TypeDateTime:
		p.value = bson.DateTime(v.DateTime())
	default:
		return Place{}, fmt.Errorf("docstore: nothing is sorted by the %s in %s", v.Type, o.By.path)
	}
	return p, nil
}

// beyond asks for what comes after a place. It runs along the index of the
// order: first those that are equal to the place, then the rest. Within a scope
// of several tenants or owners, whose indexes are merged, it is one range from
// the place on, which passes over the equal ones before it: MongoDB would sort
// what it finds in two ranges of each.
func (o Order) beyond(p Place, several bool) bson.D {
	on := "$gt"
	if o.Down {
		on = "$lt"
	}
	further := bson.E{Key: o.By.path, Value: bson.D{{Key: on, Value: p.value}}}
	later := bson.E{Key: "_id", Value: bson.D{{Key: on, Value: p.key}}}
	if several {
		from := bson.E{Key: o.By.path, Value: bson.D{{Key: on + "e", Value: p.value}}}
		return bson.D{from, {Key: "$or", Value: bson.A{bson.D{further}, bson.D{later}}}}
	}
	equal := bson.E{Key: o.By.path, Value: bson.D{{Key: "$eq", Value: p.value}}}
	return bson.D{{Key: "$or", Value: bson.A{bson.D{equal, later}, bson.D{further}}}}
}

// shown is what of a document is fetched for a list: what is shown, and what
// it is sorted by where that lies elsewhere.
func (o Order) shown() bson.D {
	if strings.HasPrefix(o.By.path, "body.") {
		return bodyOnly
	}
	return append(slices.Clone(bodyOnly), bson.E{Key: o.By.path, Value: 1})
}
