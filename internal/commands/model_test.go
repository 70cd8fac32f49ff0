package commands_test

import (
	"maps"
	"slices"
	"strings"

	"tenure/internal/events"
	"tenure/internal/fault"
)

// state is what the contract says there is, of one small world. It is told in
// the contract's words and borrows no rule from the program.
type state struct {
	Suppliers map[events.TenantID]supplierState
	Users     map[events.UserID]userState // those that are not deleted
	Keys      map[events.KeyID]keyState   // those that are not revoked
}

type supplierState struct {
	Name, Slug string
	Active     bool
}

type userState struct {
	Email, Name string
	Role        events.Role
	Default     events.Role
	Status      string
	Former      string // the status from before he was disabled
	Supplier    events.TenantID
	Entries     map[events.TenantID]entryState // by supplier; empty: global
}

type entryState struct {
	Role         events.Role
	Capabilities string // the explicit ones, between blanks
}

type keyState struct {
	Owner        events.UserID
	Name         string
	Capabilities *[]string
	Tenants      *[]events.TenantID
	Rotations    int
}

func newState() state {
	return state{map[events.TenantID]supplierState{}, map[events.UserID]userState{}, map[events.KeyID]keyState{}}
}

func (s state) clone() state {
	users := maps.Clone(s.Users)
	for id, u := range users {
		u.Entries = maps.Clone(u.Entries)
		users[id] = u
	}
	return state{maps.Clone(s.Suppliers), users, maps.Clone(s.Keys)}
}

// places are where a user is visible: his supplier and those of his entries. A
// global entry does not count.
func (u userState) places() []events.TenantID {
	var all []events.TenantID
	if u.Supplier != "" {
		all = append(all, u.Supplier)
	}
	for scope := range u.Entries {
		if scope != "" {
			all = append(all, scope)
		}
	}
	return all
}

func (s state) activeSuperAdmins() int {
	n := 0
	for _, u := range s.Users {
		if u.Role == events.SuperAdmin && u.Status == "active" {
			n++
		}
	}
	return n
}

// capabilitiesOf are the defaults by role as the contract has them.
var capabilitiesOf = map[events.Role]string{
	events.SupplierAdmin:    " manage_resellers manage_agents manage_configs view_orders view_data read_audit manage_users ",
	events.SupplierHelpdesk: " support_read view_orders ",
	events.AgentAdmin:       " place_orders view_orders ",
	events.Agent:            " place_orders view_orders ",
	events.Reseller:         " place_orders view_orders ",
	events.Viewer:           " view_orders view_data ",
	events.Auditor:          " read_audit ",
}

func among(list, name string) bool { return strings.Contains(list, " "+name+" ") }

func joined(capabilities []string) string {
	if len(capabilities) == 0 {
		return ""
	}
	return " " + strings.Join(capabilities, " ") + " "
}

// anybodyGives tells whether some role but super_admin has a capability by
// default.
func anybodyGives(name string) bool {
	for _, list := range capabilitiesOf {
		if among(list, name) {
			return true
		}
	}
	return false
}

// caller is who asks: the system, a user, or a user by one of his keys, with an
// active wholesaler or none.
type caller struct {
	system bool
	user   events.UserID
	key    events.KeyID
	tenant events.TenantID
}

// authority is what a caller may do at one moment.
type authority struct {
	caller
	known        bool
	super        bool
	entries      map[events.TenantID]entryState
	active       map[events.TenantID]bool
	narrow       bool      // by a key
	capabilities *[]string // of the key
	tenants      *[]events.TenantID
}

// authorityOf is what a caller may do in this state.
func (s state) authorityOf(c caller) authority {
	a := authority{caller: c, active: map[events.TenantID]bool{}}
	for id, one := range s.Suppliers {
		a.active[id] = one.Active
	}
	if c.system {
		a.known, a.super = true, true
		return a
	}
	u, there := s.Users[c.user]
	if !there || u.Status == "disabled" {
		return a
	}
	a.known, a.super, a.entries = true, u.Role == events.SuperAdmin, maps.Clone(u.Entries)
	if c.key != "" {
		k, live := s.Keys[c.key]
		a.known = live && k.Owner == c.user
		a.capabilities, a.tenants = k.Capabilities, k.Tenants
		a.narrow = k.Capabilities != nil || k.Tenants != nil
	}
	return a
}

// in are the entries that count in a supplier; in none, the global one.
func (a authority) in(t events.TenantID) []entryState {
	if t != "" && !a.active[t] {
		return nil
	}
	var all []entryState
	for scope, e := range a.entries {
		if scope == "" || scope == t {
			all = append(all, e)
		}
	}
	return all
}

func (a authority) has(capability string, t events.TenantID) bool {
	return slices.ContainsFunc(a.in(t), func(e entryState) bool {
		if e.Capabilities != "" {
			return among(e.Capabilities, capability)
		}
		return among(capabilitiesOf[e.Role], capability)
	})
}

func (a authority) administers(t events.TenantID) bool {
	isAdmin := slices.ContainsFunc(a.in(t), func(e entryState) bool { return e.Role == events.SupplierAdmin })
	return isAdmin && a.keyPasses("manage_users") && (a.capabilities == nil || a.has("manage_users", t))
}

func (a authority) keyPasses(capability string) bool {
	return a.capabilities == nil || slices.Contains(*a.capabilities, capability)
}

// keyReaches tells whether the key lets its owner into a supplier. What belongs
// to none is beyond one that is limited to some.
func (a authority) keyReaches(t events.TenantID) bool {
	return a.tenants == nil || slices.Contains(*a.tenants, t)
}

// maySuper: a key that is limited to suppliers leaves what is not of them alone.
func (a authority) maySuper() bool { return a.super && a.tenants == nil }

// reaches tells whether entries of a scope are the caller's to give and take.
func (a authority) reaches(scope events.TenantID) bool {
	if a.super && a.tenant == "" {
		return a.keyReaches(scope)
	}
	return scope != "" && scope == a.tenant
}

// answer is one way to refuse. A code is compared where the contract names one.
type answer struct {
	kind fault.Kind
	code string
}

var (
	notAllowed     = answer{fault.Denied, ""}
	roleDenied     = answer{fault.Denied, "role_denied"}
	tenantDenied   = answer{fault.Denied, "tenant_denied"}
	notYours       = answer{fault.Denied, "not_yours"}
	tenantRequired = answer{fault.Malformed, "tenant_required"}
	notFound       = answer{fault.NotFound, ""}
	notAcceptable  = answer{fault.Invalid, ""}
	unknownThere   = answer{fault.Invalid, "unknown_reference"}
	notHeld        = answer{fault.Invalid, "not_held"}
	twice          = answer{fault.Invalid, "duplicate_scope"}
	scopeRequired  = answer{fault.Invalid, "scope_required"}
	lastOne        = answer{fault.Conflict, "last_super_admin"}
	emailTaken     = answer{fault.Conflict, "email_taken"}
	slugTaken      = answer{fault.Conflict, "slug_taken"}
	already        = answer{fault.Conflict, ""}
)

func (a answer) is(f *fault.Fault) bool {
	return f != nil && f.Kind == a.kind && (a.code == "" || a.code == f.Code)
}

// verdict is what the contract says of a command: the refusals that are right,
// or, when there are none, what is then.
type verdict struct {
	refused []answer
	after   state
	idle    bool // there is nothing to change
}

func (v verdict) ok() bool { return len(v.refused) == 0 }

func (v verdict) refuses(f *fault.Fault) bool {
	return slices.ContainsFunc(v.refused, func(a answer) bool { return a.is(f) })
}

// findings are the reasons against a command in the order of the contract. Of
// those of one stage any may be told. What is wrong with the shape of a body is
// told by whoever reads it, first; what reads the state, where it is found.
type findings struct {
	shape, missing, denied, state []answer
}

func (f *findings) verdict(after state) verdict {
	switch {
	case len(f.missing) > 0:
		return verdict{refused: append(f.missing, f.shape...)}
	case len(f.denied) > 0:
		return verdict{refused: append(f.denied, f.shape...)}
	case len(f.shape)+len(f.state) > 0:
		return verdict{refused: append(f.shape, f.state...)}
	default:
		return verdict{after: after}
	}
}

func when(list *[]answer, is bool, a answer) {
	if is {
		*list = append(*list, a)
	}
}

func refuse(all ...answer) verdict { return verdict{refused: all} }

// need is who may use a route.
type need struct {
	superAdmin bool // alone; else also the supplier_admin there
	tenant     bool // it is about the things of one supplier
	platform   bool // it reaches beyond suppliers
	capability string
}

// against is what is said before anything is looked up, in the contract's order.
func (s state) against(a authority, n need) []answer {
	switch {
	case !a.known:
		return []answer{notAllowed}
	case a.system:
		return nil
	case !a.super:
		return a.againstRole(n)
	}
	_, there := s.Suppliers[a.tenant]
	switch {
	case !a.keyPasses(n.capability), n.platform && a.tenants != nil:
		return []answer{notAllowed}
	case a.tenant != "" && !a.keyReaches(a.tenant):
		return []answer{tenantDenied}
	case a.tenant != "" && !there:
		return []answer{unknownThere}
	}
	return nil
}

func (a authority) againstRole(n need) []answer {
	somewhere := a.administers("")
	for t := range a.active {
		somewhere = somewhere || a.administers(t)
	}
	switch {
	case n.superAdmin:
		return []answer{roleDenied}
	case !somewhere && a.capabilities != nil:
		return []answer{notAllowed}
	case !somewhere:
		return []answer{roleDenied}
	case a.tenant == "":
		return []answer{tenantRequired}
	case len(a.in(a.tenant)) == 0 || !a.keyReaches(a.tenant):
		return []answer{tenantDenied}
	case !a.administers(a.tenant):
		return []answer{notAllowed}
	}
	return nil
}

// sees tells whether a user is there for the caller.
func (a authority) sees(id events.UserID, u userState) bool {
	places := u.places()
	switch {
	case a.user == id:
		return true
	case a.tenant != "":
		return slices.Contains(places, a.tenant)
	default:
		return a.super && (a.tenants == nil || slices.ContainsFunc(places, a.keyReaches))
	}
}

// owns tells whether what counts of a user everywhere is the caller's to change.
func (a authority) owns(u userState) bool {
	for scope := range u.Entries {
		if !a.super && scope != a.tenant {
			return false
		}
	}
	return a.super || u.Supplier == a.tenant
}

// found looks for a user that a path names.
func (s state) found(a authority, id events.UserID, f *findings) userState {
	u, there := s.Users[id]
	when(&f.missing, !there || !a.sees(id, u), notFound)
	when(&f.denied, u.Role == events.SuperAdmin && !a.maySuper(), notAllowed)
	u.Entries = maps.Clone(u.Entries)
	return u
}
