package authz

import (
	"slices"

	"tenure/internal/events"
	"tenure/internal/fault"
)

// Permission names what a caller wants to do. The zero permission is held by
// nobody, so a command that forgot to name one is refused. A super_admin holds
// all that are not about one's own things.
type Permission struct {
	name string
	// roles are those that hold it in the active wholesaler, beside the highest.
	roles []events.Role
	// capability is what holds it in the active wholesaler, where no role does.
	// It is the owner's: a key that is narrowed to others still reads.
	capability string
	// tenant: it is about the things of one supplier, which has to be named and
	// in which the caller has to have authority.
	tenant bool
	// manages is what a key that is narrowed to capabilities needs among them,
	// for it changes something.
	manages string
	// owner: everyone holds it over what is his own, and nobody over what is
	// another's, a super_admin included.
	owner bool
	// platform: it reaches beyond any one tenant, so a key that is narrowed to
	// tenants never holds it.
	platform bool
	// plainKey: a narrowed key never holds it.
	plainKey bool
}

// Who holds what, beside the highest role. They are not to be changed.
var (
	admins = []events.Role{events.SupplierAdmin}
	desks  = []events.Role{events.SupplierAdmin, events.SupplierHelpdesk}
)

// The permissions. What each needs is in one place, here.
var (
	ReadUsers         = Permission{name: "read_users", roles: desks, tenant: true}
	CreateUsers       = Permission{name: "create_users", roles: admins, tenant: true, manages: ManageUsers}
	ChangeUsers       = Permission{name: "change_users", roles: admins, tenant: true, manages: ManageUsers}
	DisableUsers      = Permission{name: "disable_users", roles: admins, tenant: true, manages: ManageUsers}
	DeleteUsers       = Permission{name: "delete_users", tenant: true, manages: ManageUsers, platform: true}
	ReadMemberships   = Permission{name: "read_memberships", roles: admins, tenant: true}
	ManageMemberships = Permission{name: "manage_memberships", roles: admins, tenant: true, manages: ManageUsers}
	ReadSuppliers     = Permission{name: "read_suppliers"}
	CreateSuppliers   = Permission{name: "create_suppliers", manages: ManageSuppliers, platform: true}
	ChangeSuppliers   = Permission{name: "change_suppliers", manages: ManageSuppliers, platform: true}
	ManageOwnKeys     = Permission{name: "manage_own_keys", owner: true, plainKey: true}
	ReadLog           = Permission{name: "read_log", capability: ReadAudit, tenant: true}
	ReadOperations    = Permission{name: "read_operations", platform: true}
)

// Name is the permission's name, as it is recorded with what it allowed.
func (x Permission) Name() string { return x.name }

// Own tells whether x is over one's own things, wherever one is.
func (x Permission) Own() bool { return x.owner }

// Allow is the general check: it says by what right p holds x in the active
// wholesaler, before anything is loaded. It fails with a Denied fault, or with
// Malformed tenant_required where a supplier has to be named. The order of its
// questions is the contract's (api.md, "Order of checks").
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
	}
	if err := p.mayAnywhere(x); err != nil {
		return events.AllowedBy{}, err
	}
	if err := p.isWithin(x); err != nil {
		return events.AllowedBy{}, err
	}
	allowed, ok := p.right(x, p.tenant)
	if !ok {
		return events.AllowedBy{}, x.roleDenied()
	}
	return allowed, nil
}

// mayAnywhere tells whether there is any place where p might hold x.
func (p Principal) mayAnywhere(x Permission) error {
	somewhere := slices.ContainsFunc(p.everywhere(), func(t events.TenantID) bool {
		_, ok := p.right(x, t)
		return ok
	})
	switch {
	case !somewhere:
		return x.roleDenied()
	case x.manages != "" && !p.keyAllows(x.manages):
		return fault.New(fault.Denied, "capability_denied", "This API key lacks the capability for this.")
	case x.platform && p.Confined():
		return fault.New(fault.Denied, "tenant_denied", "This API key is limited to suppliers, and this reaches beyond them.")
	}
	return nil
}

// isWithin tells whether p names a supplier where he has to, and has authority
// in the one that he names. Foreign, inactive and unknown ones are alike.
func (p Principal) isWithin(x Permission) error {
	switch {
	case !p.keyReaches(p.tenant):
		return TenantDenied()
	case !x.tenant || p.IsSuperAdmin():
		return nil
	case p.tenant == "":
		return TenantRequired()
	case !p.HasAuthority():
		return TenantDenied()
	}
	return nil
}

// right is what gives p's owner x in a supplier: the highest role, or the
// strongest entry there that has the role or the capability.
func (p Principal) right(x Permission, t events.TenantID) (events.AllowedBy, bool) {
	allowed := events.AllowedBy{Permission: x.name, Capability: x.manages}
	if p.IsSuperAdmin() {
		allowed.Role = string(events.SuperAdmin)
		return allowed, true
	}
	for _, e := range p.entriesIn(t) {
		byCapability := x.capability != "" && slices.Contains(e.capabilities(), x.capability)
		if byCapability {
			allowed.Capability = x.capability
		}
		if byCapability || slices.Contains(x.roles, e.Role) {
			allowed.Role, allowed.Membership = string(e.Role), e.Source.Stream.ID
			return allowed, x.manages == "" || p.key == nil || p.key.Capabilities == nil || slices.Contains(p.owned(t), x.manages)
		}
	}
	return events.AllowedBy{}, false
}

// AllowOn is the instance check of permissions over one's own things, which
// are refused over another's also to a super_admin. Whether p sees what a
// command is about, where it is not about his own, his scopes tell.
func (p Principal) AllowOn(x Permission, owner events.UserID) error {
	if _, err := p.Allow(x); err != nil {
		return err
	}
	if p.kind != events.BySystem && x.owner && owner != p.user.ID {
		return denied()
	}
	return nil
}

func denied() error {
	return fault.New(fault.Denied, "denied", "You may not do this.")
}

// roleDenied is told to who has no role for x. Clients rely on the text where
// only administrators hold it (api.md, "Fixed texts").
func (x Permission) roleDenied() error {
	text := "User is not an admin."
	if x.capability != "" || slices.Contains(x.roles, events.SupplierHelpdesk) {
		text = "Your role does not allow this."
	}
	return fault.New(fault.Denied, "role_denied", text)
}

// TenantRequired is told to who names no supplier where he has to.
func TenantRequired() error {
	return fault.New(fault.Malformed, "tenant_required", "This needs the tenant header.")
}

// TenantDenied is told to who names a supplier in which he has no authority,
// whether there is one or not.
func TenantDenied() error {
	return fault.New(fault.Denied, "tenant_denied", "You have no authority in this supplier.")
}
