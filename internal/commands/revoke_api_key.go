package commands

import (
	"context"

	"tenure/internal/authz"
	"tenure/internal/events"
)

// RevokeAPIKey ends a key, and the former one that lived on beside it.
type RevokeAPIKey struct {
	ID events.KeyID
}

// RevokeAPIKeyNamed ends the keys of a user that have this name.
type RevokeAPIKeyNamed struct {
	Owner events.UserID
	Name  string
}

// RevokeAPIKey carries out c. It fails with NotFound, also for a key of another
// user and for one that was revoked.
func (h *Handler) RevokeAPIKey(ctx context.Context, by authz.Principal, c RevokeAPIKey) (Receipt, error) {
	return h.record(ctx, by, overKey(by, c.ID, func(k apiKey) (decision, error) { return decision{}.ending(k), nil }))
}

// RevokeAPIKeyNamed carries out c. It fails with NotFound when there is none.
func (h *Handler) RevokeAPIKeyNamed(ctx context.Context, by authz.Principal, c RevokeAPIKeyNamed) (Receipt, error) {
	var u user
	var keys []apiKey
	return h.record(ctx, by, change{
		needs: authz.ManageOwnKeys,
		load: func(ctx context.Context, p *past) (err error) {
			if u, err = loadUser(ctx, p, c.Owner); err != nil {
				return err
			}
			keys, err = loadKeys(ctx, p, u.id)
			return err
		},
		over: func(by authz.Principal, _ *past) error { return by.AllowOn(authz.ManageOwnKeys, c.Owner) },
		decide: func(authz.Principal, *past) (decision, error) {
			var d decision
			for _, k := range keys {
				if k.name == c.Name {
					d = d.ending(k)
				}
			}
			if len(d.writes) == 0 {
				return d, keyNotFound()
			}
			return d, nil
		},
	})
}
