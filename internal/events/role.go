package events

import "strings"

// Role is what a user is in the system, as it is stored and answered.
type Role string

// The roles, strongest first (api.md, "Roles and authority").
const (
	SuperAdmin       Role = "super_admin"
	SupplierAdmin    Role = "supplier_admin"
	SupplierHelpdesk Role = "supplier_helpdesk"
	AgentAdmin       Role = "agent_admin"
	Agent            Role = "agent"
	Reseller         Role = "reseller"
	Viewer           Role = "viewer"
	Auditor          Role = "auditor"
)

// Roles lists the roles, strongest first.
func Roles() []Role {
	return []Role{SuperAdmin, SupplierAdmin, SupplierHelpdesk, AgentAdmin, Agent, Reseller, Viewer, Auditor}
}

// ParseRole reads a role in any case and under any of the names that the two
// former systems used. It returns false for what is none.
func ParseRole(s string) (Role, bool) {
	switch r := Role(strings.ToLower(s)); r {
	case SuperAdmin, SupplierAdmin, SupplierHelpdesk, AgentAdmin, Agent, Reseller, Viewer, Auditor:
		return r, true
	case "admin":
		return SuperAdmin, true
	case "standard":
		return Viewer, true
	case "wholesale_admin", "wholesaler_admin":
		return SupplierAdmin, true
	case "wholesaler_helpdesk":
		return SupplierHelpdesk, true
	default:
		return "", false
	}
}
