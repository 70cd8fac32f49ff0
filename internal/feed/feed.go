package feed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Feed hands the log to consumers. Pool is needed; the zero values of the
// others work.
type Feed struct {
	// Pool is where turns are taken, by sessions that begin with
	// eventlog.ReaderSession. Each consumer holds one connection during its
	// turn, so it must have room for as many and one more.
	Pool *pgxpool.Pool
	// Direct is how to reach the server itself, for LISTEN, when Pool goes
	// through a pooler of transactions; nil: as Pool does.
	Direct *pgx.ConnConfig
	Logger *slog.Logger // nil: slog.Default
	// Poll is how long a consumer waits for an announcement before it looks
	// by itself, which is only needed when one was lost; zero: 1 s.
	Poll time.Duration
	// Grace is how long a batch in hand may go on when Run is to end. After
	// that its context ends, and it rolls back; zero: 10 s.
	Grace time.Duration

	mu      sync.Mutex
	runners map[string]*runner // by consumer, the last of each name that ran here
}

// Run hands the log to consumers until ctx ends, then lets the batches in hand
// finish. A consumer that fails is tried again with growing pauses, and holds
// back no other. One that can never succeed is stopped: its log is forked, an
// event cannot be decoded, or its error was marked by Stop. Run then goes on
// with the others, and tells when it returns, which is when all have ended; one
// that does not heed the end of its context holds that up.
func (f *Feed) Run(ctx context.Context, consumers ...Consumer) error {
	runners, err := f.enlist(consumers)
	if err != nil {
		return err
	}
	running, end := context.WithCancel(ctx)
	defer end()
	work, cut := f.drain(running)
	defer cut()

	var listening, consuming sync.WaitGroup
	listening.Go(func() { f.listen(running, func() []*runner { return runners }) })
	ended := make([]error, len(runners))
	for i, r := range runners {
		consuming.Go(func() { ended[i] = r.run(running, work) })
	}
	consuming.Wait()
	end()
	listening.Wait()
	return errors.Join(ended...)
}

// enlist checks the consumers and makes a runner for each.
func (f *Feed) enlist(consumers []Consumer) ([]*runner, error) {
	most, needed := int(f.Pool.Config().MaxConns), len(consumers)+1
	if most < needed {
		return nil, fmt.Errorf("feed: %d consumers need a pool of at least %d connections, this one has %d: "+
			"one would wait for another", len(consumers), needed, most)
	}
	return f.enlistAll(consumers)
}

func (f *Feed) enlistAll(consumers []Consumer) ([]*runner, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fresh := make(map[string]*runner)
	var runners []*runner
	for _, c := range consumers {
		if err := c.check(); err != nil {
			return nil, err
		}
		if r := f.runners[c.Name]; fresh[c.Name] != nil || r != nil && !r.ended() {
			return nil, c.wrong("it runs here already")
		}
		fresh[c.Name] = newRunner(f, c)
		runners = append(runners, fresh[c.Name])
	}
	if f.runners == nil {
		f.runners = make(map[string]*runner)
	}
	maps.Copy(f.runners, fresh)
	return runners, nil
}

// drain gives the context of batches in hand, which outlives running by the
// grace.
func (f *Feed) drain(running context.Context) (work context.Context, cut context.CancelFunc) {
	work, cut = context.WithCancel(context.WithoutCancel(running))
	context.AfterFunc(running, func() {
		late := time.AfterFunc(cmp.Or(f.Grace, 10*time.Second), cut)
		context.AfterFunc(work, func() { late.Stop() })
	})
	return work, cut
}

func (f *Feed) logger() *slog.Logger {
	if f.Logger == nil {
		return slog.Default()
	}
	return f.Logger
}
