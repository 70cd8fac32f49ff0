package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"tenure/internal/events"
)

// tenants is how many tenants the events belong to.
const tenants = 100

// caller is one who appends, with a stream of his own. Every event of his is
// the same, except for its id, its version and what it claims.
type caller struct {
	stream  events.Stream
	version events.Version // of his last event
	payload events.UserCreated
	meta    events.Meta
	// The event as it is stored. Peers are handed it; Tenure encodes it anew.
	name      string
	schema    int
	data, raw []byte
}

func newCaller(i int) (*caller, error) {
	user := events.UserID(newID().String())
	tenant := events.TenantID(uuid.NewSHA1(uuid.NameSpaceOID, []byte{byte(i % tenants)}).String())
	c := &caller{
		stream: events.UserStream(tenant, user),
		payload: events.UserCreated{
			User: user, Email: fmt.Sprintf("grace.hopper.%d@example.com", i), Name: "Grace Hopper",
			Role: events.SupplierHelpdesk, Supplier: tenant,
		},
		meta: events.Meta{
			Actor: events.UserID(newID().String()), Principal: events.ByAPIKey,
			CorrelationID: newID().String(), RequestID: newID().String(),
			IP: "203.0.113.77", UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
			Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
			AllowedBy:   &events.AllowedBy{Permission: "users.create", Role: string(events.SupplierAdmin), Membership: newID().String()},
		},
	}
	var err error
	if c.name, c.schema, c.data, err = events.Encode(c.payload); err != nil {
		return nil, err
	}
	c.raw, err = json.Marshal(c.meta)
	return c, err
}

func newCallers(n int) ([]*caller, error) {
	all := make([]*caller, n)
	for i := range all {
		var err error
		if all[i], err = newCaller(i); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// newID is an id as the house makes them, in the order of time.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// newClaim is a value that nobody has claimed, of the form of a keyed hash.
func newClaim() string {
	id := newID()
	sum := sha256.Sum256(id[:])
	return hex.EncodeToString(sum[:])
}

// work is one thing that a caller does, again and again.
type work func(ctx context.Context, c *caller) error

// perSecond lets all callers work at once, and counts what they did in a second.
func perSecond[C any](callers []C, do func(ctx context.Context, c C) error) side {
	return func(ctx context.Context, d time.Duration) (float64, error) {
		ctx, fail := context.WithCancelCause(ctx)
		defer fail(nil)
		done := make([]int, len(callers))
		began := time.Now()
		var all sync.WaitGroup
		for i, c := range callers {
			all.Go(func() {
				n := 0
				for ; time.Since(began) < d && ctx.Err() == nil; n++ {
					if err := do(ctx, c); err != nil {
						fail(err)
					}
				}
				done[i] = n
			})
		}
		all.Wait()
		took := time.Since(began)
		total := 0
		for _, n := range done {
			total += n
		}
		return float64(total) / took.Seconds(), context.Cause(ctx)
	}
}

// p50 lets one caller work and tells how many milliseconds the median took.
func p50(c *caller, do work) side {
	return func(ctx context.Context, d time.Duration) (float64, error) {
		var took []time.Duration
		for began := time.Now(); time.Since(began) < d; {
			start := time.Now()
			if err := do(ctx, c); err != nil {
				return 0, err
			}
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		return float64(took[len(took)/2]) / float64(time.Millisecond), nil
	}
}
