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
	ID          events.UserID
	Email       *string // as ParseEmail gives it
	Name        *string
	Role        *events.Role
	Memberships *Document
}

// ChangeUser carries out c. It fails with NotFound; with Denied, also for one's
// own role, for a user who is shared with other suppliers (not_yours), and for
// what is not the caller's to give; with Conflict last_super_admin or
// email_taken; or with Invalid for what is wrong with a membership.
func (h *Handler) ChangeUser(ctx context.Context, by authz.Principal, c ChangeUser) (Receipt, error) {
	var x person
	var others int
	var held []eventlog.Claim
	var suppliers map[events.TenantID]bool
	return h.record(ctx, by, change{
		needs: authz.ChangeUsers,
		load: func(ctx context.Context, p *past) (err error) {
			if x, err = loadPerson(ctx, p, c.ID); err != nil {
				return err
			}
			if c.Email != nil && *c.Email != x.email {
				if held, err = h.heldClaims(ctx, h.emailClaims(x.email, x.stream)); err != nil {
					return err
				}
			}
			if c.Role != nil && *c.Role != events.SuperAdmin {
				if others, err = seeReign(ctx, p, x.user); err != nil {
					return err
				}
			}
			suppliers, err = loadSuppliers(ctx, p, c.Memberships.suppliers())
			return err
		},
		over: func(by authz.Principal, _ *past) error { return x.seenBy(by) },
		decide: func(by authz.Principal, _ *past) (decision, error) {
			d, err := changeUser(entitled{by, suppliers}, x, others, c)
			if err == nil && c.Email != nil && *c.Email != x.email {
				d.release = append(d.release, held...)
				d.take = append(d.take, h.emailClaims(*c.Email, x.stream)...)
			}
			return d, err
		},
		taken: emailTaken(),
	})
}

// changeUser decides. Others is how many active super_admins there are beside
// x, when x is one.
func changeUser(c entitled, x person, others int, given ChangeUser) (decision, error) {
	happened, err := ownChanges(c.by, x, others, given)
	if err != nil {
		return decision{}, err
	}
	more, err := c.newDefaultRole(x, given.Memberships)
	if err != nil {
		return decision{}, err
	}
	happened = append(happened, more...)
	after := x
	after.user = foldOnto(x.user, happened)
	memberships, err := c.replace(after, given.Memberships)
	if err != nil || len(happened) == 0 {
		return memberships, err
	}
	return reigning(x.user, decision{writes: []write{{x.stream, happened}}}).and(memberships), nil
}

// ownChanges are those of the user himself, his memberships aside.
func ownChanges(by authz.Principal, x person, others int, c ChangeUser) ([]events.Payload, error) {
	var happened []events.Payload
	if c.Email != nil && *c.Email != x.email {
		if !by.IsSuperAdmin() {
			return nil, fault.New(fault.Denied, "super_admin_only", "Only a super_admin may change an e-mail.")
		}
		happened = append(happened, events.UserEmailChanged{User: x.id, Email: *c.Email})
	}
	if c.Name != nil && *c.Name != x.name {
		happened = append(happened, events.UserRenamed{User: x.id, Name: *c.Name})
	}
	if c.Role != nil && *c.Role != x.role {
		if err := mayChangeRole(by, x, others, *c.Role); err != nil {
			return nil, err
		}
		happened = append(happened, events.UserRoleChanged{User: x.id, Role: *c.Role})
	}
	if len(happened) == 0 {
		return nil, nil
	}
	return happened, x.ownedBy(by)
}

func mayChangeRole(by authz.Principal, x person, others int, to events.Role) error {
	switch {
	case by.UserID() == x.id:
		return fault.New(fault.Denied, "own_role", "You cannot change your own role.")
	case to == events.SuperAdmin && !maySuper(by):
		return superAdminOnly()
	case x.reigns() && others == 0:
		return lastSuperAdmin()
	}
	return nil
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
