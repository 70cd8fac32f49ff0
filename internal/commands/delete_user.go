package commands

import (
	"context"

	"tenure/internal/authz"
	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/fault"
)

// DeleteUser ends an account, and with it everything that it opened.
type DeleteUser struct {
	ID events.UserID
}

// DeleteUser carries out c. It fails with Denied, also for oneself; NotFound;
// or Conflict last_super_admin. His e-mail is free again, his id is not.
func (h *Handler) DeleteUser(ctx context.Context, by authz.Principal, c DeleteUser) (Receipt, error) {
	var x person
	var others int
	var keys []apiKey
	var held []eventlog.Claim
	return h.record(ctx, by, change{
		needs: authz.DeleteUsers,
		load: func(ctx context.Context, p *past) (err error) {
			if x, err = loadPerson(ctx, p, c.ID); err != nil {
				return err
			}
			if held, err = h.heldClaims(ctx, h.emailClaims(x.email, x.stream)); err != nil {
				return err
			}
			if others, err = seeReign(ctx, p, x.user); err != nil {
				return err
			}
			keys, err = loadKeys(ctx, p, x.id)
			return err
		},
		over: func(by authz.Principal, _ *past) error { return x.seenBy(by) },
		decide: func(by authz.Principal, _ *past) (decision, error) {
			if err := deleteUser(by, x.user, others); err != nil {
				return decision{}, err
			}
			return x.ended(held, keys), nil
		},
	})
}

// ended is the decision that a user is no more: with him end his keys and his
// memberships, and what he held is free.
func (x person) ended(held []eventlog.Claim, keys []apiKey) decision {
	// His memberships first: what ends him finds nothing of him left.
	var d decision
	for _, m := range x.live() {
		d = d.and(m.removed(x.id))
	}
	d = d.and(reigning(x.user, decision{writes: []write{{x.stream, []events.Payload{events.UserDeleted{User: x.id}}}}}))
	d.release = append(d.release, held...)
	d.remove = append(d.remove, userByID(x.id, x.stream))
	for _, k := range keys {
		d = d.ending(k)
	}
	return d
}

// deleteUser decides.
func deleteUser(by authz.Principal, u user, others int) error {
	switch {
	case by.UserID() == u.id:
		return fault.New(fault.Denied, "own_account", "You are not allowed to delete yourself")
	case u.reigns() && others == 0:
		return lastSuperAdmin()
	}
	return nil
}
