package eventlog

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"tenure/internal/events"
)

// Outcomes of a command, as append_commands numbers them.
const (
	recorded = 1 + iota
	replayed
	keyReused
	moved
	setChanged
	taken
	notHeld
)

// answers is what append_commands said of a batch.
type answers struct {
	log     uuid.UUID
	head    int64
	at      time.Time
	failed  []int32
	outcome []int32
	number  []int64
	item    []int32
	info    []*string
	times   []*time.Time // of those that were recorded before
}

// answerAll tells each caller of a batch his outcome.
func (a *Appender) answerAll(batch []*call, x answers) {
	log := events.LogID(x.log)
	at := x.at.UTC()
	bad := make(map[int]int, len(x.failed))
	for i, number := range x.failed {
		bad[int(number)-1] = i
	}
	next := events.Position(x.head) + 1
	appended := slices.Contains(x.outcome, recorded)
	// Where in the arrays that were sent a command's rows begin, so that the
	// row a failure names can be told.
	var streams, claims, releases, sets int
	for i, c := range batch {
		if f, ok := bad[i]; ok {
			r, err := c.outcome(log, at, x, f, offsets{streams, claims, releases, sets})
			c.answer(r, err)
		} else {
			c.answer(c.positions(log, at, next), nil)
			next += events.Position(len(c.events))
		}
		streams += len(c.command.Writes) + len(c.command.Reads)
		claims += len(c.command.Take)
		releases += len(c.command.Release)
		sets += len(c.command.Seen)
	}
	// Also what was known again was perhaps never announced.
	if appended || next > events.Position(x.head)+1 {
		a.heads.announce(next - 1)
	}
}

// offsets are how many rows of a batch come before a command's own.
type offsets struct{ streams, claims, releases, sets int }

// outcome is what a command that did not pass is answered. (A failure's item
// counts from 1, over the whole batch.)
func (c *call) outcome(log events.LogID, at time.Time, x answers, f int, before offsets) (Receipt, error) {
	item := int(x.item[f]) - 1
	switch x.outcome[f] {
	case recorded:
		if len(c.events) == 0 {
			return c.positions(log, at, events.Position(x.number[f])+1), nil
		}
		if x.times[f] != nil {
			at = x.times[f].UTC()
		}
		return c.positions(log, at, events.Position(x.number[f])), nil
	case replayed:
		r := Receipt{Log: log, First: events.Position(x.number[f]), Last: events.Position(x.number[f]), RecordedAt: at, Replayed: true}
		if x.info[f] != nil {
			r.Response = *x.info[f]
		}
		return r, nil
	case keyReused:
		return Receipt{}, ErrKeyReused
	case moved:
		return Receipt{}, c.moved(item-before.streams, events.Version(x.number[f]))
	case setChanged:
		return Receipt{}, fmt.Errorf("%w: %s", ErrSetChanged, c.command.Seen[item-before.sets].Kind)
	case taken:
		i := item - before.claims
		return Receipt{}, &TakenError{Kind: c.command.Take[i].Kind, Index: i}
	case notHeld:
		return Receipt{}, fmt.Errorf("%w: %s", ErrNotHeld, c.command.Release[item-before.releases].Kind)
	default:
		return Receipt{}, fmt.Errorf("eventlog: append: outcome %d is unknown here", x.outcome[f])
	}
}

func (c *call) moved(i int, actual events.Version) error {
	if n := len(c.command.Writes); i >= n {
		r := c.command.Reads[i-n]
		return &MovedError{Stream: r.Stream, Expected: r.Version, Actual: actual}
	}
	w := c.command.Writes[i]
	return &MovedError{Stream: w.Stream, Expected: w.Expected, Actual: actual, Written: true}
}
