package docstore

import (
	"context"
)

// Publish says something to whoever listens at this moment. Nobody may depend
// on hearing it. It fails with ErrUnavailable.
func (r *Redis) Publish(ctx context.Context, topic string, message []byte) error {
	limited, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	if err := r.client.Publish(limited, r.Prefix+topic, message).Err(); err != nil {
		return failed(ctx, "publish", err)
	}
	return nil
}

// Listen hands what is said on a topic to hear, one after the other, until ctx
// ends. It connects again by itself; what was said meanwhile is lost.
func (r *Redis) Listen(ctx context.Context, topic string, hear func(message []byte)) {
	subscription := r.client.Subscribe(ctx, r.Prefix+topic)
	defer subscription.Close()
	messages := subscription.Channel()
	for {
		select {
		case <-ctx.Done():
			return
		case m, open := <-messages:
			if !open {
				return
			}
			hear([]byte(m.Payload))
		}
	}
}
