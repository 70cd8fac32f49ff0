package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenure/internal/events"
)

// A batch is at most this, and waits at most this long for as many callers as
// the batch before had: without that, two halves of the callers take turns for
// ever, each half a batch.
const (
	maxBatch      = 1000
	maxBatchBytes = 4 << 20
	gather        = 100 * time.Microsecond
	few           = 64
)

// Appender appends commands to the log, together: those that arrive while a
// batch is under way form the next one. A process has one.
type Appender struct {
	pool    *pgxpool.Pool
	logger  *slog.Logger
	observe func(Batch)
	giveUp  time.Duration
	most    int // that wait
	heads   *announcer

	mu      sync.Mutex
	waiting []*call
	closed  bool
	target  int             // how many callers the loop waits for
	arrived chan struct{}   // a caller came, or target of them did, or it is closed; holds one
	stopped chan struct{}   // the loop has ended
	hurry   context.Context // ends when a shutdown has no more time
	stop    context.CancelFunc
}

// Batch is what an appender observed of one batch, for metrics.
type Batch struct {
	Commands int
	Bytes    int
	Took     time.Duration
	Failed   bool
}

// Config is how an appender works. The zero value works.
type Config struct {
	// GiveUp is how long the appender asks for an outcome that it does not
	// know before it says so; 10 s when zero.
	GiveUp time.Duration
	// MaxWaiting is how many commands wait at most; whoever comes beyond is
	// told at once that the log cannot be reached. 20,000 when zero: more come
	// only while the database is away.
	MaxWaiting int
	// Observe is called after each batch, from one goroutine; nil for not.
	Observe func(Batch)
}

// NewAppender starts an appender on a pool that Configure has prepared. Close
// ends it.
func NewAppender(pool *pgxpool.Pool, logger *slog.Logger, config Config) *Appender {
	hurry, stop := context.WithCancel(context.Background())
	a := &Appender{
		pool: pool, logger: logger, observe: config.Observe, giveUp: config.GiveUp, most: config.MaxWaiting,
		heads: newAnnouncer(hurry, pool, logger), arrived: make(chan struct{}, 1), stopped: make(chan struct{}),
		hurry: hurry, stop: stop,
	}
	if a.giveUp <= 0 {
		a.giveUp = 10 * time.Second
	}
	if a.most <= 0 {
		a.most = 20 * maxBatch
	}
	go a.run()
	return a
}

// call is a command on its way, with what its caller waits for.
type call struct {
	command *Command
	events  []encoded
	meta    string
	size    int
	uses    map[thing]use
	attempt uuid.UUID
	inDoubt bool // it was sent, and may be in the log; only the loop looks
	done    chan struct{}
	receipt Receipt
	err     error
}

// Append appends a command and returns when it is durable. A caller whose
// context ends leaves; if the command was sent by then the error is
// ErrUnknownOutcome, else nothing was written and it is the context's. The
// other errors are those of this package. What the command's slices hold is
// read until it is answered, also when its caller has left.
func (a *Appender) Append(ctx context.Context, c Command) (Receipt, error) {
	if ctx.Err() != nil {
		return Receipt{}, leftEarly(ctx)
	}
	one, err := newCall(&c)
	if err != nil {
		return Receipt{}, err
	}
	if err := a.enqueue(one); err != nil {
		return Receipt{}, err
	}
	select {
	case <-one.done:
		return one.receipt, one.err
	case <-ctx.Done():
		return a.leave(ctx, one)
	}
}

func newCall(c *Command) (*call, error) {
	if err := checkCommand(c); err != nil {
		return nil, err
	}
	rows, meta, size, err := encodeEvents(c)
	if err != nil {
		return nil, err
	}
	return &call{command: c, events: rows, meta: meta, size: size, uses: usesOf(c), attempt: uuid.New(), done: make(chan struct{})}, nil
}

func (a *Appender) enqueue(c *call) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return fmt.Errorf("%w: it is closing", ErrUnavailable)
	}
	if len(a.waiting) >= a.most {
		return fmt.Errorf("%w: %d commands wait already", ErrUnavailable, a.most)
	}
	a.waiting = append(a.waiting, c)
	if n := len(a.waiting); n == 1 || n == a.target {
		a.nudge()
	}
	return nil
}

// nudge wakes the loop, which finds out by itself why.
func (a *Appender) nudge() {
	select {
	case a.arrived <- struct{}{}:
	default:
	}
}

// leave takes a call out of the queue, or says that it is too late for that.
func (a *Appender) leave(ctx context.Context, c *call) (Receipt, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, w := range a.waiting {
		if w == c {
			a.waiting = append(a.waiting[:i:i], a.waiting[i+1:]...)
			return Receipt{}, leftEarly(ctx)
		}
	}
	select {
	case <-c.done: // the answer and the end came together
		return c.receipt, c.err
	default:
		return Receipt{}, fmt.Errorf("%w: its caller left: %w", ErrUnknownOutcome, context.Cause(ctx))
	}
}

func leftEarly(ctx context.Context) error {
	return fmt.Errorf("eventlog: append: left before it was sent: %w", context.Cause(ctx))
}

// Close takes no more commands, answers all that wait, and ends. What is not
// appended when ctx ends is answered that it was not, or that it is unknown.
func (a *Appender) Close(ctx context.Context) error {
	a.mu.Lock()
	a.closed = true
	a.nudge()
	a.mu.Unlock()
	defer a.stop()
	err := a.await(ctx, a.stopped)
	a.heads.close()
	return errors.Join(err, a.await(ctx, a.heads.ended))
}

// await waits until something has ended; when ctx ends before, it makes haste.
func (a *Appender) await(ctx context.Context, ended <-chan struct{}) error {
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		a.stop() // what is under way is cut off, and not tried again
		<-ended
		return context.Cause(ctx)
	}
}

// run carries out batch after batch until the appender is closed and empty.
func (a *Appender) run() {
	defer close(a.stopped)
	last := 0
	for {
		batch, closed := a.take()
		if len(batch) == 0 {
			if closed {
				return
			}
			<-a.arrived
			a.gather(last)
			continue
		}
		last = len(batch)
		a.carryOut(batch)
		if n := a.pending(); n > 0 {
			a.gather(expected(last, n))
		}
	}
}

// expected is how many callers are worth a moment's wait, when the last batch
// was just answered and more wait already. Of few callers all, since what a
// batch costs is the round trip and the disk. Of many only as many as before:
// then the callers' own work goes on while the server works, which is worth
// more than a larger batch (measured with 16 callers: a quarter more appends
// when waiting for all; with 256: a sixth fewer).
func expected(last, waiting int) int {
	if last+waiting <= few {
		return last + waiting
	}
	return last
}

// gather waits a moment while fewer callers are here than were in the last
// batch: they have just been answered, and most of them come again.
func (a *Appender) gather(last int) {
	a.mu.Lock()
	a.target = last
	enough := len(a.waiting) >= last || a.closed
	a.mu.Unlock()
	if enough {
		return
	}
	timer := time.NewTimer(gather)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return
		case <-a.arrived:
			if a.pending() >= last {
				return
			}
		}
	}
}

func (a *Appender) pending() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.waiting)
}

// take removes the next batch from the queue: in the order of arrival, what
// fits together. What does not fit waits for the batch after.
func (a *Appender) take() (batch []*call, closed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	uses := make(map[thing]use, 4*len(a.waiting))
	var rest []*call
	size := 0
	for i, c := range a.waiting {
		if len(batch) == maxBatch {
			rest = append(rest, a.waiting[i:]...)
			break
		}
		if len(batch) > 0 && size+c.size > maxBatchBytes || !fits(uses, c.uses) {
			rest = append(rest, c)
			continue
		}
		join(uses, c.uses)
		batch = append(batch, c)
		size += c.size
	}
	a.waiting = rest
	return batch, a.closed
}

// answer gives a caller what he waits for.
func (c *call) answer(r Receipt, err error) {
	c.receipt, c.err = r, err
	close(c.done)
}

// positions are those of a call's events when the first of them is at next.
// One without events has the head before.
func (c *call) positions(log events.LogID, at time.Time, next events.Position) Receipt {
	last := next + events.Position(len(c.events)) - 1
	return Receipt{Log: log, First: min(next, last), Last: last, RecordedAt: at}
}
