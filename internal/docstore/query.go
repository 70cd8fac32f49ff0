package docstore

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"tenure/internal/authz"
	"tenure/internal/events"
)

// Field is a place in a document that can be compared and sorted.
type Field struct{ path string }

// Body is a member of what the document shows, by its stored name.
func Body(name string) Field { return Field{"body." + name} }

// Text is one of the document's texts, without regard to case.
func Text(name string) Field { return Field{"text." + name} }

// Order is how a list is sorted. Documents that are equal in it follow each
// other by key, in the same direction, so the order is always total and runs
// along an index.
type Order struct {
	By   Field
	Down bool
}

func (o Order) sort() bson.D {
	direction := 1
	if o.Down {
		direction = -1
	}
	return bson.D{{Key: o.By.path, Value: direction}, {Key: "_id", Value: direction}}
}

// Condition narrows a list. The zero condition matches nothing.
type Condition struct{ clause bson.D }

// Is asks for a value.
func Is[V ~string | ~bool](f Field, value V) Condition {
	return Condition{bson.D{{Key: f.path, Value: value}}}
}

// TextIs asks for a text, without regard to case.
func TextIs(name, text string) Condition { return Is(Text(name), FoldText(text)) }

// KeyIn asks for documents by their keys.
func KeyIn(keys []Key) Condition {
	return Condition{bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: append([]Key{}, keys...)}}}}}
}

// VisibleIn asks for what a scope of this tenant would see.
func VisibleIn(t events.TenantID) Condition {
	if t == "" {
		return Condition{}
	}
	return Condition{bson.D{{Key: "tenants", Value: t}}}
}

// Search asks for documents with this in one of their texts, without regard to
// case. No character of it has a meaning of its own.
func Search(text string) Condition {
	if !utf8.ValidString(text) || strings.ContainsAny(text, boundary+"\x00") {
		return Condition{} // no text holds it
	}
	return Condition{bson.D{{Key: "search", Value: bson.Regex{Pattern: regexp.QuoteMeta(FoldText(text))}}}}
}

// Query is a page of a list.
type Query struct {
	Where []Condition // all of them hold
	Order Order
	// After, when set, begins the page behind a place, however many come
	// before it by now.
	After *Place
	Skip  int
	Limit int
}

// page is a filter for the page alone, which is within a scope already.
func (q Query) page(s authz.Scope, filter bson.D) bson.D {
	if q.After == nil {
		return filter
	}
	return bson.D{{Key: "$and", Value: bson.A{filter, q.Order.beyond(*q.After, several(s))}}}
}

// filter is what the query asks for within a scope, and false when that can be
// nothing.
func (q Query) filter(s authz.Scope) (bson.D, bool) {
	scope, ok := within(s)
	if !ok {
		return nil, false
	}
	all := bson.A{scope}
	for _, c := range q.Where {
		if c.clause == nil {
			return nil, false
		}
		all = append(all, c.clause)
	}
	if len(all) == 1 {
		return scope, true
	}
	return bson.D{{Key: "$and", Value: all}}, true
}
