package eventlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

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

// warned is where a connection keeps that the server warned during an append.
const warned = "tenure.warned"

// Configure prepares the configuration of an appender's pool.
func Configure(config *pgxpool.Config) {
	config.AfterConnect = WriterSession
	config.ConnConfig.OnNotice = func(c *pgconn.PgConn, n *pgconn.Notice) {
		// The only warnings of an append are that the server gave up waiting
		// for its replica: it is committed here, and may be lost with here.
		if n.SeverityUnlocalized == "WARNING" {
			c.CustomData()[warned] = true
		}
	}
}

// carryOut sends a batch until its outcome is known, or until it is given up.
// If the process dies here, the whole batch is in the log or nothing of it, and
// nobody was told either.
func (a *Appender) carryOut(batch []*call) {
	began := time.Now()
	result, err := a.insist(batch)
	if a.observe != nil {
		a.observe(Batch{Commands: len(batch), Bytes: sizeOf(batch), Took: time.Since(began), Failed: err != nil})
	}
	switch {
	case err == nil:
		a.answerAll(batch, result)
	case isData(err) && len(batch) > 1:
		// One of them spoils it for all: the halves find out which.
		a.carryOut(batch[:len(batch)/2])
		a.carryOut(batch[len(batch)/2:])
	case isData(err):
		batch[0].answer(Receipt{}, refuse("the database does not take it: SQLSTATE %s", sqlState(err)))
	default:
		a.answerUnknown(batch, err)
	}
}

// insist sends a batch again while its outcome is unknown: a command that was
// appended is known again by its first event.
func (a *Appender) insist(batch []*call) (answers, error) {
	deadline := time.Now().Add(a.giveUp)
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		result, err := a.send(batch)
		if err == nil || !mayPass(err) {
			return result, err
		}
		a.logger.Warn("append not answered; sending it again", "commands", len(batch), "error", err)
		if time.Now().Add(wait).After(deadline) {
			return answers{}, err
		}
		retry := time.NewTimer(wait)
		select {
		case <-retry.C:
		case <-a.hurry.Done():
			retry.Stop()
			return answers{}, err
		}
	}
}

// errNotReplicated says that the server warned while it appended.
var errNotReplicated = errors.New("eventlog: the server gave up waiting for its replica")

// send is one round trip and one transaction. Its context is its own: no caller
// can cancel what others wait for. The limit is beyond the session's own.
func (a *Appender) send(batch []*call) (answers, error) {
	var r rows
	for _, c := range batch {
		r.addCommand(c)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := a.pool.Acquire(ctx)
	if err != nil {
		return answers{}, fmt.Errorf("eventlog: connect: %w", err)
	}
	defer conn.Release()
	pg := conn.Conn().PgConn()
	delete(pg.CustomData(), warned)
	for _, c := range batch {
		c.sent = true
	}
	var x answers
	err = conn.QueryRow(ctx, query, r.args()...).
		Scan(&x.log, &x.head, &x.at, &x.failed, &x.outcome, &x.number, &x.item, &x.info, &x.times)
	if err != nil {
		return answers{}, fmt.Errorf("eventlog: append: %w", err)
	}
	if pg.CustomData()[warned] != nil {
		return answers{}, errNotReplicated
	}
	return x, nil
}

// mayPass tells whether the same batch may be appended, or known, at another
// try: the server was away, or busy, or the connection broke.
func mayPass(err error) bool {
	state := sqlState(err)
	if state == "" {
		return true // no word from the server, or one that it did not keep
	}
	switch state[:2] {
	case "08", "40", "53", "55", "57", "58":
		return true
	}
	return state == "25006" // read only: another server is the primary now
}

// isData tells whether the server refused the content of a batch.
func isData(err error) bool {
	state := sqlState(err)
	return state != "" && (state[:2] == "22" || state[:2] == "23" || state[:2] == "54")
}

func sqlState(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && len(pg.Code) == 5 {
		return pg.Code
	}
	return ""
}

// answerUnknown tells the callers of a batch that was given up. What was never
// sent was certainly not appended. A word of the server that is not about the
// data is a mistake of ours or of its set-up, and rolled the batch back.
func (a *Appender) answerUnknown(batch []*call, err error) {
	a.logger.Error("append given up", "commands", len(batch), "error", err)
	for _, c := range batch {
		switch {
		case !mayPass(err):
			c.answer(Receipt{}, err)
		case c.sent:
			c.answer(Receipt{}, fmt.Errorf("%w: %w", ErrUnknownOutcome, err))
		default:
			c.answer(Receipt{}, fmt.Errorf("%w: %w", ErrUnavailable, err))
		}
	}
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
	if next > events.Position(x.head)+1 {
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

func sizeOf(batch []*call) int {
	size := 0
	for _, c := range batch {
		size += c.size
	}
	return size
}
