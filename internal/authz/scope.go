package authz

import "tenure/internal/events"

// Tags are what a stored document says about who may see it: the tenants it is
// visible in and the user whose own it is.
type Tags struct {
	Tenants []events.TenantID
	Owner   events.UserID
}

// Scope is what a caller may see. Only this package makes one, and the zero
// scope sees nothing. It is a predicate, never a list of documents.
type Scope struct {
	everything bool
	tenants    []events.TenantID
	owner      events.UserID
	why        string
}

// Everything tells whether the scope has no limit.
func (s Scope) Everything() bool { return s.everything }

// Tenants are those whose documents the scope sees, when it does not see
// everything.
func (s Scope) Tenants() []events.TenantID { return s.tenants }

// Owner is the user whose own documents the scope sees, beside those of
// Tenants; empty for none.
func (s Scope) Owner() events.UserID { return s.owner }

// Sees tells whether a document with these tags is within the scope. The
// stores ask the same in their queries.
func (s Scope) Sees(t Tags) bool {
	if s.everything || s.owner != "" && s.owner == t.Owner {
		return true
	}
	for _, mine := range s.tenants {
		for _, its := range t.Tenants {
			if mine != "" && mine == its {
				return true
			}
		}
	}
	return false
}

// UserScope is which users p may see within a tenant: a super_admin all of
// them, everybody himself. An empty tenant sets no limit.
func (p Principal) UserScope(within events.TenantID) Scope {
	switch {
	case !p.Known():
		return Scope{}
	case p.IsSuperAdmin():
		return p.narrow(within)
	default:
		return p.SelfScope()
	}
}

// SelfScope is p's own user and nobody else's.
func (p Principal) SelfScope() Scope {
	if p.user.ID == "" {
		return Scope{}
	}
	return Scope{owner: p.user.ID}
}

// SupplierScope is which suppliers p may see.
func (p Principal) SupplierScope(within events.TenantID) Scope {
	if !p.IsSuperAdmin() {
		return Scope{}
	}
	return p.narrow(within)
}

// KeyScope is which API keys p may see: his own, also as a super_admin.
func (p Principal) KeyScope() Scope { return p.SelfScope() }

// LogScope is which events p may read in the log.
func (p Principal) LogScope(within events.TenantID) Scope {
	if !p.IsSuperAdmin() {
		return Scope{}
	}
	return p.narrow(within)
}

// narrow is what one without limits sees within a tenant, through his key.
func (p Principal) narrow(within events.TenantID) Scope {
	switch {
	case within != "" && p.keyReaches(within):
		return Scope{tenants: []events.TenantID{within}}
	case within != "":
		return Scope{}
	case p.key != nil && p.key.Tenants != nil:
		return Scope{tenants: *p.key.Tenants}
	default:
		return Scope{everything: true}
	}
}

// SystemScope sees everything, for the stated reason: folding, verifying, and
// finding out who is calling.
func SystemScope(why string) Scope {
	return Scope{everything: why != "", why: why}
}
