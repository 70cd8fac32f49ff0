package commands

import (
	"context"

	"tenure/internal/authz"
	"tenure/internal/events"
	"tenure/internal/fault"
)

// DisableUser keeps a user out, with all his keys, until he is enabled.
type DisableUser struct {
	ID     events.UserID
	Reason string
}

// EnableUser gives a disabled user the status from before.
type EnableUser struct {
	ID     events.UserID
	Reason string
}

// ActivateUser ends an invitation without waiting for the invited.
type ActivateUser struct {
	ID events.UserID
}

// DisableUser carries out c. It fails with Denied, also for oneself; NotFound;
// or Conflict last_super_admin. A user who is disabled stays so.
func (h *Handler) DisableUser(ctx context.Context, by authz.Principal, c DisableUser) (Receipt, error) {
	return h.standing(ctx, by, c.ID, func(by authz.Principal, u user, others int) ([]events.Payload, error) {
		switch {
		case by.UserID() == u.id:
			return nil, fault.New(fault.Denied, "own_account", "You are not allowed to disable yourself.")
		case u.Status == authz.Disabled:
			return nil, nil
		case u.reigns() && others == 0:
			return nil, lastSuperAdmin()
		}
		return []events.Payload{events.UserDisabled{User: u.id, Reason: c.Reason}}, nil
	})
}

// EnableUser carries out c. It fails with Denied or NotFound. A user who is not
// disabled stays as he is.
func (h *Handler) EnableUser(ctx context.Context, by authz.Principal, c EnableUser) (Receipt, error) {
	return h.standing(ctx, by, c.ID, func(_ authz.Principal, u user, _ int) ([]events.Payload, error) {
		if u.Status != authz.Disabled {
			return nil, nil
		}
		return []events.Payload{events.UserEnabled{User: u.id, Reason: c.Reason}}, nil
	})
}

// ActivateUser carries out c. It fails with Denied or NotFound. Only an invited
// user changes by it.
func (h *Handler) ActivateUser(ctx context.Context, by authz.Principal, c ActivateUser) (Receipt, error) {
	return h.standing(ctx, by, c.ID, func(_ authz.Principal, u user, _ int) ([]events.Payload, error) {
		if u.Status != authz.Invited {
			return nil, nil
		}
		return []events.Payload{events.UserActivated{User: u.id}}, nil
	})
}

// standing carries out a command about whether a user may enter.
func (h *Handler) standing(ctx context.Context, by authz.Principal, id events.UserID, decide func(authz.Principal, user, int) ([]events.Payload, error)) (Receipt, error) {
	var x person
	var others int
	return h.record(ctx, by, change{
		needs: authz.DisableUsers,
		load: func(ctx context.Context, p *past) (err error) {
			if x, err = loadPerson(ctx, p, id); err != nil {
				return err
			}
			others, err = seeReign(ctx, p, x.user)
			return err
		},
		over: func(by authz.Principal, _ *past) error {
			if err := x.seenBy(by); err != nil {
				return err
			}
			return x.ownedBy(by)
		},
		decide: func(by authz.Principal, _ *past) (decision, error) {
			happened, err := decide(by, x.user, others)
			if err != nil || len(happened) == 0 {
				return decision{}, err
			}
			return reigning(x.user, decision{writes: []write{{x.stream, happened}}}), nil
		},
	})
}
