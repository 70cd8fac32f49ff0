package feed

import (
	"context"
	"errors"
	"time"

	"github.com/ThreeDotsLabs/watermill"
)

// The pauses between a failure and the next turn double from the first to the
// last.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 30 * time.Second
)

// pace decides when a consumer's next turn begins, and that none does:
// Watermill's BackoffManager. It is called between turns, when none is open.
type pace struct {
	*runner
	running  context.Context // ends when no further turn is to begin
	over     chan struct{}   // closed when none will
	verdict  error           // why the consumer is stopped for good; read after over
	failures int             // in a row
	atEnd    bool            // the last turn saw the end of the log
	noted    error           // of the last turn, in its own words
}

func newPace(running context.Context, r *runner) *pace {
	return &pace{runner: r, running: running, over: make(chan struct{})}
}

// HandleError waits as long as the outcome of the last turn asks for: for an
// announcement when the log ended there, for a growing pause after a failure,
// which no announcement makes shorter. What was announced since the last wait
// ends the next one at once, so nothing is slept through.
func (p *pace) HandleError(_ watermill.LoggerAdapter, _ bool, err error) time.Duration {
	if p.noted != nil {
		err, p.noted = p.noted, nil
	}
	switch {
	case p.running.Err() != nil:
	case errors.Is(err, errHeld):
	case err != nil && final(err):
		p.stop(err)
		return p.end()
	case err != nil:
		p.retry(err)
	default:
		p.well()
		if p.atEnd {
			sleep(p.running, p.poll, p.wake)
		}
	}
	if p.running.Err() != nil {
		return p.end()
	}
	return 0
}

// note keeps why a turn fails. Watermill would put words of its own around it,
// and of a commit it tells nothing.
func (p *pace) note(err error) error {
	p.noted = err
	return err
}

// sleep waits for d, for wake or for the end of ctx. A nil wake never comes.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
	}
}

func (p *pace) retry(err error) {
	pause := growing(p.failures)
	p.failures++
	p.report(err, pause)
	sleep(p.running, pause, nil)
}

// growing is the pause after so many earlier failures.
func growing(failures int) time.Duration {
	return min(firstPause<<min(failures, 16), lastPause)
}

func (p *pace) well() {
	p.failures = 0
	if p.health.recovered() {
		p.logger.Info("feed: the consumer goes on")
	}
}

func (p *pace) stop(err error) {
	p.verdict = p.failed(err)
	p.health.stopped(p.verdict)
	p.logger.Error("feed: the consumer is stopped", "error", p.verdict, "remedy", remedy(err))
}

// end lets Watermill wait until it is closed.
func (p *pace) end() time.Duration {
	close(p.over)
	return time.Hour
}

// report logs an error when it is another one than before.
func (p *pace) report(err error, pause time.Duration) {
	if !p.health.fails(err) {
		return
	}
	attributes := []any{"error", err, "retry_in", pause}
	var panic *panicked
	if errors.As(err, &panic) {
		attributes = append(attributes, "stack", string(panic.stack))
	}
	p.logger.Error("feed: the consumer failed and is tried again", attributes...)
}
