package authz

import (
	"slices"

	"tenure/internal/events"
)

// The capabilities that the house itself asks for. Others are the clients'
// words, and are kept and handed back as they are.
const (
	ReadAudit       = "read_audit"
	ManageUsers     = "manage_users"
	ManageResellers = "manage_resellers"
	ManageSuppliers = "manage_suppliers"
)

// defaults are the capabilities that a role has without naming any (api.md,
// "Capabilities"; reference 2.4).
func defaults(r events.Role) []string {
	switch r {
	case events.SuperAdmin:
		return []string{
			ManageSuppliers, ManageResellers, "manage_agents", "manage_configs", ManageUsers,
			"place_orders", ReadAudit, "support_read", "view_data", "view_orders",
		}
	case events.SupplierAdmin:
		return []string{ManageResellers, "manage_agents", "manage_configs", ManageUsers, ReadAudit, "view_data", "view_orders"}
	case events.SupplierHelpdesk:
		return []string{"support_read", "view_orders"}
	case events.AgentAdmin, events.Agent, events.Reseller:
		return []string{"place_orders", "view_orders"}
	case events.Viewer:
		return []string{"view_data", "view_orders"}
	case events.Auditor:
		return []string{ReadAudit}
	default:
		return nil
	}
}

// grantable tells whether some role but the highest has a capability by
// default: only such may be given explicitly by anyone but a super_admin.
func grantable(capability string) bool {
	return slices.ContainsFunc(events.Roles(), func(r events.Role) bool {
		return r != events.SuperAdmin && slices.Contains(defaults(r), capability)
	})
}
