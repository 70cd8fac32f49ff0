// Package authz says who asks, what they may do, and what they may see. It is
// pure: it never does I/O, and it never asks for a fact that it was not given.
package authz

import (
	"slices"
	"time"

	"tenure/internal/events"
)

// Status is how far a user's account has come.
type Status string

// The statuses of a user.
const (
	Invited  Status = "invited"
	Active   Status = "active"
	Disabled Status = "disabled"
)

// Fact names where a piece of authority came from, and the version it had
// there. A command states its facts; one that moved before the append means
// that the command is judged again.
type Fact struct {
	Stream  events.Stream
	Version events.Version
}

// UserFacts is what the authentication read model knows of a user.
type UserFacts struct {
	ID     events.UserID
	Email  string
	Role   events.Role
	Status Status
	Source Fact
	// Entries are his memberships, and Links what ties him to suppliers and
	// their customers.
	Entries []Entry
	Links   []Link
	// Suppliers are those that any of these is about, and the one that a
	// request names.
	Suppliers []SupplierFacts
}

// KeyFacts is what the authentication read model knows of an API key.
type KeyFacts struct {
	ID           events.KeyID
	User         events.UserID
	Hash         events.KeyHash     // what was shown, hashed
	Capabilities *[]string          // nil: as the owner
	Tenants      *[]events.TenantID // nil: as the owner
	ExpiresAt    *time.Time         // of the secret that was shown; nil: never
	Source       Fact
}

// Principal is who asks. Only this package makes one. The zero principal is
// nobody and may do nothing.
type Principal struct {
	kind   events.PrincipalKind
	user   UserFacts
	key    *KeyFacts
	system string
	tenant events.TenantID // the active wholesaler; empty: none is named
}

// User is a person who was identified by his identity provider.
func User(u UserFacts) Principal {
	if u.ID == "" || u.Status != Active && u.Status != Invited {
		return Principal{}
	}
	return Principal{kind: events.ByUser, user: u}
}

// Key is a person, or a program of his, who showed an API key. A key that has
// expired, is another user's, or whose owner is disabled is nobody's.
func Key(u UserFacts, k KeyFacts, now time.Time) Principal {
	p := User(u)
	if p.kind == "" || k.User != u.ID || k.ExpiresAt != nil && !now.Before(*k.ExpiresAt) {
		return Principal{}
	}
	p.kind, p.key = events.ByAPIKey, &k
	return p
}

// System is the program itself, acting for the stated reason, which is
// recorded as the actor. It passes every permission and sees everything.
func System(why string) Principal {
	if why == "" {
		return Principal{}
	}
	return Principal{kind: events.BySystem, system: why}
}

// Known tells whether anybody is behind p.
func (p Principal) Known() bool { return p.kind != "" }

// Kind says how p was identified.
func (p Principal) Kind() events.PrincipalKind { return p.kind }

// UserID is who asks; empty for the system.
func (p Principal) UserID() events.UserID { return p.user.ID }

// Email is the address of who asks; empty for the system.
func (p Principal) Email() string { return p.user.Email }

// Role is the user's own role; empty for the system.
func (p Principal) Role() events.Role { return p.user.Role }

// KeyID is the key that was shown; empty when none was.
func (p Principal) KeyID() events.KeyID {
	if p.key == nil {
		return ""
	}
	return p.key.ID
}

// KeyHash is the hash of the key that was shown; empty when none was.
func (p Principal) KeyHash() events.KeyHash {
	if p.key == nil {
		return ""
	}
	return p.key.Hash
}

// Home is the tenant whose streams hold the user, and his keys.
func (p Principal) Home() events.TenantID { return p.user.Source.Stream.Tenant }

// SystemReason is why the system acts; empty for people.
func (p Principal) SystemReason() string { return p.system }

// At is p with t as the active wholesaler, in which his authority counts from
// now on; empty names none.
func (p Principal) At(t events.TenantID) Principal {
	p.tenant = t
	return p
}

// Tenant is the active wholesaler; empty when none is named.
func (p Principal) Tenant() events.TenantID { return p.tenant }

// IsSuperAdmin tells whether p is the system or holds the highest role.
func (p Principal) IsSuperAdmin() bool {
	return p.kind == events.BySystem || p.kind != "" && p.user.Role == events.SuperAdmin
}

// Narrowed tells whether p showed a key that may do less than its owner.
func (p Principal) Narrowed() bool {
	return p.key != nil && (p.key.Capabilities != nil || p.key.Tenants != nil)
}

// Confined tells whether p showed a key that is limited to some suppliers.
func (p Principal) Confined() bool { return p.key != nil && p.key.Tenants != nil }

// Facts are the streams, with their versions, that p's authority in the active
// wholesaler came from.
func (p Principal) Facts() []Fact {
	var facts []Fact
	if p.user.ID != "" {
		facts = append(facts, p.user.Source)
	}
	if p.key != nil {
		facts = append(facts, p.key.Source)
	}
	if p.IsSuperAdmin() {
		return facts
	}
	for _, e := range p.entries() {
		facts = append(facts, e.Source)
	}
	if s, known := p.supplier(p.tenant); known {
		facts = append(facts, s.Source)
	}
	return facts
}

// VersionOf is the version at which p's authority knows a stream, whether it
// gives him anything or not; 0 for one that it does not know.
func (p Principal) VersionOf(s events.Stream) events.Version {
	all := []Fact{p.user.Source}
	if p.key != nil {
		all = append(all, p.key.Source)
	}
	for _, e := range p.user.Entries {
		all = append(all, e.Source)
	}
	for _, l := range p.user.Links {
		all = append(all, l.Source)
	}
	for _, known := range p.user.Suppliers {
		all = append(all, known.Source)
	}
	for _, f := range all {
		if f.Stream == s {
			return f.Version
		}
	}
	return 0
}

// entries are what gives p's owner authority in the active wholesaler, key
// aside; none where the supplier is not active.
func (p Principal) entries() []Entry { return p.entriesIn(p.tenant) }

func (p Principal) entriesIn(t events.TenantID) []Entry {
	if s, known := p.supplier(t); t != "" && !(known && s.Active) {
		return nil
	}
	return gathered(t, p.user.Entries, p.user.Links)
}

func (p Principal) supplier(t events.TenantID) (SupplierFacts, bool) {
	i := slices.IndexFunc(p.user.Suppliers, func(s SupplierFacts) bool { return s.ID == t })
	if i < 0 || t == "" {
		return SupplierFacts{}, false
	}
	return p.user.Suppliers[i], true
}

// everywhere are the places to look for authority anywhere: no supplier, for
// what is global, and all that are known.
func (p Principal) everywhere() []events.TenantID {
	places := []events.TenantID{""}
	for _, s := range p.user.Suppliers {
		places = append(places, s.ID)
	}
	return places
}

// isGlobal tells whether an entry gives p authority in every active supplier.
func (p Principal) isGlobal() bool { return len(gathered("", p.user.Entries, nil)) > 0 }

// HasAuthority tells whether p has any in the active wholesaler, through his
// key.
func (p Principal) HasAuthority() bool {
	return p.keyReaches(p.tenant) && (p.IsSuperAdmin() || len(p.entries()) > 0)
}

// Roles are those that p has in the active wholesaler, the strongest first.
// His own counts only when it is the highest.
func (p Principal) Roles() []events.Role {
	var roles []events.Role
	if !p.HasAuthority() {
		return roles
	}
	if p.IsSuperAdmin() {
		roles = append(roles, events.SuperAdmin)
	}
	for _, e := range p.entries() {
		if !slices.Contains(roles, e.Role) {
			roles = append(roles, e.Role)
		}
	}
	return roles
}

// Capabilities are those that p has in the active wholesaler through his key,
// sorted.
func (p Principal) Capabilities() []string {
	var all []string
	if !p.HasAuthority() {
		return all
	}
	for _, name := range p.owned(p.tenant) {
		if p.keyAllows(name) {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// owned are the capabilities of p's owner in a supplier, his key aside.
func (p Principal) owned(t events.TenantID) []string {
	var all []string
	if p.IsSuperAdmin() {
		all = defaults(events.SuperAdmin)
	}
	for _, e := range p.entriesIn(t) {
		all = append(all, e.capabilities()...)
	}
	return all
}

// Holds tells whether p's owner holds a capability in the active wholesaler,
// his key aside. A super_admin holds any.
func (p Principal) Holds(capability string) bool {
	return p.IsSuperAdmin() || slices.Contains(p.owned(p.tenant), capability)
}

// SeesAllCustomers tells whether p sees every customer and address of the
// active wholesaler, so that no list limits him (api.md, "Customers and
// addresses").
func (p Principal) SeesAllCustomers() bool {
	if p.tenant == "" {
		return p.IsSuperAdmin()
	}
	return slices.ContainsFunc(p.Roles(), func(r events.Role) bool {
		return r == events.SuperAdmin || r == events.SupplierAdmin || r == events.SupplierHelpdesk || r == events.Auditor
	})
}

// MayGive tells whether p, who may give anything at all, may give a capability
// explicitly (api.md, "Granting").
func (p Principal) MayGive(capability string) bool {
	return p.IsSuperAdmin() || grantable(capability)
}

// SeesTenant tells whether p's key lets him into a tenant; empty, what belongs
// to none, is beyond the reach of one that is narrowed to tenants.
func (p Principal) SeesTenant(t events.TenantID) bool {
	return !p.Confined() || t != "" && p.keyReaches(t)
}

// Reaches tells whether p's owner has authority in a supplier that was found
// to be active or not, his key aside.
func (p Principal) Reaches(t events.TenantID, active bool) bool {
	return p.IsSuperAdmin() || active && len(gathered(t, p.user.Entries, p.user.Links)) > 0
}

// MultiTenant tells whether p has authority in two suppliers or more.
func (p Principal) MultiTenant() bool {
	if p.Confined() && len(*p.key.Tenants) < 2 {
		return false
	}
	return p.IsSuperAdmin() || p.isGlobal() || len(p.suppliers()) > 1
}

// suppliers are the active ones that p's entries and links name and his key
// reaches.
func (p Principal) suppliers() []events.TenantID {
	var all []events.TenantID
	for _, s := range p.user.Suppliers {
		if s.Active && p.keyReaches(s.ID) && len(gathered(s.ID, p.user.Entries, p.user.Links)) > 0 {
			all = append(all, s.ID)
		}
	}
	return all
}

// keyAllows tells whether a narrowed key lets its owner's capability through.
func (p Principal) keyAllows(capability string) bool {
	return p.key == nil || p.key.Capabilities == nil || slices.Contains(*p.key.Capabilities, capability)
}

// keyReaches tells whether a narrowed key reaches into a tenant.
func (p Principal) keyReaches(t events.TenantID) bool {
	return t == "" || !p.Confined() || slices.Contains(*p.key.Tenants, t)
}
