package commands

import (
	"context"
	"time"

	"tenure/internal/authz"
	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/fault"
)

// MaxGrace is how long a key lives on beside the one that replaced it, at most.
const MaxGrace = 24 * time.Hour

// RotateAPIKey gives a key another secret. The former one lives on for Grace,
// and one that still did from before ends.
type RotateAPIKey struct {
	ID     events.KeyID
	Secret Secret
	Grace  time.Duration
}

// RotateAPIKey carries out c. It fails with NotFound, also for a key of another
// user; with Conflict key_expired; or with Invalid for a grace out of range.
func (h *Handler) RotateAPIKey(ctx context.Context, by authz.Principal, c RotateAPIKey) (Receipt, error) {
	now := h.Now()
	rotate := overKey(by, c.ID, func(k apiKey) (decision, error) { return rotateAPIKey(k, c, now) })
	rotate.shownOnce = true
	return h.record(ctx, by, rotate)
}

// rotateAPIKey decides.
func rotateAPIKey(k apiKey, c RotateAPIKey, now time.Time) (decision, error) {
	switch {
	case c.Grace < 0 || c.Grace > MaxGrace:
		return decision{}, fault.At("body.grace_seconds", "out_of_range", "The grace is 0 to 86400 seconds.")
	case !k.live(now):
		return decision{}, fault.New(fault.Conflict, "key_expired", "The key has expired; issue another one.")
	}
	p := events.APIKeyRotated{
		Key: k.id, User: k.user, Hash: c.Secret.Hash, Prefix: c.Secret.Prefix, LastFour: c.Secret.LastFour,
		Previous: k.hash, Ended: k.former,
	}
	d := decision{take: []eventlog.Claim{hashClaim(c.Secret.Hash, k.stream)}}
	if k.former != "" {
		d.release = append(d.release, hashClaim(k.former, k.stream))
	}
	if c.Grace == 0 {
		d.release = append(d.release, hashClaim(k.hash, k.stream))
	} else {
		until := now.Add(c.Grace).UTC().Truncate(time.Microsecond)
		if k.expires != nil && k.expires.Before(until) {
			until = *k.expires
		}
		p.PreviousExpiresAt = &until
	}
	d.writes = []write{{k.stream, []events.Payload{p}}}
	return d, nil
}

// overKey is a command about one key, which is its owner's alone. A key of
// another is unknown, whoever asks.
func overKey(by authz.Principal, id events.KeyID, decide func(apiKey) (decision, error)) change {
	var k apiKey
	return change{
		needs: authz.ManageOwnKeys,
		load: func(ctx context.Context, p *past) (err error) {
			if k, err = loadKey(ctx, p, id); err != nil {
				return err
			}
			if by.AllowOn(authz.ManageOwnKeys, k.user) != nil {
				return keyNotFound()
			}
			return nil
		},
		over:   func(by authz.Principal, _ *past) error { return by.AllowOn(authz.ManageOwnKeys, k.user) },
		decide: func(authz.Principal, *past) (decision, error) { return decide(k) },
	}
}
