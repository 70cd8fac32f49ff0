package projections

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"tenure/internal/docstore"
	"tenure/internal/events"
	"tenure/internal/testkit"
)

// history is a log in memory. Its positions are dense, its ids depend on log
// and position, and every event comes a second and a bit after the former.
type history struct {
	log events.LogID

	mu       sync.Mutex // for those who ask for the head while it grows
	recorded []events.Recorded
	versions map[events.Stream]events.Version
}

func newHistory(log byte) *history {
	return &history{log: events.LogID{15: log}, versions: make(map[events.Stream]events.Version)}
}

// add appends what an actor did, the system when there is none.
func (h *history) add(actor events.UserID, s events.Stream, payloads ...events.Payload) *history {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range payloads {
		h.versions[s]++
		position := events.Position(len(h.recorded) + 1)
		e := events.Recorded{
			Position: position, Stream: s, Version: h.versions[s], ID: h.id(position), Type: p.EventType(), Schema: 1,
			Payload:    p,
			Meta:       events.Meta{Actor: actor, Principal: events.ByUser},
			RecordedAt: time.Date(2026, 3, 1, 12, 0, int(position), 123_456_000, time.UTC),
		}
		if actor == "" {
			e.Meta.System, e.Meta.Principal = "test", events.BySystem
		}
		h.recorded = append(h.recorded, e)
	}
	return h
}

func (h *history) user(id events.UserID, payloads ...events.Payload) *history {
	return h.add("", events.UserStream(events.Platform, id), payloads...)
}

func (h *history) supplier(id events.TenantID, payloads ...events.Payload) {
	h.add("", events.SupplierStream(id), payloads...)
}

func (h *history) key(id events.KeyID, payloads ...events.Payload) {
	h.add("", events.APIKeyStream(events.Platform, id), payloads...)
}

func (h *history) id(p events.Position) events.EventID {
	if p == 0 {
		return uuid.Nil
	}
	var id uuid.UUID
	id[0] = h.log[15]
	binary.BigEndian.PutUint64(id[8:], uint64(p))
	return id
}

func (h *history) mark(p events.Position) events.Mark {
	return events.Mark{Log: h.log, Position: p, Event: h.id(p)}
}

func (h *history) head() events.Position {
	h.mu.Lock()
	defer h.mu.Unlock()
	return events.Position(len(h.recorded))
}

// headOf is what a projector is given to ask the log.
func (h *history) headOf(context.Context) (events.Mark, error) { return h.mark(h.head()), nil }

// batch is what a consumer of these types gets between two positions.
func (h *history) batch(from, through events.Position, types []string) events.Batch {
	b := events.Batch{From: h.mark(from), Through: h.mark(through)}
	for _, e := range h.recorded[from:through] {
		if slices.Contains(types, e.Type) {
			b.Events = append(b.Events, e)
		}
	}
	return b
}

// stream is the whole history of one thing.
func (h *history) stream(s events.Stream) []events.Recorded {
	var past []events.Recorded
	for _, e := range h.recorded {
		if e.Stream == s {
			past = append(past, e)
		}
	}
	return past
}

// documentsOf is what a fold in one piece makes of the log: every document
// that any event touched, the deleted ones as zero.
func documentsOf[T any](p Projection[T], h *history) map[docstore.Key]T {
	docs := make(map[docstore.Key]T)
	for _, e := range h.recorded {
		for _, k := range p.Keys(e) {
			doc := docs[k]
			p.Apply(&doc, k, e)
			docs[k] = doc
		}
	}
	return docs
}

// first is Live where nothing was ever rebuilt.
func first(projection string, version int) (docstore.Model, error) {
	return docstore.Model{Projection: projection, Version: version, Generation: 1}, nil
}

// named gives p a read model of its own.
func named[T any](p Projection[T], n int) Projection[T] {
	p.Name = fmt.Sprintf("%s-%d", p.Name, n)
	return p
}

func openMongo(t testing.TB, url string, observe docstore.Observer) *docstore.Mongo {
	t.Helper()
	m, err := docstore.OpenMongo(t.Context(), url, observe)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// A goroutine that died in the middle took a connection with it.
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		_ = m.Close(ctx)
	})
	return m
}

func mongo(t testing.TB) *docstore.Mongo {
	t.Helper()
	return openMongo(t, testkit.MongoURL(t), nil)
}

func openRedis(t testing.TB, url, prefix string, observe docstore.Observer) *docstore.Redis {
	t.Helper()
	r, err := docstore.OpenRedis(t.Context(), url, docstore.RedisOptions{Prefix: prefix, Observe: observe})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func redis(t testing.TB) *docstore.Redis {
	t.Helper()
	url, prefix := testkit.RedisURL(t)
	return openRedis(t, url, prefix, nil)
}

// follow feeds a log to a consumer until it is at the end, as the feed does.
func follow(t testing.TB, h *history, c Consumer) {
	t.Helper()
	for {
		at, err := c.Resume(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if at.Position >= h.head() {
			return
		}
		through := min(at.Position+500, h.head())
		if err := c.Fold(t.Context(), h.batch(at.Position, through, c.Types)); err != nil {
			t.Fatal(err)
		}
	}
}

func ptr[V any](v V) *V { return &v }
