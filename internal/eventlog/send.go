package eventlog

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

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
	patience, cancel := context.WithTimeout(a.hurry, a.giveUp)
	defer cancel()
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		result, err := a.send(patience, batch)
		if err == nil || !mayPass(err) {
			return result, err
		}
		a.logger.Warn("append not answered; sending it again", "commands", len(batch), "error", err)
		retry := time.NewTimer(wait)
		select {
		case <-retry.C:
		case <-patience.Done():
			retry.Stop()
			return answers{}, err
		}
	}
}

// send is one round trip and one transaction. To be connected it waits as long
// as there is patience. What was sent runs until it is answered: its context is
// its own, so that no caller can cancel what others wait for, its limit is
// beyond the session's own, and only a shutdown whose time is over cuts it off.
func (a *Appender) send(patience context.Context, batch []*call) (answers, error) {
	var r rows
	for _, c := range batch {
		r.addCommand(c)
	}
	conn, err := a.pool.Acquire(patience)
	if err != nil {
		return answers{}, fmt.Errorf("eventlog: connect: %w", err)
	}
	defer conn.Release()
	ctx, cancel := context.WithTimeout(a.hurry, 30*time.Second)
	defer cancel()
	pg := conn.Conn().PgConn()
	delete(pg.CustomData(), warned)
	var x answers
	err = conn.QueryRow(ctx, query, r.args()...).
		Scan(&x.log, &x.head, &x.at, &x.failed, &x.outcome, &x.number, &x.item, &x.info, &x.times)
	switch {
	case err != nil:
		err = fmt.Errorf("eventlog: append: %w", err)
	case pg.CustomData()[warned] != nil:
		err = errNotReplicated
	default:
		return x, nil
	}
	a.failed(batch, err)
	return answers{}, err
}

// failed notes what an error leaves open, and with whom not to speak again.
func (a *Appender) failed(batch []*call, err error) {
	if isInDoubt(err) {
		for _, c := range batch {
			c.inDoubt = true
		}
	}
	if sqlState(err) == readOnly {
		a.pool.Reset() // this server is not the primary any more, whoever is
	}
}

// answerUnknown tells the callers of a batch that was given up. What was not
// sent, or was rolled back each time, was certainly not appended. A word of the
// server that no further try can change is a mistake of ours or of its set-up.
func (a *Appender) answerUnknown(batch []*call, err error) {
	a.logger.Error("append given up", "commands", len(batch), "error", err)
	for _, c := range batch {
		switch {
		case c.inDoubt:
			c.answer(Receipt{}, fmt.Errorf("%w: %w", ErrUnknownOutcome, err))
		case mayPass(err):
			c.answer(Receipt{}, fmt.Errorf("%w: %w", ErrUnavailable, err))
		default:
			c.answer(Receipt{}, err)
		}
	}
}

func sizeOf(batch []*call) int {
	size := 0
	for _, c := range batch {
		size += c.size
	}
	return size
}
