package commands

import (
	"cmp"
	"context"

	"tenure/internal/authz"
	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/fault"
)

// CreateUser opens an account.
type CreateUser struct {
	ID    events.UserID
	Email string // as ParseEmail gives it
	Name  string
	// Role, when it is empty, is the default role of the memberships, else that
	// of the first of them, else viewer.
	Role        events.Role
	Memberships *Document // nil: none
	// Active skips the invitation: for operators, who know whom they make.
	Active bool
}

// CreateUser carries out c. It fails with Denied, also for the role super_admin
// and for memberships that are not the caller's to give; with Conflict
// email_taken or user_exists; or with Invalid scope_required, for a role that is
// nothing without a supplier, and for what is wrong with a membership.
func (h *Handler) CreateUser(ctx context.Context, by authz.Principal, c CreateUser) (Receipt, error) {
	home := homeFor(by)
	stream := events.UserStream(home, c.ID)
	var suppliers map[events.TenantID]bool
	return h.record(ctx, by, change{
		needs: authz.CreateUsers,
		load: func(ctx context.Context, p *past) (err error) {
			if err := p.begin(ctx, stream); err != nil {
				return err
			}
			suppliers, err = loadSuppliers(ctx, p, c.Memberships.suppliers())
			return err
		},
		decide: func(by authz.Principal, p *past) (decision, error) {
			if homeFor(by) != home {
				return decision{}, authorityLost()
			}
			if u := foldUser(p.of(stream)); u.exists || u.deleted {
				return decision{}, fault.New(fault.Conflict, "user_exists", "There is, or was, a user with this id.")
			}
			d, err := createUser(entitled{by, suppliers}, c, stream)
			if err != nil {
				return decision{}, err
			}
			d.take = append(d.take, h.emailClaims(c.Email, stream)...)
			return d, nil
		},
		taken: emailTaken(),
	})
}

// homeFor is the tenant whose users those are that by makes: the active
// wholesaler's, or nobody's when a super_admin makes them.
func homeFor(by authz.Principal) events.TenantID {
	if by.IsSuperAdmin() || by.Tenant() == "" {
		return events.Platform
	}
	return by.Tenant()
}

// createUser decides.
func createUser(c entitled, given CreateUser, stream events.Stream) (decision, error) {
	role := given.roleOf()
	switch {
	case given.Role == events.SuperAdmin && !maySuper(c.by):
		// Where the role comes from the memberships, they are refused below, to
		// everyone alike: none of them gives this one.
		return decision{}, superAdminOnly()
	case needsScope(role) && (given.Memberships == nil || len(given.Memberships.Entries) == 0):
		return decision{}, fault.At("body.role", "scope_required", "This role needs a membership entry, or a customer or supplier link.")
	}
	created := events.UserCreated{User: given.ID, Email: given.Email, Name: given.Name, Role: role}
	if stream.Tenant != events.Platform {
		created.Supplier = stream.Tenant
	}
	happened := []events.Payload{created}
	if given.Active {
		happened = append(happened, events.UserActivated{User: given.ID})
	}
	x := person{user: foldOnto(user{stream: stream}, happened)}
	more, err := c.newDefaultRole(x, given.Memberships)
	if err != nil {
		return decision{}, err
	}
	x.user = foldOnto(x.user, more)
	memberships, err := c.replace(x, given.Memberships)
	switch {
	case err != nil:
		return decision{}, err
	case c.by.Confined() && len(memberships.writes) == 0 && !c.by.SeesTenant(x.supplier):
		return decision{}, fault.New(fault.Denied, "tenant_denied", "This API key is limited to suppliers, and this user would be in none of them.")
	}
	d := decision{
		writes: []write{{stream, append(happened, more...)}},
		add:    []eventlog.Lookup{userByID(given.ID, stream)},
	}
	return reigning(user{stream: stream}, d).and(memberships), nil
}

// roleOf is the role of a new user.
func (c CreateUser) roleOf() events.Role {
	role := c.Role
	if doc := c.Memberships; doc != nil {
		if doc.DefaultRole != nil {
			role = cmp.Or(role, *doc.DefaultRole)
		}
		if len(doc.Entries) > 0 {
			role = cmp.Or(role, doc.Entries[0].Role)
		}
	}
	return cmp.Or(role, events.Viewer)
}

// needsScope tells whether a role means something only within a supplier.
func needsScope(r events.Role) bool {
	switch r {
	case events.SuperAdmin, events.Viewer, events.Auditor:
		return false
	case events.SupplierAdmin, events.SupplierHelpdesk, events.AgentAdmin, events.Agent, events.Reseller:
		return true
	default:
		return true
	}
}

func emailTaken() map[string]*fault.Fault {
	return map[string]*fault.Fault{
		emailClaim: fault.New(fault.Conflict, "email_taken", "There is a user with this e-mail already."),
	}
}

func superAdminOnly() error {
	return fault.New(fault.Denied, "super_admin_only", "Only a super_admin may make or change a super_admin.")
}

func authorityLost() error {
	return fault.New(fault.Denied, "authority_lost", "The authority for this has ended.")
}
