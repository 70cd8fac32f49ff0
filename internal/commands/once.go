package commands

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"tenure/internal/authz"
	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/fault"
)

// keepAnswer is how long a repeated request is known (api.md, "Commands").
const keepAnswer = 24 * time.Hour

// Once names a request, so that its repetition is known. With the same key, a
// user in the same tenant on the same route sends the same request or is
// refused.
type Once struct {
	Tenant  events.TenantID // the active one, or the platform
	Route   string          // method and concrete path
	Key     string          // as the caller chose it
	Request []byte          // all of it that makes a difference
}

// answer is what is kept of a receipt: where it is found again in the log. It
// holds nothing that anybody must not see.
type answer struct {
	Tenant  events.TenantID   `json:"tenant"`
	Type    events.StreamType `json:"type"`
	ID      string            `json:"id"`
	Version events.Version    `json:"version"`
	Events  int               `json:"events"` // that were appended, up to the row's position
}

// names are how a request is known, one for each secret in use, the newest
// first. Its key may be anything, a person's address too, so it is kept as a
// keyed hash, like the request.
func (h *Handler) names(by authz.Principal) []eventlog.Idempotency {
	o := h.terms.Once
	principal := string(by.UserID())
	switch {
	case principal == "":
		principal = "system " + by.SystemReason()
	case by.Narrowed(): // or it would be told what another key of its owner's may see
		principal += " " + string(by.KeyID())
	}
	keys, requests := h.Digest(purpose("key", []byte(o.Key))), h.Digest(purpose("request", o.Request))
	names := make([]eventlog.Idempotency, len(keys))
	for i := range keys {
		names[i] = eventlog.Idempotency{Tenant: o.Tenant, Principal: principal, Route: o.Route, Key: keys[i], RequestHash: requests[i]}
	}
	return names
}

// purpose is what is hashed for one purpose: no personal value, and nothing
// that is hashed for another.
func purpose(of string, data []byte) string {
	sum := sha256.Sum256(data)
	return "idempotency " + of + " " + hex.EncodeToString(sum[:])
}

// former is the answer that this request was given before; false when it was
// not. A key of another request, and an answer that is given only once, are
// found and are faults.
func (h *Handler) former(ctx context.Context, by authz.Principal, c change) (r Receipt, found bool, err error) {
	if h.terms.Once == nil {
		return Receipt{}, false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, maxLoad)
	defer cancel()
	for _, name := range h.names(by) {
		stored, there, err := eventlog.ReadIdempotency(ctx, h.Reader, name, h.Now())
		switch {
		case err != nil:
			return Receipt{}, false, err
		case there && stored.RequestHash != name.RequestHash:
			return Receipt{}, true, keyReused()
		case there:
			r, err := h.again(ctx, c, stored.Response, stored.Position)
			return r, true, err
		}
	}
	return Receipt{}, false, nil
}

// again makes a receipt anew from what is kept of it and from the log.
func (h *Handler) again(ctx context.Context, c change, response string, last events.Position) (Receipt, error) {
	if c.shownOnce {
		return Receipt{}, fault.New(fault.Conflict, "key_already_shown", "This request made a key, which was shown in its answer and is not shown again.")
	}
	var a answer
	if err := json.Unmarshal([]byte(response), &a); err != nil {
		return Receipt{}, fmt.Errorf("commands: the answer that was kept at %d cannot be read: %w", last, err)
	}
	r := Receipt{Stream: events.Stream{Tenant: a.Tenant, Type: a.Type, ID: a.ID}, Version: a.Version, Position: last, Replayed: true}
	history, err := eventlog.ReadStream(ctx, h.Reader, r.Stream)
	switch {
	case err != nil:
		return Receipt{}, err
	case len(history) < int(a.Version):
		return Receipt{}, fmt.Errorf("commands: an answer at %d knows version %d of a stream of %d events", last, a.Version, len(history))
	}
	r.History = history[:a.Version]
	if r.streams, err = h.recallStreams(ctx, r.Stream, r.History, last); err != nil {
		return Receipt{}, err
	}
	if a.Events == 0 {
		r.Position = newest(r.streams)
	}
	return r, h.recall(ctx, &r, last-events.Position(a.Events), last)
}

// recallStreams are those that the answer to a command about a user is made of:
// his own and those of his memberships, up to a place in the log. They stay
// filed when he is no more.
func (h *Handler) recallStreams(ctx context.Context, main events.Stream, history []events.Recorded, last events.Position) (map[events.Stream][]events.Recorded, error) {
	all := map[events.Stream][]events.Recorded{main: history}
	if main.Type != events.UserStreams {
		return all, nil
	}
	l := membershipsOf(events.UserID(main.ID), events.Stream{})
	streams, err := eventlog.ReadLookup(ctx, h.Reader, l.Tenant, l.Kind, l.Value, maxSet)
	if err != nil || len(streams) == 0 {
		return all, err
	}
	histories, err := eventlog.ReadStreams(ctx, h.Reader, streams)
	for i, past := range histories {
		later := slices.IndexFunc(past, func(e events.Recorded) bool { return e.Position > last })
		if later < 0 {
			later = len(past)
		}
		all[streams[i]] = past[:later]
	}
	return all, err
}

// recall reads what a receipt's command appended: after one place, up to
// another.
func (h *Handler) recall(ctx context.Context, r *Receipt, after, last events.Position) error {
	at, err := eventlog.MarkAt(ctx, h.Reader, after)
	if err != nil {
		return err
	}
	r.Log = at.Log
	for at.Position < last {
		batch, err := eventlog.ReadBatch(ctx, h.Reader, at, eventlog.Filter{Limit: min(int(last-at.Position), eventlog.MaxEvents)})
		if err != nil {
			return err
		}
		r.Events, at = append(r.Events, batch.Events...), batch.Through
	}
	return nil
}

// remembered is what an append keeps, so that its repetition is answered like
// it. It is written in the append's own transaction: if the process dies, both
// are there or neither.
func (h *Handler) remembered(by authz.Principal, p *past, writes []eventlog.Write) (*eventlog.Idempotency, error) {
	if h.terms.Once == nil {
		return nil, nil
	}
	a := answer{Tenant: p.main().Tenant, Type: p.main().Type, ID: p.main().ID, Version: p.version(p.main())}
	for _, w := range writes {
		a.Events += len(w.Events)
		if w.Stream == p.main() {
			a.Version += events.Version(len(w.Events))
		}
	}
	response, err := json.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("commands: %w", err)
	}
	name := h.names(by)[0]
	name.Response, name.Expires = string(response), h.Now().Add(keepAnswer)
	return &name, nil
}

func keyReused() error {
	return fault.At("header.Idempotency-Key", "idempotency_key_reused", "This idempotency key was used for another request.")
}
