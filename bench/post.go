package main

import (
	"context"
	"fmt"
	"net/http"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

func post() row {
	return row{
		key: "post", name: fmt.Sprintf("POST of a user over HTTP with an API key, respond-async, %d clients", clients),
		against: "`eventlog` alone: as many callers append what those requests append, with its claim, its lookup and two streams that have to be as they were",
		unit:    "commands/s", goal: always(0.3),
		open: func(ctx context.Context, s *stage) (pair, error) {
			k, err := s.site(ctx, "nice", "-n", "10")
			if err != nil {
				return pair{}, err
			}
			ours, err := s.posting(ctx, k)
			if err != nil {
				return pair{}, err
			}
			do, callers, err := s.commanding(ctx)
			return pair{
				ours: ours, peer: k.projector.still(perSecond(callers, do)),
				note: s.machine.shared() + ", and the projector comes after them",
			}, err
		},
	}
}

// posting is all clients making users. The projector has to run meanwhile: an
// API that hears of none asks Redis for each request who is calling. It comes
// after all others, because where it matters it has cores of its own.
func (s *stage) posting(ctx context.Context, k *site) (side, error) {
	all, err := s.wires(ctx, k.api, clients)
	return perSecond(all, func(_ context.Context, w *wire) error {
		_, err := w.ask(k.newUser("Prefer", "respond-async"), http.StatusCreated)
		return err
	}), err
}

// commanding opens an empty log, and gives callers of its appender and what each
// does.
func (s *stage) commanding(ctx context.Context) (work, []*caller, error) {
	address, err := s.empty(ctx)
	if err != nil {
		return nil, nil, err
	}
	a, err := s.appender(ctx, address)
	if err != nil {
		return nil, nil, err
	}
	authority, err := rightOf(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	callers, err := newCallers(clients)
	return appendUser(a, authority), callers, err
}

// rightOf appends two streams that a command can rest on, as one over HTTP rests
// on the caller's user and on his key.
func rightOf(ctx context.Context, a *eventlog.Appender) ([]eventlog.Read, error) {
	both, err := newCallers(2)
	if err != nil {
		return nil, err
	}
	var reads []eventlog.Read
	for _, c := range both {
		if err := appendNext(a, false)(ctx, c); err != nil {
			return nil, err
		}
		reads = append(reads, eventlog.Read{Stream: c.stream, Version: c.version})
	}
	return reads, nil
}

// appendUser appends what makes a user nobody has made.
func appendUser(a *eventlog.Appender, authority []eventlog.Read) work {
	return func(ctx context.Context, c *caller) error {
		id := newID().String()
		stream := events.UserStream(events.Platform, events.UserID(id))
		_, err := a.Append(ctx, eventlog.Command{
			Meta: c.meta, Reads: authority,
			Writes: []eventlog.Write{{Stream: stream, Events: []eventlog.Event{{ID: newID(), Payload: events.UserCreated{
				User: events.UserID(id), Email: "grace.hopper." + id + "@example.com", Name: "Grace Hopper", Role: events.Viewer,
			}}}}},
			Take: []eventlog.Claim{{Tenant: events.Platform, Kind: claimKind, Value: newClaim(), Stream: stream}},
			Add:  []eventlog.Lookup{{Tenant: events.Platform, Kind: "user.by_id", Value: id, Stream: stream}},
		})
		return err
	}
}
