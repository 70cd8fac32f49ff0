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
	var u user
	var others int
	var keys []apiKey
	var held []eventlog.Claim
	return h.record(ctx, by, change{
		needs: authz.DeleteUsers,
		load: func(ctx context.Context, p *past) (err error) {
			if u, err = loadUser(ctx, p, c.ID); err != nil {
				return err
			}
			if held, err = h.heldClaims(ctx, h.emailClaims(u.email, u.stream)); err != nil {
				return err
			}
			if others, err = seeReign(ctx, p, u); err != nil {
				return err
			}
			keys, err = loadKeys(ctx, p, u.id)
			return err
		},
		over: func(*past) (events.TenantID, events.UserID) { return u.stream.Tenant, u.id },
		decide: func(by authz.Principal, _ *past) (decision, error) {
			if err := deleteUser(by, u, others); err != nil {
				return decision{}, err
			}
			d := decision{writes: []write{{u.stream, []events.Payload{events.UserDeleted{User: u.id}}}}}
			d = reigning(u, d).removed(u, held)
			for _, k := range keys {
				d = d.ending(k)
			}
			return d, nil
		},
	})
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
