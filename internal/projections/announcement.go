package projections

import (
	"context"
	"encoding/json"
	"sync"

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

// after is a when the one before it was not announced yet. What that one said
// of parked documents must be heard too, unless a was made later and is Whole:
// a beat looks at the store while batches go on, so it may come late.
func (a announcement) after(b announcement) announcement {
	if a.Whole && a.Position >= b.Position || len(b.Parked) == 0 && !b.More {
		return a
	}
	a.Parked, a.More, a.Whole = b.Parked.with(a.Parked), a.More || b.More, false
	if len(a.Parked) > maxTold {
		a.Parked, a.More = nil, true
	}
	return a
}

// news is what is to be announced. A fold leaves it here and goes on: that
// nobody can be told is no reason to stop folding.
type news struct {
	mu     sync.Mutex
	latest map[docstore.Model]announcement
	more   chan struct{} // room for one
}

func newNews() *news {
	return &news{latest: make(map[docstore.Model]announcement), more: make(chan struct{}, 1)}
}

func (n *news) put(a announcement) {
	n.mu.Lock()
	n.latest[a.model()] = a.after(n.latest[a.model()])
	n.mu.Unlock()
	select {
	case n.more <- struct{}{}:
	default: // it is awake already
	}
}

func (n *news) take() []announcement {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []announcement
	for model, a := range n.latest {
		all = append(all, a)
		delete(n.latest, model)
	}
	return all
}

// publish announces what is new until ctx ends. What cannot be announced is
// dropped; the next beat says it again.
func (n *news) publish(ctx context.Context, r *docstore.Redis) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.more:
		}
		message, err := json.Marshal(n.take())
		if err != nil {
			continue // structs of texts and numbers
		}
		_ = r.Publish(ctx, progressTopic, message)
	}
}
