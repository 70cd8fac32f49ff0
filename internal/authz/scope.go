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

// UserScope is which users p may see, and which of their memberships: who may
// list them those of the active wholesaler, everybody else his own.
func (p Principal) UserScope() Scope {
	if !p.keyReaches(p.tenant) {
		return Scope{}
	}
	return p.scopeOf(ReadUsers, p.SelfScope())
}

// SupplierScope is which suppliers p may administer.
func (p Principal) SupplierScope() Scope { return p.scopeOf(ReadSuppliers, Scope{}) }

// LogScope is which events p may read in the log.
func (p Principal) LogScope() Scope { return p.scopeOf(ReadLog, Scope{}) }

// KeyScope is which API keys p may see: his own, also as a super_admin.
func (p Principal) KeyScope() Scope { return p.SelfScope() }

// SelfScope is p's own user and nobody else's.
func (p Principal) SelfScope() Scope {
	if p.user.ID == "" {
		return Scope{}
	}
	return Scope{owner: p.user.ID}
}

// MySupplierScope is the suppliers in which p has authority: the active
// wholesaler alone when one is named. Whoever has it in all of them sees also
// those that are not active, in which he has none; the caller leaves them out.
func (p Principal) MySupplierScope() Scope {
	switch {
	case !p.Known() || !p.HasAuthority() && p.tenant != "":
		return Scope{}
	case p.IsSuperAdmin() || p.isGlobal():
		return p.narrow()
	case p.tenant != "":
		return Scope{tenants: []events.TenantID{p.tenant}}
	default:
		return Scope{tenants: p.suppliers()}
	}
}

// scopeOf is what one sees who holds x, and otherwise what is left to him.
func (p Principal) scopeOf(x Permission, otherwise Scope) Scope {
	if _, err := p.Allow(x); err != nil {
		return otherwise
	}
	return p.narrow()
}

// narrow is what one who may see all of it sees in the active wholesaler,
// through his key.
func (p Principal) narrow() Scope {
	switch {
	case p.tenant != "" && p.keyReaches(p.tenant):
		return Scope{tenants: []events.TenantID{p.tenant}}
	case p.tenant != "":
		return Scope{}
	case p.Confined():
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
