package projections

import (
	"context"
	"encoding/json"
	"sync"

	"tenure/internal/docstore"
)

// said is what is said of a read model, over and over. And is what it and the
// next say together, for those who hear only the sum.
type said[T any] interface {
	model() docstore.Model
	and(next T) T
}

// outbox is what waits to be said of each read model. A fold leaves it here and
// goes on: that nobody can be told is no reason to stop folding.
type outbox[T said[T]] struct {
	mu    sync.Mutex
	waits map[docstore.Model]T
	more  chan struct{} // room for one
}

func newOutbox[T said[T]]() *outbox[T] {
	return &outbox[T]{waits: make(map[docstore.Model]T), more: make(chan struct{}, 1)}
}

func (o *outbox[T]) put(next T) {
	o.mu.Lock()
	if former, waits := o.waits[next.model()]; waits {
		next = former.and(next)
	}
	o.waits[next.model()] = next
	o.mu.Unlock()
	poke(o.more)
}

func (o *outbox[T]) take() []T {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []T
	for model, one := range o.waits {
		all = append(all, one)
		delete(o.waits, model)
	}
	return all
}

// empty hands on what waits, until ctx ends.
func (o *outbox[T]) empty(ctx context.Context, say func([]T)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.more:
			say(o.take())
		}
	}
}

// say publishes a message. One that is lost is made up for by the next: after
// an announcement comes a beat, and who hears of a drop hears what it follows.
func (p *Projector) say(ctx context.Context, topic string, what any) {
	message, err := json.Marshal(what)
	if err != nil {
		return // structs of texts and numbers
	}
	_ = p.redis.Publish(ctx, topic, message)
}
