package projections

import (
	"tenure/internal/docstore"
	"tenure/internal/events"
)

// progressTopic is where positions are announced. It is permanent.
const progressTopic = "projections"

// announcement says how far a read model is in its store. One that is lost
// costs time and nothing else.
type announcement struct {
	Projection string          `json:"projection"`
	Version    int             `json:"version"`
	Generation int             `json:"generation"`
	Log        string          `json:"log"`
	Position   events.Position `json:"position"`
	// Failed is why it does not get further; empty when nothing is wrong. It
	// names no person.
	Failed string `json:"failed,omitempty"`
	// Parked are parked documents: those that a batch touched, or, when it is
	// Whole, all that there are at this position.
	Parked parkedKeys `json:"parked,omitempty"`
	Whole  bool       `json:"whole,omitempty"`
	// More says that there are others, for which there is no room.
	More bool `json:"more,omitempty"`
}

func (a announcement) model() docstore.Model {
	return docstore.Model{Projection: a.Projection, Version: a.Version, Generation: a.Generation}
}

// and is what a and then next say together. What a says of parked documents
// must be heard too, unless next was made later and is Whole: a beat looks at
// the store while batches go on, so it may come late.
func (a announcement) and(next announcement) announcement {
	if next.Whole && next.Position >= a.Position || len(a.Parked) == 0 && !a.More {
		return next
	}
	next.Parked, next.More, next.Whole = a.Parked.with(next.Parked), next.More || a.More, false
	if len(next.Parked) > maxTold {
		next.Parked, next.More = nil, true
	}
	return next
}
