package commands

import (
	"cmp"
	"fmt"
	"slices"

	"tenure/internal/authz"
	"tenure/internal/events"
	"tenure/internal/fault"
)

// Entry is a membership as it is asked for. One that names no role gets the
// user's default role, or else his own, as they are when it is written.
type Entry struct {
	Supplier events.TenantID // empty: global
	events.MembershipEntry
}

// Document is all of a user's memberships as they are asked for.
type Document struct {
	// DefaultRole is what entries get that name none; nil leaves it, empty
	// clears it.
	DefaultRole *events.Role
	// Entries is nil to leave them as they are.
	Entries []Entry
	// At is where the document stands in the request.
	At string
}

// suppliers are those that the entries name.
func (doc *Document) suppliers() []events.TenantID {
	var ids []events.TenantID
	if doc != nil {
		for _, e := range doc.Entries {
			ids = append(ids, e.Supplier)
		}
	}
	return ids
}

// place is where entry i stands.
func (doc *Document) place(i int, member string) string {
	return fmt.Sprintf("%s.memberships[%d].%s", doc.At, i, member)
}

// entitled is what a person's memberships are decided by: who asks, and which
// suppliers there are.
type entitled struct {
	by        authz.Principal
	suppliers map[events.TenantID]bool // those there are, and whether they are active
}

// replace decides what makes the memberships that are in reach those of the
// document: all for a super_admin who names no supplier, and otherwise the one
// in the active wholesaler. Of what is out of reach nothing changes, and nothing
// may be asked for.
func (c entitled) replace(x person, doc *Document) (decision, error) {
	if doc == nil || doc.Entries == nil {
		return decision{}, nil
	}
	if err := c.notOwn(x); err != nil {
		return decision{}, err
	}
	for _, e := range doc.Entries { // what is not allowed comes before what is wrong
		if former, _ := x.membership(e.Supplier); c.mayGrant(e, former) != nil {
			return decision{}, c.mayGrant(e, former)
		}
	}
	var d decision
	named := make(map[events.TenantID]bool)
	for i, e := range doc.Entries {
		if named[e.Supplier] {
			return decision{}, fault.At(doc.place(i, "scope_id"), "duplicate_scope", "There is one entry for each scope at most.")
		}
		named[e.Supplier] = true
		one, err := c.set(x, e, func(member string) string { return doc.place(i, member) })
		if err != nil {
			return decision{}, err
		}
		d = d.and(one)
	}
	for _, m := range x.live() {
		if c.inReach(m.supplier) && !named[m.supplier] {
			d = d.and(m.removed(x.id))
		}
	}
	return d, c.bounded(x, d)
}

// set decides one entry. Place says where a member of it stands.
func (c entitled) set(x person, e Entry, place func(member string) string) (decision, error) {
	former, _ := x.membership(e.Supplier)
	if e.Role == "" {
		e.Role = cmp.Or(x.defaultRole, x.role)
	}
	if err := c.mayGrant(e, former); err != nil {
		return decision{}, err
	}
	d := x.set(e.Supplier, e.MembershipEntry)
	switch {
	case e.Role == events.SuperAdmin:
		return decision{}, fault.At(place("role"), "role_not_allowed", "No membership gives the role super_admin.")
	case len(d.writes) == 0: // as it is; what it names was known when it was written
		return d, nil
	case e.Supplier != "" && !c.suppliers[e.Supplier]:
		return decision{}, fault.At(place("scope_id"), "unknown_reference", "This supplier is unknown or not active.")
	case len(e.Resellers) > 0:
		return decision{}, fault.At(place("reseller_account_ids"), "unknown_reference", "A customer in this list is unknown in the supplier.")
	case len(e.Addresses) > 0:
		return decision{}, fault.At(place("address_ids"), "unknown_reference", "An address in this list is unknown in the supplier.")
	}
	return d, nil
}

// inReach tells whether what belongs to a scope may be changed at all.
func (c entitled) inReach(supplier events.TenantID) bool {
	return c.by.IsSuperAdmin() && c.by.Tenant() == "" && c.by.SeesTenant(supplier) || supplier != "" && supplier == c.by.Tenant()
}

// mayGrant refuses what is not the caller's to give (api.md, "Granting").
// Capabilities that are there already may be sent back.
func (c entitled) mayGrant(e Entry, former membership) error {
	if !c.inReach(e.Supplier) {
		return fault.New(fault.Denied, "scope_denied", "You cannot give anything in this scope.")
	}
	for _, name := range e.Capabilities {
		if !c.by.MayGive(name) && !slices.Contains(former.entry.Capabilities, name) {
			return fault.New(fault.Denied, "capability_denied", "You cannot give a capability that no role but super_admin has.")
		}
	}
	return nil
}

// notOwn refuses who would change what gives himself authority.
func (c entitled) notOwn(x person) error {
	if c.by.UserID() == x.id && !c.by.IsSuperAdmin() {
		return fault.New(fault.Denied, "own_memberships", "You cannot change your own memberships.")
	}
	return nil
}

// bounded refuses more memberships than one user can have.
func (c entitled) bounded(x person, d decision) error {
	live := len(x.live())
	for _, w := range d.writes {
		var m membership
		if i := slices.IndexFunc(x.memberships, func(m membership) bool { return m.stream == w.stream }); i >= 0 {
			m = x.memberships[i]
		}
		switch _, sets := w.events[0].(events.MembershipSet); {
		case sets && !m.live:
			live++
		case !sets:
			live--
		}
	}
	if live > MaxMemberships || len(x.memberships)+len(d.add) > maxScopes {
		return fault.New(fault.Conflict, "too_many_memberships", fmt.Sprintf("A user has %d memberships at most, and %d in all his time.", MaxMemberships, maxScopes))
	}
	return nil
}

// newDefaultRole decides another default role.
func (c entitled) newDefaultRole(x person, doc *Document) ([]events.Payload, error) {
	if doc == nil || doc.DefaultRole == nil || *doc.DefaultRole == x.defaultRole {
		return nil, nil
	}
	if err := c.notOwn(x); err != nil {
		return nil, err
	}
	if *doc.DefaultRole == events.SuperAdmin {
		return nil, fault.At(doc.At+".default_role", "role_not_allowed", "No membership gives the role super_admin.")
	}
	return []events.Payload{events.UserDefaultRoleChanged{User: x.id, Role: *doc.DefaultRole}}, x.ownedBy(c.by)
}
