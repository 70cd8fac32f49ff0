package main

import (
	"context"
	"fmt"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

func appendWithClaim() row {
	return row{
		key: "claim", name: "append, 256 callers, own stream, expected version, one claim",
		against: "one transaction per command with the same checks and rows: begin, check, claim, insert, commit",
		unit:    "appends/s", goal: always(3),
		open: func(ctx context.Context, s *stage) (pair, error) {
			return s.many(ctx, 256, true, transaction, 16, 32, 64)
		},
	}
}

func appendBesideInsert() row {
	return row{
		key: "insert", name: "append, 256 callers, own stream, expected version",
		against: "a bare one-row insert per transaction, same indexes, no check",
		unit:    "appends/s", goal: func(m machine) float64 {
			if m.slowDisk() {
				return 2.5
			}
			return 2
		},
		open: func(ctx context.Context, s *stage) (pair, error) {
			return s.many(ctx, 256, false, insert, 16, 32, 64)
		},
	}
}

func appendBySixteen() row {
	return row{
		key: "sixteen", name: "append, 16 callers",
		against: "a bare one-row insert per transaction, same indexes",
		unit:    "appends/s", goal: always(1),
		open: func(ctx context.Context, s *stage) (pair, error) {
			return s.many(ctx, 16, false, insert, 8, 16)
		},
	}
}

func appendBesideCopy() row {
	return row{
		key: "copy", name: "append, 256 callers, own stream, expected version",
		against: "COPY of the same rows, same indexes, 500 per commit",
		unit:    "appends/s", goal: always(0.55),
		open: func(ctx context.Context, s *stage) (pair, error) {
			ours, err := s.ours(ctx, 256, false)
			if err != nil {
				return pair{}, err
			}
			peer, note, err := s.copier(ctx)
			return pair{ours: ours, peer: peer, note: note}, err
		},
	}
}

func appendAlone() row {
	return row{
		key: "alone", name: "append, 1 caller, one claim, p50",
		against: "that transaction, p50",
		unit:    "ms", goal: always(1.2), atMost: true,
		open: func(ctx context.Context, s *stage) (pair, error) {
			w, callers, err := s.appending(ctx, 1, true)
			if err != nil {
				return pair{}, err
			}
			peer, err := s.peer(ctx, 1)
			if err != nil {
				return pair{}, err
			}
			pool, err := s.pool(ctx, peer.address, 1, nil)
			if err != nil {
				return pair{}, err
			}
			return pair{ours: p50(callers[0], w), peer: p50(peer.callers[0], transaction(peer, pool))}, nil
		},
	}
}

// many compares so many callers of Tenure with as many of a peer, which has
// the number of connections that serves it best.
func (s *stage) many(ctx context.Context, callers int, claim bool, do peerWork, connections ...int) (pair, error) {
	ours, err := s.ours(ctx, callers, claim)
	if err != nil {
		return pair{}, err
	}
	peer, err := s.peer(ctx, callers)
	if err != nil {
		return pair{}, err
	}
	theirs, n, err := s.best(ctx, peer, do, connections)
	return pair{ours: ours, peer: theirs, note: fmt.Sprintf("%d connections, the best of %v", n, connections)}, err
}

// ours is Tenure with so many callers on a log of its own.
func (s *stage) ours(ctx context.Context, callers int, claim bool) (side, error) {
	w, all, err := s.appending(ctx, callers, claim)
	if err != nil {
		return nil, err
	}
	return perSecond(all, w), nil
}

// appending opens a log, and gives its callers and what each does.
func (s *stage) appending(ctx context.Context, callers int, claim bool) (work, []*caller, error) {
	address, err := s.database(ctx)
	if err != nil {
		return nil, nil, err
	}
	return s.appendingTo(ctx, address, callers, claim)
}

// appendingTo does so on a log that is there.
func (s *stage) appendingTo(ctx context.Context, address string, callers int, claim bool) (work, []*caller, error) {
	a, err := s.appender(ctx, address)
	if err != nil {
		return nil, nil, err
	}
	all, err := newCallers(callers)
	return appendNext(a, claim), all, err
}

// appendNext appends a caller's next event.
func appendNext(a *eventlog.Appender, claim bool) work {
	return func(ctx context.Context, c *caller) error {
		command := eventlog.Command{Meta: c.meta, Writes: []eventlog.Write{{
			Stream: c.stream, Expected: c.version,
			Events: []eventlog.Event{{ID: newID(), Payload: c.payload}},
		}}}
		if claim {
			command.Take = []eventlog.Claim{{Tenant: events.Platform, Kind: claimKind, Value: newClaim(), Stream: c.stream}}
		}
		if _, err := a.Append(ctx, command); err != nil {
			return err
		}
		c.version++
		return nil
	}
}
