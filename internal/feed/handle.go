package feed

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	wsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
)

// handle gives the consumer the batch of a message. It always acknowledges: a
// refusal would send the message again at once, on a transaction that may be
// aborted. A turn that failed refuses to move its offset instead, and rolls
// back.
func (r *runner) handle(work context.Context, msg *message.Message) {
	if t, ok := turnOf(msg); ok {
		t.failed = r.consume(work, t)
	}
	msg.Ack()
}

func (r *runner) consume(work context.Context, t *turn) error {
	b := t.page.batch
	err := guard(func() error {
		switch {
		case r.consumer.Fold != nil:
			return r.consumer.Fold(work, b)
		case len(b.Events) > 0:
			return r.consumer.React(work, reactionTx{t.tx}, b)
		default:
			return nil
		}
	})
	if err != nil {
		return fmt.Errorf("with %d to %d: %w", b.From.Position+1, b.Through.Position, err)
	}
	return nil
}

// turnOf is the turn in which a message was sent.
func turnOf(msg *message.Message) (t *turn, ok bool) {
	tx, _ := wsql.TxFromContext(msg.Context())
	t, ok = tx.(*turn)
	return t, ok
}

// reactionTx is a turn's transaction as a reaction sees it: whether it commits
// is decided by the turn alone.
type reactionTx struct{ pgx.Tx }

var errNotYours = errors.New("feed: the transaction of a turn is ended by the feed; use tx.Begin for a savepoint")

// Commit is refused.
func (reactionTx) Commit(context.Context) error { return errNotYours }

// Rollback is refused.
func (reactionTx) Rollback(context.Context) error { return errNotYours }

// panicked is a panic of a consumer, as an error. Its text has no stack, which
// differs each time.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// guard runs what is not ours, so that its panic stops nobody else.
func guard(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicked{value, debug.Stack()}
		}
	}()
	return f()
}
