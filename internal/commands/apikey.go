package commands

import (
	"context"
	"slices"
	"time"

	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/fault"
)

// apiKey is what decisions know of an API key.
type apiKey struct {
	stream       events.Stream
	exists       bool // and is not revoked
	id           events.KeyID
	user         events.UserID
	name         string
	hash         events.KeyHash
	expires      *time.Time
	former       events.KeyHash // from before the last rotation; empty when it ended
	formerExpiry time.Time
}

// foldAPIKey is what a key's events come to.
func foldAPIKey(past []events.Recorded) apiKey {
	var k apiKey
	for _, e := range past {
		k.stream = e.Stream
		switch p := e.Payload.(type) {
		case events.APIKeyIssued:
			k.exists, k.id, k.user, k.name, k.hash, k.expires = true, p.Key, p.User, p.Name, p.Hash, p.ExpiresAt
		case events.APIKeyRotated:
			k.hash, k.former = p.Hash, ""
			if p.PreviousExpiresAt != nil {
				k.former, k.formerExpiry = p.Previous, *p.PreviousExpiresAt
			}
		case events.APIKeyRevoked:
			k.exists = false
		}
	}
	return k
}

// live tells whether a key can still open something.
func (k apiKey) live(now time.Time) bool {
	return k.exists && (k.expires == nil || now.Before(*k.expires))
}

// hashes are all secrets of a key that are still reserved.
func (k apiKey) hashes() []events.KeyHash {
	hashes := []events.KeyHash{k.hash}
	if k.former != "" {
		hashes = append(hashes, k.former)
	}
	return hashes
}

// What is filed, and claimed, of API keys.
func apiKeyByID(id events.KeyID, s events.Stream) eventlog.Lookup {
	return eventlog.Lookup{Tenant: events.Platform, Kind: "api_key.by_id", Value: string(id), Stream: s}
}

func apiKeysOf(user events.UserID, s events.Stream) eventlog.Lookup {
	return eventlog.Lookup{Tenant: events.Platform, Kind: "user.api_keys", Value: string(user), Stream: s}
}

func hashClaim(hash events.KeyHash, s events.Stream) eventlog.Claim {
	return eventlog.Claim{Tenant: events.Platform, Kind: "api_key.hash", Value: string(hash), Stream: s}
}

// ending adds the end of a key to a decision.
func (d decision) ending(k apiKey) decision {
	d.writes = append(d.writes, write{k.stream, []events.Payload{events.APIKeyRevoked{Key: k.id, User: k.user, Hashes: k.hashes()}}})
	for _, hash := range k.hashes() {
		d.release = append(d.release, hashClaim(hash, k.stream))
	}
	d.remove = append(d.remove, apiKeyByID(k.id, k.stream), apiKeysOf(k.user, k.stream))
	return d
}

// loadKeys reads all keys of a user, and states that they are all.
func loadKeys(ctx context.Context, p *past, user events.UserID) ([]apiKey, error) {
	streams, err := p.see(ctx, apiKeysOf(user, events.Stream{}))
	if err != nil {
		return nil, err
	}
	if err := p.read(ctx, streams...); err != nil {
		return nil, err
	}
	var keys []apiKey
	for _, s := range streams {
		if k := foldAPIKey(p.of(s)); k.exists {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// loadKey reads the stream of a key; NotFound when there is none.
func loadKey(ctx context.Context, p *past, id events.KeyID) (apiKey, error) {
	streams, err := p.lookUp(ctx, apiKeyByID(id, events.Stream{}))
	if err != nil {
		return apiKey{}, err
	}
	if len(streams) == 0 {
		return apiKey{}, keyNotFound()
	}
	if err := p.read(ctx, streams[0]); err != nil {
		return apiKey{}, err
	}
	k := foldAPIKey(p.of(streams[0]))
	if !k.exists {
		return apiKey{}, keyNotFound()
	}
	return k, nil
}

func keyNotFound() error {
	return fault.New(fault.NotFound, "api_key_not_found", "API key not found")
}

// sortByExpiry puts the keys that expired first to the front.
func sortByExpiry(keys []apiKey) {
	slices.SortStableFunc(keys, func(a, b apiKey) int { return a.expires.Compare(*b.expires) })
}
