package projections

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
)

// Authentication finds out who is calling.
type Authentication struct {
	Redis *docstore.Redis
	Live  Live
	// Cache may be nil: then every request reads Redis.
	Cache *AuthorityCache
}

// who is the scope in which it is found out who is calling: before that,
// nobody is there who could have another.
func who() authz.Scope { return authz.SystemScope("who is calling") }

// ByKey returns whose key it is that has one of these hashes, one for each
// secret that keys are hashed with, and what is known of the suppliers that his
// authority is about and of the named one. It does not judge: whether the key
// has expired and whether its owner may enter is for authz to say. It fails with
// docstore.ErrNotFound when no key has any of them, and with
// docstore.ErrUnavailable. It makes at most three round trips.
func (a *Authentication) ByKey(ctx context.Context, hashes []events.KeyHash, named events.TenantID) (authz.UserFacts, authz.KeyFacts, error) {
	hash, secret, err := a.secret(ctx, hashes)
	if err != nil {
		return authz.UserFacts{}, authz.KeyFacts{}, err
	}
	docs, err := a.read(ctx, keyKey(secret.Key), userKey(secret.User))
	if err != nil {
		return authz.UserFacts{}, authz.KeyFacts{}, err
	}
	// Either may be missing while the partitions are at different events.
	key, user := docs[keyKey(secret.Key)].Key, docs[userKey(secret.User)].User
	if key == nil || user == nil {
		return authz.UserFacts{}, authz.KeyFacts{}, docstore.ErrNotFound
	}
	facts := key.facts(secret.ExpiresAt)
	facts.Hash = hash // by which the same caller is known again
	owner, err := a.withSuppliers(ctx, user.facts(), named)
	return owner, facts, err
}

// ByUser returns what a user may do, with the suppliers as ByKey. It fails with
// docstore.ErrNotFound and docstore.ErrUnavailable. It makes at most two round
// trips.
func (a *Authentication) ByUser(ctx context.Context, id events.UserID, named events.TenantID) (authz.UserFacts, error) {
	docs, err := a.read(ctx, userKey(id))
	if err != nil {
		return authz.UserFacts{}, err
	}
	user := docs[userKey(id)].User
	if user == nil {
		return authz.UserFacts{}, docstore.ErrNotFound
	}
	return a.withSuppliers(ctx, user.facts(), named)
}

// withSuppliers adds what is known of the suppliers that a user's authority is
// about, and of the named one. A user with the highest role needs none of it.
func (a *Authentication) withSuppliers(ctx context.Context, u authz.UserFacts, named events.TenantID) (authz.UserFacts, error) {
	if u.Role == events.SuperAdmin {
		return u, nil
	}
	wanted := map[events.TenantID]bool{named: true}
	for _, e := range u.Entries {
		wanted[e.Supplier] = true
	}
	delete(wanted, "")
	var keys []docstore.Key
	for _, id := range slices.Sorted(maps.Keys(wanted)) {
		keys = append(keys, supplierKey(id))
	}
	docs, err := a.read(ctx, keys...)
	if err != nil {
		return authz.UserFacts{}, err
	}
	for _, k := range keys {
		if s := docs[k].Supplier; s != nil {
			u.Suppliers = append(u.Suppliers, authz.SupplierFacts{
				ID: s.ID, Active: s.Active, Source: authz.Fact{Stream: events.SupplierStream(s.ID), Version: s.Version},
			})
		}
	}
	return u, nil
}

// secret is the first of the hashes that is known, and what it opens.
func (a *Authentication) secret(ctx context.Context, hashes []events.KeyHash) (events.KeyHash, Secret, error) {
	var wanted []docstore.Key
	for _, h := range hashes {
		wanted = append(wanted, secretKey(h))
	}
	docs, err := a.readOne(ctx, wanted...)
	if err != nil {
		return "", Secret{}, err
	}
	for i, k := range wanted {
		if s := docs[k].Secret; s != nil {
			return hashes[i], *s, nil
		}
	}
	return "", Secret{}, docstore.ErrNotFound
}

func (a *Authentication) read(ctx context.Context, keys ...docstore.Key) (map[docstore.Key]Authority, error) {
	p, err := Authorities.resolve(a.Live)
	if err != nil {
		return nil, err
	}
	return a.Cache.read(p.Model(), keys, func(missing ...docstore.Key) (map[docstore.Key]Authority, error) {
		return docstore.PartitionsIn[Authority](a.Redis, p.Model()).Read(ctx, who(), missing...)
	})
}

// readOne is read for documents of which one at most is there: the hashes of
// one secret.
func (a *Authentication) readOne(ctx context.Context, keys ...docstore.Key) (map[docstore.Key]Authority, error) {
	p, err := Authorities.resolve(a.Live)
	if err != nil {
		return nil, err
	}
	if docs := a.Cache.first(p.Model(), keys); docs != nil {
		return docs, nil
	}
	return a.read(ctx, keys...)
}

// Ready tells whether everybody can be told who he is: a generation is live, and
// all of it is folded. It fails with docstore.ErrUnavailable.
func (a *Authentication) Ready(ctx context.Context) error {
	p, err := Authorities.resolve(a.Live)
	if err != nil {
		return err
	}
	states, err := docstore.PartitionsIn[Authority](a.Redis, p.Model()).States(ctx)
	if err != nil {
		return err
	}
	for _, s := range states {
		if !s.Ready {
			return errIncomplete
		}
	}
	return nil
}

// errIncomplete says that it cannot be told yet who is calling.
var errIncomplete = fmt.Errorf("%w: the authentication read model is not folded to its end yet", docstore.ErrUnavailable)
