package feed

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/jackc/pgx/v5"

	"tenure/internal/events"
)

// Start is where a consumer begins that was never here before. The zero value
// is refused, so that nobody mails all of history by leaving it out.
type Start uint8

// The starts.
const (
	FromBeginning Start = iota + 1 // with the first event of the log
	FromHead                       // with what is appended after it is first seen
)

// Consumer is a reader of the log with a place of its own.
type Consumer struct {
	// Name is permanent: another name is another consumer, which starts anew.
	Name string
	// Types are the event types it is given; nil: all. Its place moves over
	// the others too.
	Types []string
	Start Start
	// Resume tells a projection's own checkpoint: position 0 when there is
	// none. It is asked at the beginning of each turn, under the consumer's
	// lock. Nil for a consumer whose only place is its offset.
	Resume func(ctx context.Context) (events.Mark, error)

	// Exactly one of the two is set.

	// Fold is given each batch, also one without events, at least once and in
	// order. What it writes must change nothing when it is written again.
	Fold func(ctx context.Context, b events.Batch) error
	// React is given each batch that has events, with the transaction that
	// moves the offset: what it writes there it writes exactly once. It may
	// set savepoints (tx.Begin); to end the transaction itself is refused.
	React func(ctx context.Context, tx pgx.Tx, b events.Batch) error
}

// names are what can stand in a consumer's name: no character that any
// transport reads as a separator or a wildcard.
var names = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,99}$`)

// check refuses what could only go wrong later.
func (c Consumer) check() error {
	switch {
	case !names.MatchString(c.Name):
		return fmt.Errorf("feed: %q is no name for a consumer: lower-case letters, digits, _ and -", c.Name)
	case c.Start != FromBeginning && c.Start != FromHead:
		return c.wrong("it does not say where it starts")
	case (c.Fold == nil) == (c.React == nil):
		return c.wrong("it has to have one of Fold and React")
	case c.React != nil && c.Resume != nil:
		return c.wrong("a reaction has no checkpoint but its offset")
	case c.Resume != nil && c.Start == FromHead:
		return c.wrong("a checkpoint that is not there yet and a start at the head contradict each other")
	case c.Types != nil && len(c.Types) == 0:
		return c.wrong("it names no event type; nil is all of them")
	}
	for _, name := range c.Types {
		if _, known := events.Sample(name); !known {
			return c.wrong(fmt.Sprintf("there is no event type %q", name))
		}
	}
	return nil
}

func (c Consumer) wrong(what string) error {
	return errors.New("feed: consumer " + c.Name + ": " + what)
}
