package projections

import (
	"context"
	"time"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
)

// APIKey is what is shown of an API key. No hash of it is here.
type APIKey struct {
	ID           events.KeyID       `bson:"id"`
	User         events.UserID      `bson:"user_id"`
	Name         string             `bson:"name"`
	Prefix       string             `bson:"prefix"`
	LastFour     string             `bson:"last_four"`
	Capabilities *[]string          `bson:"capabilities"` // nil: as the owner
	Tenants      *[]events.TenantID `bson:"tenants"`      // nil: as the owner
	ExpiresAt    *time.Time         `bson:"expires_at"`   // nil: never
	// PreviousExpiresAt is until when the former secret lives on; nil when
	// none does.
	PreviousExpiresAt *time.Time     `bson:"previous_expires_at"`
	CreatedAt         time.Time      `bson:"created_at"`
	Version           events.Version `bson:"version"` // of its stream
	// Parked is not kept with it: a query sets it to the position of the event
	// that could not be applied; 0 when there is none.
	Parked events.Position `bson:"-" json:"-"`
}

// APIKeys is the read model behind GET /api-keys. A revoked key is not in it.
var APIKeys = Projection[APIKey]{
	Name:    "api-keys",
	Version: 1,
	Handles: []events.Payload{events.APIKeyIssued{}, events.APIKeyRotated{}, events.APIKeyRevoked{}},
	Keys: func(e events.Recorded) []docstore.Key {
		switch e.Payload.(type) {
		case events.APIKeyIssued, events.APIKeyRotated, events.APIKeyRevoked:
			return []docstore.Key{docstore.Key(e.Stream.ID)}
		default:
			return nil
		}
	},
	Apply: applyToAPIKey,
	Tags: func(k *APIKey) authz.Tags {
		return authz.Tags{Owner: k.User}
	},
	Texts: func(k *APIKey) map[string]string {
		return map[string]string{"name": k.Name}
	},
	Indexes: docstore.Indexes{Sorts: fieldsOf(apiKeySorts), Owned: fieldsOf(apiKeySorts)},
	Parked:  func(k *APIKey) *events.Position { return &k.Parked },
}

func applyToAPIKey(k *APIKey, _ docstore.Key, e events.Recorded) {
	switch p := e.Payload.(type) {
	case events.APIKeyIssued:
		*k = APIKey{
			ID: p.Key, User: p.User, Name: p.Name, Prefix: p.Prefix, LastFour: p.LastFour,
			Capabilities: p.Capabilities, Tenants: p.Tenants, ExpiresAt: moments(p.ExpiresAt), CreatedAt: moment(e),
		}
	case events.APIKeyRotated:
		if k.ID == "" {
			return // nothing happens to one that is not
		}
		k.Prefix, k.LastFour, k.PreviousExpiresAt = p.Prefix, p.LastFour, moments(p.PreviousExpiresAt)
	case events.APIKeyRevoked:
		*k = APIKey{}
		return
	default:
		return
	}
	k.Version = e.Version
}

// FoldAPIKey is the key as past, the whole history of its stream, leaves it:
// what the read model shows as soon as it is there. The zero APIKey is revoked,
// or never was.
func FoldAPIKey(past []events.Recorded) APIKey {
	return foldStream(APIKeys, past)
}

// APIKeyQueries answers questions about API keys.
type APIKeyQueries struct {
	Mongo *docstore.Mongo
	Live  Live
}

// APIKeyFilter narrows a list of API keys.
type APIKeyFilter struct {
	IDs    []events.KeyID // nil: any
	Search string         // in the name; empty: any
}

// apiKeySorts are the fields that a list of API keys can be ordered by.
var apiKeySorts = map[string]docstore.Field{
	"created_at": docstore.Body("created_at"),
	"name":       docstore.Text("name"),
}

// Get returns the key if s may see it. It fails with docstore.ErrNotFound and
// docstore.ErrUnavailable.
func (q *APIKeyQueries) Get(ctx context.Context, s authz.Scope, id events.KeyID) (APIKey, error) {
	return get(ctx, q.Mongo, q.Live, APIKeys, s, docstore.Key(id))
}

// List returns the page of keys that s may see and that match f. It fails with
// an Invalid fault for a page that there cannot be, and with
// docstore.ErrUnavailable.
func (q *APIKeyQueries) List(ctx context.Context, s authz.Scope, f APIKeyFilter, p Page) (Listing[APIKey], error) {
	return list(ctx, q.Mongo, q.Live, APIKeys, s, common(f.IDs, f.Search), p, apiKeySorts, "-created_at")
}
