package authz

import (
	"cmp"
	"slices"

	"tenure/internal/events"
)

// Entry is what a membership gives a user in a supplier, or in all of them.
type Entry struct {
	Supplier events.TenantID // empty: global
	Role     events.Role     // empty: nothing
	// Capabilities are the explicit ones; none: the defaults of Role.
	Capabilities []string
	Source       Fact
}

// LinkKind is what a link ties a user to.
type LinkKind string

// The kinds of links.
const (
	SupplierLink LinkKind = "supplier"
	CustomerLink LinkKind = "customer"
	AddressLink  LinkKind = "address"
)

// LinkStatus is how far a link has come.
type LinkStatus string

// The statuses of a link.
const (
	LinkPending     LinkStatus = "pending"
	LinkActive      LinkStatus = "active"
	LinkDeactivated LinkStatus = "deactivated"
	LinkSuspended   LinkStatus = "suspended"
	LinkRevoked     LinkStatus = "revoked"
)

// Link is what ties a user to a supplier, or to a customer or an address of
// one.
type Link struct {
	Supplier events.TenantID
	Kind     LinkKind
	Role     string // admin, helpdesk or viewer of a supplier; buyer or viewer of the others
	Status   LinkStatus
	Source   Fact
}

// entry is what a link counts as: an entry without explicit capabilities.
func (l Link) entry() Entry {
	e := Entry{Supplier: l.Supplier, Source: l.Source}
	switch {
	case l.Supplier == "" || l.Status != LinkActive:
		return e
	case l.Kind == SupplierLink && l.Role == "admin":
		e.Role = events.SupplierAdmin
	case l.Kind == SupplierLink && l.Role == "helpdesk":
		e.Role = events.SupplierHelpdesk
	case l.Kind != SupplierLink && l.Role == "buyer":
		e.Role = events.Reseller
	case l.Role == "viewer":
		e.Role = events.Viewer
	}
	return e
}

// closes tells whether a link takes the whole supplier from its user, whatever
// else gives it to him.
func (l Link) closes() bool {
	return l.Kind == SupplierLink && (l.Status == LinkDeactivated || l.Status == LinkSuspended || l.Status == LinkRevoked)
}

// SupplierFacts is what the authentication read model knows of a supplier.
type SupplierFacts struct {
	ID     events.TenantID
	Active bool
	Source Fact
}

// gathered are the entries that count in a supplier, the strongest first:
// global ones, those for it, and what its active links count as. An empty
// supplier has the global ones alone. This is the one rule by which memberships
// and links give authority; the user's own role and the supplier's state are
// for the caller to look at.
func gathered(in events.TenantID, entries []Entry, links []Link) []Entry {
	var all []Entry
	for _, e := range entries {
		if e.counts() && (e.Supplier == "" || e.Supplier == in) {
			all = append(all, e)
		}
	}
	for _, l := range links {
		switch e := l.entry(); {
		case l.Supplier != in || in == "":
		case l.closes():
			return nil
		case e.Role != "":
			all = append(all, e)
		}
	}
	slices.SortStableFunc(all, func(a, b Entry) int { return cmp.Compare(rank(a.Role), rank(b.Role)) })
	return all
}

// counts tells whether an entry gives anything. The highest role is never had
// by one.
func (e Entry) counts() bool { return e.Role != "" && e.Role != events.SuperAdmin }

// rank orders roles, the strongest first. What is none comes last.
func rank(r events.Role) int {
	if i := slices.Index(events.Roles(), r); i >= 0 {
		return i
	}
	return len(events.Roles())
}

// capabilities are those of an entry: the explicit ones, or else the defaults
// of its role.
func (e Entry) capabilities() []string {
	if len(e.Capabilities) > 0 {
		return e.Capabilities
	}
	return defaults(e.Role)
}
