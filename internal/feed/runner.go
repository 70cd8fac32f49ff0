package feed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenure/internal/eventlog"
)

// runner is one consumer of a running feed.
type runner struct {
	consumer Consumer
	pool     *pgxpool.Pool
	logger   *slog.Logger
	poll     time.Duration
	wake     chan struct{} // room for one, so that what is announced during a turn is not lost
	health   health
	done     chan struct{} // closed when it has ended
}

func newRunner(f *Feed, c Consumer) *runner {
	return &runner{
		consumer: c,
		pool:     f.Pool,
		logger:   f.logger().With("consumer", c.Name),
		poll:     cmp.Or(f.Poll, time.Second),
		wake:     make(chan struct{}, 1),
		done:     make(chan struct{}),
	}
}

// run takes turns until running ends or the consumer is stopped for good,
// which it tells. Work is the context of the batches in hand.
func (r *runner) run(running, work context.Context) error {
	defer close(r.done)
	p := newPace(running, r)
	ts := &turns{runner: r, running: running, pace: p}
	subscriber, err := ts.subscriber()
	if err != nil {
		return r.failed(err)
	}
	// Watermill is not told that running ended: it would give up the message
	// in hand, and its transaction, while the consumer still works in it. It
	// is closed when pace says that no turn is open and none will be.
	messages, err := subscriber.Subscribe(context.WithoutCancel(running), eventlog.Channel)
	if err != nil {
		return r.failed(errors.Join(err, subscriber.Close()))
	}
	for {
		select {
		case msg := <-messages:
			r.handle(work, msg)
		case <-p.over:
			return errors.Join(p.verdict, subscriber.Close())
		}
	}
}

// subscriber is where batches come from: the one seam for another transport,
// when consumers outgrow one machine. It would send the events in the message,
// and handle would have no turn to ask for them.
func (ts *turns) subscriber() (message.Subscriber, error) {
	var never time.Duration // a deadline would send a batch again while the consumer still works on it
	return wsql.NewSubscriber(ts, wsql.SubscriberConfig{
		ConsumerGroup:  ts.consumer.Name,
		AckDeadline:    &never,
		BackoffManager: ts.pace,
		SchemaAdapter:  batches{},
		OffsetsAdapter: offsets{},
	}, watermill.NopLogger{}) // all that it would say passes through turn and pace, and is said there
}

// ended tells whether run has returned.
func (r *runner) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// announce wakes the consumer, or sees to it that it does not fall asleep.
func (r *runner) announce() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *runner) failed(err error) error {
	return fmt.Errorf("feed: %s: %w", r.consumer.Name, err)
}
