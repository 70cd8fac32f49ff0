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

// IsSuperAdmin tells whether p is the system or holds the highest role.
func (p Principal) IsSuperAdmin() bool {
	return p.kind == events.BySystem || p.kind != "" && p.user.Role == events.SuperAdmin
}

// Narrowed tells whether p showed a key that may do less than its owner.
func (p Principal) Narrowed() bool {
	return p.key != nil && (p.key.Capabilities != nil || p.key.Tenants != nil)
}

// Facts are the streams, with their versions, that p's authority came from.
func (p Principal) Facts() []Fact {
	var facts []Fact
	if p.user.ID != "" {
		facts = append(facts, p.user.Source)
	}
	if p.key != nil {
		facts = append(facts, p.key.Source)
	}
	return facts
}

// keyAllows tells whether a narrowed key lets its owner's capability through.
func (p Principal) keyAllows(capability string) bool {
	return p.key == nil || p.key.Capabilities == nil || slices.Contains(*p.key.Capabilities, capability)
}

// keyReaches tells whether a narrowed key reaches into a tenant.
func (p Principal) keyReaches(t events.TenantID) bool {
	return p.key == nil || p.key.Tenants == nil || slices.Contains(*p.key.Tenants, t)
}

// Holds tells whether p's owner holds a capability, his key aside. Only a
// super_admin, who has all, holds any until authority from memberships counts.
func (p Principal) Holds(string) bool { return p.IsSuperAdmin() }
