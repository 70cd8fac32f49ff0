package projections

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"tenure/internal/events"
)

// randomHistory draws a log in which anything may happen to a few things, in
// any order: a fold never refuses an event.
func randomHistory(t *rapid.T, most int) *history {
	h := newHistory(1)
	for range rapid.IntRange(1, most).Draw(t, "events") {
		user := events.UserID(fmt.Sprint("u", rapid.IntRange(0, 3).Draw(t, "user")))
		key := events.KeyID(fmt.Sprint("k", rapid.IntRange(0, 2).Draw(t, "key")))
		supplier := events.TenantID(fmt.Sprint("s", rapid.IntRange(0, 2).Draw(t, "supplier")))
		n := len(h.recorded)
		switch rapid.IntRange(0, 12).Draw(t, "what") {
		case 0, 1:
			h.user(user, events.UserCreated{User: user, Email: fmt.Sprint(user, n, "@example.org"), Role: events.Viewer})
		case 2:
			h.user(user, events.UserRenamed{User: user, Name: fmt.Sprint("name ", n)})
		case 3:
			h.user(user, events.UserRoleChanged{User: user, Role: rapid.SampledFrom(events.Roles()).Draw(t, "role")})
		case 4:
			h.user(user, events.UserActivated{User: user})
		case 5:
			h.user(user, events.UserDisabled{User: user})
		case 6:
			h.user(user, events.UserEnabled{User: user})
		case 7:
			h.user(user, events.UserDeleted{User: user})
		case 8:
			h.supplier(supplier, events.SupplierCreated{Supplier: supplier, SupplierDetails: details(n)})
		case 9:
			h.supplier(supplier, events.SupplierChanged{Supplier: supplier, SupplierDetails: details(n)})
		case 10:
			h.key(key, events.APIKeyIssued{Key: key, User: user, Name: "default", Hash: hash(key, n)})
		case 11:
			h.key(key, randomRotation(t, h, key, user))
		case 12:
			h.key(key, events.APIKeyRevoked{Key: key, User: user, Hashes: []events.KeyHash{lastHash(h, key)}})
		}
	}
	return h
}

// contendedHistory draws a log that is all about two users, so that writers
// who race do so over the same documents.
func contendedHistory(t *rapid.T, most int) *history {
	h := newHistory(1)
	for range rapid.IntRange(2, most).Draw(t, "events") {
		user := events.UserID(fmt.Sprint("u", rapid.IntRange(0, 1).Draw(t, "user")))
		if rapid.IntRange(0, 5).Draw(t, "what") == 0 {
			h.user(user, events.UserDeleted{User: user})
		} else {
			h.user(user, events.UserRenamed{User: user, Name: "again"})
		}
	}
	return h
}

func randomRotation(t *rapid.T, h *history, key events.KeyID, user events.UserID) events.APIKeyRotated {
	r := events.APIKeyRotated{Key: key, User: user, Hash: hash(key, len(h.recorded)), Previous: lastHash(h, key)}
	if rapid.Bool().Draw(t, "grace") {
		r.PreviousExpiresAt = ptr(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC))
	}
	return r
}

func details(n int) events.SupplierDetails {
	return events.SupplierDetails{Name: fmt.Sprint("Supplier ", n), Slug: fmt.Sprint("supplier-", n), Active: n%2 == 0}
}

func hash(key events.KeyID, n int) events.KeyHash {
	return events.KeyHash(fmt.Sprint("1.", key, "-", n))
}

// lastHash is the newest secret of a key.
func lastHash(h *history, key events.KeyID) events.KeyHash {
	for i := len(h.recorded) - 1; i >= 0; i-- {
		switch p := h.recorded[i].Payload.(type) {
		case events.APIKeyIssued:
			if p.Key == key {
				return p.Hash
			}
		case events.APIKeyRotated:
			if p.Key == key {
				return p.Hash
			}
		}
	}
	return hash(key, -1)
}

// plan is how a writer goes about a log.
type plan struct {
	ends   []events.Position // of its batches
	repeat bool              // it begins each batch further back than it needs to
	beat   bool              // it beats after each batch
}

// race is what three writers do, and in which order.
type race struct {
	plans    [3]plan
	schedule uint64
}

// randomRace draws a race before anybody starts, so that a draw that fails
// leaves nobody on the way.
func randomRace(t *rapid.T, h *history) race {
	r := race{schedule: rapid.Uint64().Draw(t, "schedule")}
	for i := range r.plans {
		r.plans[i] = plan{cuts(t, h), rapid.Bool().Draw(t, "repeat"), rapid.Bool().Draw(t, "beat")}
	}
	return r
}

// cuts draws where a log is cut into batches: the end of each, the last one at
// the head.
func cuts(t *rapid.T, h *history) []events.Position {
	var ends []events.Position
	for at := events.Position(0); at < h.head(); {
		at = min(at+events.Position(rapid.IntRange(1, 8).Draw(t, "cut")), h.head())
		ends = append(ends, at)
	}
	return ends
}
