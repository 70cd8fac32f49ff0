package eventlog

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tenure/internal/events"
)

// announcer tells whoever listens how far the log has come, on a connection of
// its own. Heads that arrive while one is being told are told as one. If it
// fails, or the process dies here, readers find the events at their next look.
type announcer struct {
	hurry  context.Context // ends when nobody waits for it any more
	pool   *pgxpool.Pool
	logger *slog.Logger
	mu     sync.Mutex
	newest events.Position
	wake   chan struct{} // holds one
	once   sync.Once
	done   chan struct{}
	ended  chan struct{}
}

func newAnnouncer(hurry context.Context, pool *pgxpool.Pool, logger *slog.Logger) *announcer {
	n := &announcer{
		hurry: hurry, pool: pool, logger: logger,
		wake: make(chan struct{}, 1), done: make(chan struct{}), ended: make(chan struct{}),
	}
	go n.run()
	return n
}

func (n *announcer) announce(head events.Position) {
	n.mu.Lock()
	n.newest = max(n.newest, head)
	n.mu.Unlock()
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

func (n *announcer) run() {
	defer close(n.ended)
	for {
		select {
		case <-n.wake:
			n.tell()
		case <-n.done:
			select {
			case <-n.wake:
				n.tell()
			default:
			}
			return
		}
	}
}

// tell does not wait for the disk: a lost announcement costs time only.
func (n *announcer) tell() {
	n.mu.Lock()
	head := n.newest
	n.mu.Unlock()
	ctx, cancel := context.WithTimeout(n.hurry, 5*time.Second)
	defer cancel()
	_, err := n.pool.Exec(ctx, `select set_config('synchronous_commit', 'off', true), pg_notify($1, $2)`,
		Channel, strconv.FormatInt(int64(head), 10))
	if err != nil {
		n.logger.Warn("the new head was not announced; readers will find it by themselves", "position", head, "error", err)
	}
}

// close lets the announcer end when it has told the last head.
func (n *announcer) close() { n.once.Do(func() { close(n.done) }) }
