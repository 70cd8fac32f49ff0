package commands

import (
	"context"

	"tenure/internal/authz"
	"tenure/internal/events"
)

// SetMembership makes a user's membership in one scope what it says.
type SetMembership struct {
	User  events.UserID
	Entry Entry
}

// RemoveMembership ends a user's membership in one scope.
type RemoveMembership struct {
	User     events.UserID
	Supplier events.TenantID // empty: global
}

// ReplaceMemberships makes a user's memberships, as far as they are in the
// caller's reach, those of the document.
type ReplaceMemberships struct {
	User     events.UserID
	Document Document
}

// SetMembership carries out c. It fails with NotFound, also for a supplier that
// is unknown, not active or not the active one; with Denied scope_denied,
// capability_denied, own_memberships or super_admin_only; with Invalid
// role_not_allowed or unknown_reference; or with Conflict too_many_memberships.
func (h *Handler) SetMembership(ctx context.Context, by authz.Principal, c SetMembership) (Receipt, error) {
	return h.oneMembership(ctx, by, c.User, c.Entry.Supplier, func(one entitled, _ person) error {
		if c.Entry.Supplier != "" && !one.suppliers[c.Entry.Supplier] {
			return supplierNotFound()
		}
		return nil
	}, func(one entitled, x person) (decision, error) {
		d, err := one.set(x, c.Entry, func(member string) string { return "body." + member })
		if err != nil {
			return decision{}, err
		}
		return d, one.bounded(x, d)
	})
}

// RemoveMembership carries out c. It fails with NotFound where there is none,
// or none that the caller may know of, and with Denied as SetMembership.
func (h *Handler) RemoveMembership(ctx context.Context, by authz.Principal, c RemoveMembership) (Receipt, error) {
	return h.oneMembership(ctx, by, c.User, c.Supplier, func(one entitled, x person) error {
		if m, _ := x.membership(c.Supplier); !m.live && one.inReach(c.Supplier) {
			return membershipNotFound()
		}
		return nil
	}, func(one entitled, x person) (decision, error) {
		m, _ := x.membership(c.Supplier)
		if err := one.mayGrant(Entry{Supplier: c.Supplier}, m); err != nil {
			return decision{}, err
		}
		return m.removed(x.id), nil
	})
}

// oneMembership carries out a command about one membership, whose stream it is
// about. There tells whether what the path names is there, for one who sees the
// user: that comes before what he may do to him.
func (h *Handler) oneMembership(ctx context.Context, by authz.Principal, user events.UserID, supplier events.TenantID, there func(entitled, person) error, decide func(entitled, person) (decision, error)) (Receipt, error) {
	var x person
	var suppliers map[events.TenantID]bool
	return h.record(ctx, by, change{
		needs: authz.ManageMemberships,
		load: func(ctx context.Context, p *past) (err error) {
			if err := p.read(ctx, events.MembershipStream(user, supplier)); err != nil {
				return err
			}
			if x, err = loadPerson(ctx, p, user); err != nil {
				return err
			}
			suppliers, err = loadSuppliers(ctx, p, []events.TenantID{supplier})
			return err
		},
		over: func(by authz.Principal, _ *past) error {
			one := entitled{by, suppliers}
			switch {
			case !x.visibleTo(by): // first, or whom one does not see would be told from nobody
				return userNotFound()
			case supplier != "" && !one.inReach(supplier):
				return supplierNotFound()
			}
			if err := there(one, x); err != nil {
				return err
			}
			if err := x.seenBy(by); err != nil {
				return err
			}
			return one.notOwn(x)
		},
		decide: func(by authz.Principal, _ *past) (decision, error) { return decide(entitled{by, suppliers}, x) },
	})
}

// ReplaceMemberships carries out c. It fails as SetMembership, with Invalid
// duplicate_scope, and with Denied not_yours for the default role of a user who
// is shared.
func (h *Handler) ReplaceMemberships(ctx context.Context, by authz.Principal, c ReplaceMemberships) (Receipt, error) {
	var x person
	var suppliers map[events.TenantID]bool
	return h.record(ctx, by, change{
		needs: authz.ManageMemberships,
		load: func(ctx context.Context, p *past) (err error) {
			if x, err = loadPerson(ctx, p, c.User); err != nil {
				return err
			}
			suppliers, err = loadSuppliers(ctx, p, c.Document.suppliers())
			return err
		},
		over: func(by authz.Principal, _ *past) error { return x.seenBy(by) },
		decide: func(by authz.Principal, _ *past) (decision, error) {
			return entitled{by, suppliers}.document(x, &c.Document)
		},
		version: func(by authz.Principal, p *past) events.Version { return x.documentVersion(by, p) },
	})
}

// documentVersion is the version of all memberships that the caller may see,
// together: the sum of theirs.
func (x person) documentVersion(by authz.Principal, p *past) events.Version {
	var sum events.Version
	for _, m := range x.memberships {
		if by.UserID() == x.id && by.SeesTenant(m.supplier) || by.UserScope().Sees(authz.Tags{Tenants: []events.TenantID{m.supplier}}) {
			sum += p.version(m.stream)
		}
	}
	return sum
}

// document decides the whole of a document: the default role first, since the
// entries that name none get it.
func (c entitled) document(x person, doc *Document) (decision, error) {
	happened, err := c.newDefaultRole(x, doc)
	if err != nil {
		return decision{}, err
	}
	x.user = foldOnto(x.user, happened)
	d, err := c.replace(x, doc)
	if err != nil || len(happened) == 0 {
		return d, err
	}
	return decision{writes: []write{{x.stream, happened}}}.and(d), nil
}
