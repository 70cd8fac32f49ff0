package identity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
	"tenure/internal/fault"
)

// Lookup is the authentication read model, as identity asks it. Both fail with
// docstore.ErrNotFound for what there is not, and with docstore.ErrUnavailable
// when nobody can tell.
//
// Both tell also of the supplier that a request names, which may be none.
type Lookup struct {
	ByKey  func(ctx context.Context, hashes []events.KeyHash, named events.TenantID) (authz.UserFacts, authz.KeyFacts, error)
	ByUser func(ctx context.Context, id events.UserID, named events.TenantID) (authz.UserFacts, error)
}

// Identity tells who is calling.
type Identity struct {
	Secrets Secrets
	Lookup  Lookup
	Now     func() time.Time
}

// KeyHeader decides alone when it is there: a wrong key is not made good by a
// valid token beside it.
const KeyHeader = "X-API-Key"

// Principal is who sent a request, in the supplier that it names, if any. It
// fails with an Unauthenticated fault that helps no forger, or with an
// Unavailable one: an outage never looks like a wrong key.
func (i *Identity) Principal(ctx context.Context, r *http.Request, named events.TenantID) (authz.Principal, error) {
	plain, err := credential(r.Header)
	if err != nil {
		return authz.Principal{}, err
	}
	return i.ByKey(ctx, plain, named)
}

// ByKey is who shows a key, in the supplier that he names, if any.
func (i *Identity) ByKey(ctx context.Context, plain string, named events.TenantID) (authz.Principal, error) {
	if !WellFormed(plain) {
		return authz.Principal{}, invalidKey()
	}
	user, key, err := i.Lookup.ByKey(ctx, i.Secrets.Hashes(plain), named)
	switch {
	case errors.Is(err, docstore.ErrNotFound):
		return authz.Principal{}, invalidKey()
	case err != nil:
		return authz.Principal{}, fmt.Errorf("%w: identity: look up a key: %w", unavailable(), err)
	}
	if p := authz.Key(user, key, i.Now()); p.Known() {
		return p.At(named), nil
	}
	return authz.Principal{}, invalidKey()
}

// Reload is the same caller, in the same supplier, with his present authority;
// nobody when that ended.
func (i *Identity) Reload(ctx context.Context, by authz.Principal) (authz.Principal, error) {
	if by.Kind() == events.BySystem {
		return by, nil
	}
	user, err := i.Lookup.ByUser(ctx, by.UserID(), by.Tenant())
	var fresh authz.Principal
	if err == nil {
		switch by.Kind() {
		case events.ByAPIKey:
			fresh, err = i.reloadKey(ctx, user, by)
		case events.ByUser:
			fresh = authz.User(user)
		case events.BySystem:
		}
	}
	switch {
	case errors.Is(err, docstore.ErrNotFound):
		return authz.Principal{}, nil
	case err != nil:
		return authz.Principal{}, fmt.Errorf("%w: identity: load authority: %w", unavailable(), err)
	}
	return fresh.At(by.Tenant()), nil
}

func (i *Identity) reloadKey(ctx context.Context, user authz.UserFacts, by authz.Principal) (authz.Principal, error) {
	_, key, err := i.Lookup.ByKey(ctx, []events.KeyHash{by.KeyHash()}, by.Tenant())
	if err != nil {
		return authz.Principal{}, err
	}
	return authz.Key(user, key, i.Now()), nil
}

// credential is the key that a request shows. Nothing, anything malformed and
// anything repeated is refused.
func credential(h http.Header) (string, error) {
	keys := nonEmpty(h.Values(KeyHeader))
	switch {
	case len(keys) > 1:
		return "", invalidKey()
	case len(keys) == 1:
		return keys[0], nil
	}
	tokens := nonEmpty(h.Values("Authorization"))
	if len(tokens) != 1 {
		return "", unauthenticated()
	}
	scheme, token, ok := strings.Cut(tokens[0], " ")
	if token = strings.TrimLeft(token, " "); !ok || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", unauthenticated()
	}
	if !strings.HasPrefix(token, keyPrefix) {
		return "", unauthenticated()
	}
	return token, nil
}

func nonEmpty(values []string) []string {
	var kept []string
	for _, v := range values {
		if v != "" {
			kept = append(kept, v)
		}
	}
	return kept
}

func invalidKey() error {
	return fault.New(fault.Unauthenticated, "invalid_api_key", "Invalid API key")
}

func unauthenticated() error {
	return fault.New(fault.Unauthenticated, "unauthenticated", "Valid credentials are needed.")
}

func unavailable() *fault.Fault {
	return &fault.Fault{
		Kind: fault.Unavailable, Code: "authentication_unavailable", RetryAfter: time.Second,
		Text: "It cannot be told at the moment who is calling.",
	}
}
