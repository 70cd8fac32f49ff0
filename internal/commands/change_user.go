package commands

import (
	"context"

	"tenure/internal/authz"
	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/fault"
)

// ChangeUser changes what is given of a user; nil leaves it as it is, an empty
// name clears it.
type ChangeUser struct {
	ID   events.UserID
	Name *string
	Role *events.Role
}

// ChangeUser carries out c. It fails with Denied, also for one's own role;
// NotFound; or Conflict last_super_admin.
func (h *Handler) ChangeUser(ctx context.Context, by authz.Principal, c ChangeUser) (Receipt, error) {
	var u user
	var others int
	return h.record(ctx, by, change{
		needs: authz.ChangeUsers,
		load: func(ctx context.Context, p *past) (err error) {
			if u, err = loadUser(ctx, p, c.ID); err != nil {
				return err
			}
			if c.Role != nil && *c.Role != events.SuperAdmin {
				others, err = seeReign(ctx, p, u)
			}
			return err
		},
		over: func(*past) (events.TenantID, events.UserID) { return u.stream.Tenant, u.id },
		decide: func(by authz.Principal, _ *past) (decision, error) {
			happened, err := changeUser(by, u, others, c)
			if err != nil || len(happened) == 0 {
				return decision{}, err
			}
			return reigning(u, decision{writes: []write{{u.stream, happened}}}), nil
		},
	})
}

// changeUser decides. Others is how many active super_admins there are beside
// u, when u is one.
func changeUser(by authz.Principal, u user, others int, c ChangeUser) ([]events.Payload, error) {
	var happened []events.Payload
	if c.Name != nil && *c.Name != u.name {
		happened = append(happened, events.UserRenamed{User: u.id, Name: *c.Name})
	}
	if c.Role == nil || *c.Role == u.role {
		return happened, nil
	}
	switch {
	case by.UserID() == u.id:
		return nil, fault.New(fault.Denied, "own_role", "You cannot change your own role.")
	case u.reigns() && others == 0:
		return nil, lastSuperAdmin()
	}
	return append(happened, events.UserRoleChanged{User: u.id, Role: *c.Role}), nil
}

// reigning keeps the list of active super_admins in step with what happens to
// a user.
func reigning(u user, d decision) decision {
	after := foldOnto(u, d.writes[0].events)
	switch {
	case u.reigns() && !after.reigns():
		d.remove = append(d.remove, activeSuperAdmins(u.stream))
	case !u.reigns() && after.reigns():
		d.add = append(d.add, activeSuperAdmins(u.stream))
	}
	return d
}

// foldOnto is what a user is after more has happened.
func foldOnto(u user, happened []events.Payload) user {
	for _, p := range happened {
		u = u.apply(p)
	}
	return u
}

// removed releases what a user held. It is a part of what ends him.
func (d decision) removed(u user, claims []eventlog.Claim) decision {
	d.release = append(d.release, claims...)
	d.remove = append(d.remove, userByID(u.id, u.stream))
	return d
}
