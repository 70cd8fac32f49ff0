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
	// Position is that of the last event that was applied, or that waits
	// beside the document while it is parked.
	Position events.Position
	// Loaded is the position it had in the store; 0 when it was not there.
	Loaded events.Position
	// Parked is why it does not go on; nil when it does.
	Parked *Parked
	// LoadedParked is the position of the mark it had in the store; 0 when it
	// had none. With Loaded it is what no two states have in common: a mark
	// only ever moves on, or goes, while Loaded stands still.
	LoadedParked events.Position
	// Frozen says that the body stays as the store has it, with all that is
	// found by: only position and mark are written.
	Frozen bool
	// Body is what is shown. Nil is a tombstone: nothing is, yet the position
	// keeps an older writer from bringing the document back.
	Body *T
	Tags authz.Tags
	// Texts are what a search looks into, and what is compared and sorted
	// without regard to case, by name.
	Texts map[string]string
}

// stored is a document as MongoDB has it. A tombstone has only key and
// position, so no scope sees it and no index leads to it; so has a document
// that was parked before it ever was, beside its mark.
type stored[T any] struct {
	Key      Key               `bson:"_id"`
	Position events.Position   `bson:"position"`
	Live     bool              `bson:"live,omitempty"`
	Tenants  []events.TenantID `bson:"tenants,omitempty"`
	Owner    events.UserID     `bson:"owner,omitempty"`
	Text     bson.D            `bson:"text,omitempty"`
	Search   string            `bson:"search,omitempty"`
	Parked   *Parked           `bson:"parked,omitempty"`
	Body     *T                `bson:"body,omitempty"`
}

func (d Document[T]) stored() stored[T] {
	if d.Body == nil {
		return stored[T]{Key: d.Key, Position: d.Position, Parked: d.Parked}
	}
	s := stored[T]{
		Key: d.Key, Position: d.Position, Parked: d.Parked, Live: true,
		Tenants: d.Tags.Tenants, Owner: d.Tags.Owner, Body: d.Body,
	}
	s.Text, s.Search = folded(d.Texts)
	return s
}

// loaded is the document as a fold gets it.
func (s stored[T]) loaded() Document[T] {
	return Document[T]{
		Key: s.Key, Position: s.Position, Loaded: s.Position,
		Parked: s.Parked, LoadedParked: s.Parked.at(), Body: s.Body,
	}
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
