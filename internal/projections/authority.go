package projections

import (
	"cmp"
	"slices"
	"time"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
)

// Authority is a document of the authentication read model: exactly one of a
// secret, a key, a user and a supplier. A request that shows a secret finds the
// key by it, both name the user, and he the suppliers.
type Authority struct {
	Secret   *Secret       `json:"secret,omitempty"`
	Key      *KeyAuth      `json:"key,omitempty"`
	User     *UserAuth     `json:"user,omitempty"`
	Supplier *SupplierAuth `json:"supplier,omitempty"`
}

// Secret is what a hash opens.
type Secret struct {
	Key  events.KeyID  `json:"key_id"`
	User events.UserID `json:"user_id"`
	// ExpiresAt is when a former secret ends; nil for the key's present one,
	// which ends with the key.
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// KeyAuth is what an API key may do.
type KeyAuth struct {
	ID           events.KeyID       `json:"id"`
	User         events.UserID      `json:"user_id"`
	Capabilities *[]string          `json:"capabilities"` // nil: as the owner
	Tenants      *[]events.TenantID `json:"tenants"`      // nil: as the owner
	ExpiresAt    *time.Time         `json:"expires_at,omitempty"`
	Tenant       events.TenantID    `json:"tenant"` // of its stream
	Version      events.Version     `json:"version"`
}

// UserAuth is what a user may do.
type UserAuth struct {
	ID      events.UserID   `json:"id"`
	Email   string          `json:"email"`
	Role    events.Role     `json:"role"`
	Status  authz.Status    `json:"status"`
	Former  authz.Status    `json:"former_status,omitempty"`
	Tenant  events.TenantID `json:"tenant"` // of his stream
	Version events.Version  `json:"version"`
	// Entries are his memberships, one for each scope, by supplier.
	Entries []EntryAuth `json:"entries,omitempty"`
}

// EntryAuth is what a membership gives.
type EntryAuth struct {
	Supplier     events.TenantID `json:"supplier_id,omitempty"` // empty: global
	Role         events.Role     `json:"role"`
	Capabilities []string        `json:"capabilities,omitempty"`
	Version      events.Version  `json:"version"`
}

// SupplierAuth is whether a supplier gives anybody authority.
type SupplierAuth struct {
	ID      events.TenantID `json:"id"`
	Active  bool            `json:"is_active"`
	Version events.Version  `json:"version"`
}

// Authorities is the read model that tells who is calling. It handles every
// event of the streams that authority comes from: what a command states of its
// caller's authority is the version of the stream, and one that stands still
// here would never match again.
var Authorities = Projection[Authority]{
	Name:    "authentication",
	Version: 2,
	Handles: slices.Concat(userEvents, membershipEvents, APIKeys.Handles, Suppliers.Handles),
	Keys:    authorityKeys,
	Apply:   applyToAuthority,
}

// The kinds of documents. None begins another and each ends with a slash, so
// no key can be read in two ways.
const (
	secretKind   = "secret/"
	keyKind      = "key/"
	userKind     = "user/"
	supplierKind = "supplier/"
)

func secretKey(h events.KeyHash) docstore.Key { return docstore.Key(secretKind + h) }
func keyKey(id events.KeyID) docstore.Key     { return docstore.Key(keyKind + id) }
func userKey(id events.UserID) docstore.Key   { return docstore.Key(userKind + id) }

func supplierKey(id events.TenantID) docstore.Key { return docstore.Key(supplierKind + id) }

func authorityKeys(e events.Recorded) []docstore.Key {
	switch p := e.Payload.(type) {
	case events.APIKeyIssued:
		return []docstore.Key{keyKey(p.Key), secretKey(p.Hash)}
	case events.APIKeyRotated:
		keys := []docstore.Key{keyKey(p.Key), secretKey(p.Hash), secretKey(p.Previous)}
		if p.Ended != "" {
			keys = append(keys, secretKey(p.Ended))
		}
		return keys
	case events.APIKeyRevoked:
		keys := []docstore.Key{keyKey(p.Key)}
		for _, h := range p.Hashes {
			keys = append(keys, secretKey(h))
		}
		return keys
	case events.SupplierCreated, events.SupplierChanged:
		return []docstore.Key{supplierKey(events.TenantID(e.Stream.ID))}
	default:
		if id, ok := userOf(e); ok {
			return []docstore.Key{userKey(id)}
		}
		return nil
	}
}

func applyToAuthority(a *Authority, key docstore.Key, e events.Recorded) {
	switch p := e.Payload.(type) {
	case events.APIKeyIssued:
		if key == secretKey(p.Hash) {
			a.Secret = &Secret{Key: p.Key, User: p.User}
			return
		}
		a.Key = &KeyAuth{
			ID: p.Key, User: p.User, Capabilities: p.Capabilities, Tenants: p.Tenants, ExpiresAt: p.ExpiresAt,
			Tenant: e.Stream.Tenant, Version: e.Version,
		}
	case events.APIKeyRotated:
		applyRotation(a, key, p, e.Version)
	case events.APIKeyRevoked:
		*a = Authority{} // the key, and every secret that could still open it
	case events.SupplierCreated:
		a.Supplier = &SupplierAuth{p.Supplier, p.Active, e.Version}
	case events.SupplierChanged:
		a.Supplier = &SupplierAuth{p.Supplier, p.Active, e.Version}
	default:
		applyToUserAuth(a, e)
	}
}

// applyRotation lets the new secret in, lets the former one live on for its
// grace, and ends the one before.
func applyRotation(a *Authority, key docstore.Key, p events.APIKeyRotated, v events.Version) {
	switch {
	case key == secretKey(p.Hash):
		a.Secret = &Secret{Key: p.Key, User: p.User}
	case key == keyKey(p.Key) && a.Key != nil:
		changed := *a.Key
		changed.Version = v
		a.Key = &changed
	case key == secretKey(p.Previous) && p.PreviousExpiresAt != nil:
		a.Secret = &Secret{Key: p.Key, User: p.User, ExpiresAt: p.PreviousExpiresAt}
	case key == secretKey(p.Previous), key == secretKey(p.Ended):
		*a = Authority{}
	}
}

func applyToUserAuth(a *Authority, e events.Recorded) {
	if created, ok := e.Payload.(events.UserCreated); ok {
		a.User = &UserAuth{
			ID: created.User, Email: created.Email, Role: created.Role, Status: authz.Invited,
			Tenant: e.Stream.Tenant, Version: e.Version,
		}
		return
	}
	if a.User == nil {
		return // nothing happens to one who is not
	}
	u := *a.User
	switch p := e.Payload.(type) {
	case events.MembershipSet:
		u.hold(EntryAuth{p.Supplier, p.Role, p.Capabilities, e.Version})
		a.User = &u
		return
	case events.MembershipRemoved:
		u.drop(p.Supplier)
		a.User = &u
		return
	case events.UserRenamed, events.UserDefaultRoleChanged: // the version alone
	case events.UserEmailChanged:
		u.Email = p.Email
	case events.UserRoleChanged:
		u.Role = p.Role
	case events.UserActivated:
		u.stand(authz.Standing.Activated)
	case events.UserDisabled:
		u.stand(authz.Standing.Disabled)
	case events.UserEnabled:
		u.stand(authz.Standing.Enabled)
	case events.UserDeleted:
		a.User = nil
		return
	}
	u.Version = e.Version
	a.User = &u
}

// hold puts an entry in the place of the one for its scope. The former list is
// left as it was.
func (u *UserAuth) hold(e EntryAuth) {
	i, found := u.entry(e.Supplier)
	u.Entries = slices.Clone(u.Entries)
	if found {
		u.Entries[i] = e
		return
	}
	u.Entries = slices.Insert(u.Entries, i, e)
}

// drop takes the entry for a scope away.
func (u *UserAuth) drop(t events.TenantID) {
	i, found := u.entry(t)
	switch {
	case found && len(u.Entries) == 1:
		u.Entries = nil // as it was before the first
	case found:
		u.Entries = slices.Delete(slices.Clone(u.Entries), i, i+1)
	}
}

// entry is where the entry for a scope is, or belongs.
func (u *UserAuth) entry(t events.TenantID) (int, bool) {
	return slices.BinarySearchFunc(u.Entries, t, func(e EntryAuth, t events.TenantID) int { return cmp.Compare(e.Supplier, t) })
}

// stand moves the user's status.
func (u *UserAuth) stand(moved func(authz.Standing) authz.Standing) {
	s := moved(authz.Standing{Status: u.Status, Former: u.Former})
	u.Status, u.Former = s.Status, s.Former
}

func (u UserAuth) facts() authz.UserFacts {
	facts := authz.UserFacts{
		ID: u.ID, Email: u.Email, Role: u.Role, Status: u.Status,
		Source: authz.Fact{Stream: events.UserStream(u.Tenant, u.ID), Version: u.Version},
	}
	for _, e := range u.Entries {
		facts.Entries = append(facts.Entries, authz.Entry{
			Supplier: e.Supplier, Role: e.Role, Capabilities: e.Capabilities,
			Source: authz.Fact{Stream: events.MembershipStream(u.ID, e.Supplier), Version: e.Version},
		})
	}
	return facts
}

// facts are those of the key as shown by a secret that ends at end: whichever
// of the two ends first counts.
func (k KeyAuth) facts(end *time.Time) authz.KeyFacts {
	if end == nil || k.ExpiresAt != nil && k.ExpiresAt.Before(*end) {
		end = k.ExpiresAt
	}
	return authz.KeyFacts{
		ID: k.ID, User: k.User, Capabilities: k.Capabilities, Tenants: k.Tenants, ExpiresAt: end,
		Source: authz.Fact{Stream: events.APIKeyStream(k.Tenant, k.ID), Version: k.Version},
	}
}
