package commands

import (
	"context"
	"slices"

	"tenure/internal/authz"
	"tenure/internal/events"
	"tenure/internal/fault"
)

// person is a user with what ties him to suppliers: enough to tell who may see
// and change him.
type person struct {
	user
	memberships []membership // those that ended included
}

// loadPerson reads a user with all his memberships; NotFound when there is
// none.
func loadPerson(ctx context.Context, p *past, id events.UserID) (person, error) {
	u, err := loadUser(ctx, p, id)
	if err != nil {
		return person{}, err
	}
	all, err := loadMemberships(ctx, p, id)
	return person{u, all}, err
}

// membership is the one in a scope, and whether he ever had one there.
func (x person) membership(supplier events.TenantID) (membership, bool) {
	i := slices.IndexFunc(x.memberships, func(m membership) bool { return m.supplier == supplier })
	if i < 0 {
		return membership{}, false
	}
	return x.memberships[i], true
}

// live are his memberships that have not ended.
func (x person) live() []membership {
	var all []membership
	for _, m := range x.memberships {
		if m.live {
			all = append(all, m)
		}
	}
	return all
}

// tags are where he is visible: what the read models say of him, by his events.
func (x person) tags() authz.Tags {
	var tenants []events.TenantID
	if x.supplier != "" {
		tenants = append(tenants, x.supplier)
	}
	for _, m := range x.live() {
		if m.supplier != "" {
			tenants = append(tenants, m.supplier)
		}
	}
	return authz.Tags{Tenants: tenants, Owner: x.id}
}

// visibleTo tells whether he is there for by.
func (x person) visibleTo(by authz.Principal) bool {
	return by.UserID() == x.id || by.UserScope().Sees(x.tags())
}

// seenBy refuses who does not see him, as if he were not there, and who may not
// touch one with the highest role.
func (x person) seenBy(by authz.Principal) error {
	switch {
	case !x.visibleTo(by):
		return userNotFound()
	case x.role == events.SuperAdmin && !maySuper(by):
		return superAdminOnly()
	}
	return nil
}

// maySuper tells whether by may make and change those with the highest role. A
// key that is limited to suppliers would get out of them that way.
func maySuper(by authz.Principal) bool { return by.IsSuperAdmin() && !by.Confined() }

// ownedBy refuses who may see him but not change what counts everywhere: name,
// roles and status of someone who is shared with other suppliers, or another's
// (api.md, "Shared users").
func (x person) ownedBy(by authz.Principal) error {
	if by.IsSuperAdmin() {
		return nil
	}
	elsewhere := slices.ContainsFunc(x.live(), func(m membership) bool { return m.supplier != by.Tenant() })
	if x.supplier != by.Tenant() || elsewhere {
		return fault.New(fault.Denied, "not_yours", "This user is shared with others, or theirs; only a super_admin may change this of him.")
	}
	return nil
}
