package docstore

import (
	"maps"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"golang.org/x/text/unicode/norm"

	"tenure/internal/authz"
	"tenure/internal/events"
)

// Document is what a read model keeps under a key.
type Document[T any] struct {
	Key Key
	// Position is that of the last event that was applied.
	Position events.Position
	// Loaded is the position it had in the store; 0 when it was not there.
	Loaded events.Position
	// Body is what is shown. Nil is a tombstone: nothing is, yet the position
	// keeps an older writer from bringing the document back.
	Body *T
	Tags authz.Tags
	// Texts are what a search looks into, and what is compared and sorted
	// without regard to case, by name.
	Texts map[string]string
}

// stored is a document as MongoDB has it. A tombstone has only key and
// position, so no scope sees it and no index leads to it.
type stored[T any] struct {
	Key      Key               `bson:"_id"`
	Position events.Position   `bson:"position"`
	Live     bool              `bson:"live,omitempty"`
	Tenants  []events.TenantID `bson:"tenants,omitempty"`
	Owner    events.UserID     `bson:"owner,omitempty"`
	Text     bson.D            `bson:"text,omitempty"`
	Search   string            `bson:"search,omitempty"`
	Body     *T                `bson:"body,omitempty"`
}

func (d Document[T]) stored() stored[T] {
	if d.Body == nil {
		return stored[T]{Key: d.Key, Position: d.Position}
	}
	s := stored[T]{
		Key: d.Key, Position: d.Position, Live: true,
		Tenants: d.Tags.Tenants, Owner: d.Tags.Owner, Body: d.Body,
	}
	s.Text, s.Search = folded(d.Texts)
	return s
}

// boundary stands between the texts of a document that are searched together.
// No text that is searched for may hold it.
const boundary = "\x1f"

func folded(texts map[string]string) (bson.D, string) {
	var each bson.D
	var all []string
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		text := FoldText(texts[name])
		each = append(each, bson.E{Key: name, Value: text})
		all = append(all, text)
	}
	return each, strings.Join(all, boundary)
}

// FoldText is the form in which texts are compared, sorted and searched:
// without regard to case, and to how a character was composed.
func FoldText(s string) string {
	return norm.NFC.String(strings.ToLower(norm.NFC.String(s)))
}
