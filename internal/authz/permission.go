package authz

import (
	"tenure/internal/events"
	"tenure/internal/fault"
)

// Permission names what a caller wants to do. The zero permission is held by
// nobody, so a command that forgot to name one is refused.
type Permission struct {
	name string
	// owner: everyone holds it over what is his own, and nobody over what is
	// another's, a super_admin included.
	owner bool
	// command: it changes something, so a key that is narrowed to capabilities
	// needs this one among them.
	capability string
	// platform: it reaches beyond any one tenant, so a key that is narrowed to
	// tenants never holds it.
	platform bool
	// plainKey: a narrowed key never holds it.
	plainKey bool
}

// The permissions. What each needs is in one place, here.
var (
	ReadUsers       = Permission{name: "read_users"}
	CreateUsers     = Permission{name: "create_users", capability: "manage_users"}
	ChangeUsers     = Permission{name: "change_users", capability: "manage_users"}
	DisableUsers    = Permission{name: "disable_users", capability: "manage_users"}
	DeleteUsers     = Permission{name: "delete_users", capability: "manage_users", platform: true}
	ReadSuppliers   = Permission{name: "read_suppliers"}
	CreateSuppliers = Permission{name: "create_suppliers", capability: "manage_suppliers", platform: true}
	ChangeSuppliers = Permission{name: "change_suppliers", capability: "manage_suppliers", platform: true}
	ManageOwnKeys   = Permission{name: "manage_own_keys", owner: true, plainKey: true}
	ReadLog         = Permission{name: "read_log"}
	ReadOperations  = Permission{name: "read_operations", platform: true}
)

// Name is the permission's name, as it is recorded with what it allowed.
func (x Permission) Name() string { return x.name }

// Allow is the general check: it says by what right p holds x at all, before
// anything is loaded, or fails with a Denied fault.
func (p Principal) Allow(x Permission) (events.AllowedBy, error) {
	switch {
	case !p.Known() || x.name == "":
		return events.AllowedBy{}, denied()
	case p.kind == events.BySystem:
		return events.AllowedBy{Permission: x.name}, nil
	case x.plainKey && p.Narrowed():
		return events.AllowedBy{}, fault.New(fault.Denied, "key_narrowed", "A narrowed API key does not reach API keys.")
	case x.owner:
		return events.AllowedBy{Permission: x.name, Role: string(p.user.Role)}, nil
	case p.user.Role != events.SuperAdmin:
		return events.AllowedBy{}, fault.New(fault.Denied, "role_denied", "User is not an admin.")
	case x.platform && p.key != nil && p.key.Tenants != nil:
		return events.AllowedBy{}, fault.New(fault.Denied, "tenant_denied", "This API key is limited to tenants, and this reaches beyond them.")
	case x.capability != "" && !p.keyAllows(x.capability):
		return events.AllowedBy{}, fault.New(fault.Denied, "capability_denied", "This API key lacks the capability for this.")
	}
	return events.AllowedBy{Permission: x.name, Role: string(p.user.Role), Capability: x.capability}, nil
}

// AllowOn is the instance check: it says whether p, who holds x in general,
// holds it over what owner has in tenant. A thing that is another's is refused
// for permissions over one's own, also to a super_admin.
func (p Principal) AllowOn(x Permission, tenant events.TenantID, owner events.UserID) error {
	if _, err := p.Allow(x); err != nil {
		return err
	}
	switch {
	case p.kind == events.BySystem:
		return nil
	case x.owner && owner != p.user.ID:
		return denied()
	case !p.keyReaches(tenant) && !x.owner:
		return fault.New(fault.Denied, "tenant_denied", "This API key is limited to other tenants.")
	}
	return nil
}

func denied() error {
	return fault.New(fault.Denied, "denied", "You may not do this.")
}
