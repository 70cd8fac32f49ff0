package commands_test

import (
	"fmt"
	"slices"

	"tenure/internal/events"
)

// auditor looks at what was appended, one event after the other, and asks of
// each whether whoever did it could grant it. It knows nothing of commands and
// of the order of checks: only who is what, and what gives whom which right.
type auditor struct {
	before folded // as it stood when the command was appended
	by     authority
	made   map[events.UserID]events.TenantID // by this command, and for which supplier
}

// audit says what is wrong with the events of one command.
func audit(before folded, by caller, appended []events.Recorded) []string {
	a := auditor{before: before, by: before.authorityOf(by), made: map[events.UserID]events.TenantID{}}
	var wrong []string
	for _, e := range appended {
		if why := a.against(e.Payload); why != "" {
			wrong = append(wrong, fmt.Sprintf("%s at %d: %s", e.Type, e.Position, why))
		}
	}
	return wrong
}

// against is why whoever did it could not; empty when he could.
func (a auditor) against(happened events.Payload) string {
	switch {
	case !a.by.known:
		return "by one who may not enter"
	case a.by.system:
		return ""
	}
	switch p := happened.(type) {
	case events.SupplierCreated, events.SupplierChanged:
		return orNothing(a.by.maySuper() && a.by.keyPasses("manage_suppliers"), "suppliers are super_admin's")
	case events.UserCreated:
		a.made[p.User] = p.Supplier
		if p.Role == events.SuperAdmin {
			return a.highest()
		}
		return orNothing(p.Supplier == "" && a.superWith("manage_users") || a.admin(p.Supplier), "a user for whom he is nobody")
	case events.UserRoleChanged:
		if p.Role == events.SuperAdmin || a.before.Users[p.User].Role == events.SuperAdmin {
			return a.highest()
		}
		if p.User == a.by.user {
			return "his own role"
		}
		return a.whole(p.User)
	case events.UserRenamed:
		return a.whole(p.User)
	case events.UserDefaultRoleChanged:
		if p.Role == events.SuperAdmin {
			return "an entry would give super_admin"
		}
		return a.whole(p.User)
	case events.UserActivated:
		return a.whole(p.User)
	case events.UserEnabled:
		return a.whole(p.User)
	case events.UserDisabled:
		if p.User == a.by.user {
			return "himself"
		}
		return a.whole(p.User)
	case events.UserEmailChanged:
		return orNothing(a.superWith("manage_users") && a.mayTouch(p.User), "e-mails are super_admin's")
	case events.UserDeleted:
		return orNothing(p.User != a.by.user && a.by.maySuper() && a.by.keyPasses("manage_users"), "deleting is super_admin's")
	case events.MembershipSet:
		return a.granted(p)
	case events.MembershipRemoved:
		return a.entry(p.User, p.Supplier)
	case events.APIKeyIssued:
		return a.narrowed(p)
	case events.APIKeyRotated:
		return orNothing(p.User == a.by.user && !a.by.narrow, "another's key")
	case events.APIKeyRevoked:
		// A key ends with its owner too.
		return orNothing(p.User == a.by.user && !a.by.narrow || a.by.maySuper(), "another's key")
	default:
		return "nothing is known of this"
	}
}

func orNothing(right bool, why string) string {
	if right {
		return ""
	}
	return why
}

func (a auditor) superWith(capability string) bool { return a.by.super && a.by.keyPasses(capability) }

// admin: of a supplier is who has the role there or everywhere, while it is
// active, through his key.
func (a auditor) admin(t events.TenantID) bool {
	return t != "" && a.by.keyReaches(t) && a.by.administers(t)
}

func (a auditor) highest() string {
	return orNothing(a.by.maySuper() && a.by.keyPasses("manage_users"), "only a super_admin makes or changes one")
}

func (a auditor) mayTouch(id events.UserID) bool {
	return a.before.Users[id].Role != events.SuperAdmin || a.by.maySuper()
}

// whole tells whether all of a user is the caller's: he is super_admin, or
// admin of the user's supplier and the user is nowhere else.
func (a auditor) whole(id events.UserID) string {
	home, isNew := a.made[id]
	if !isNew {
		home = a.before.Users[id].Supplier
	}
	for scope := range a.before.Users[id].Entries {
		if scope != home && !a.by.super {
			return "he is elsewhere too"
		}
	}
	return orNothing(a.mayTouch(id) && (a.superWith("manage_users") || a.admin(home)), "he is not theirs")
}

// entry tells whether a user's entry in a scope is the caller's.
func (a auditor) entry(id events.UserID, scope events.TenantID) string {
	switch {
	case !a.mayTouch(id):
		return "an entry of a super_admin"
	case id == a.by.user && !a.by.super:
		return "his own entry"
	}
	return orNothing(a.superWith("manage_users") && a.by.keyReaches(scope) || a.admin(scope), "a scope that is not theirs")
}

func (a auditor) granted(p events.MembershipSet) string {
	if p.Role == events.SuperAdmin {
		return "an entry gives super_admin"
	}
	was := a.before.Users[p.User].Entries[p.Supplier].Capabilities
	for _, name := range p.Capabilities {
		if !a.by.super && !anybodyGives(name) && !among(was, name) {
			return "a capability that only super_admin gives: " + name
		}
	}
	return a.entry(p.User, p.Supplier)
}

// narrowed tells whether a key is its owner's and gives nothing that he lacks.
func (a auditor) narrowed(p events.APIKeyIssued) string {
	switch {
	case p.User != a.by.user || a.by.narrow:
		return "a key for another, or by a narrowed one"
	case a.by.super:
		return ""
	case p.Tenants != nil && slices.ContainsFunc(*p.Tenants, func(t events.TenantID) bool { return len(a.by.in(t)) == 0 }):
		return "a supplier that he lacks"
	case p.Capabilities != nil && slices.ContainsFunc(*p.Capabilities, func(c string) bool { return !a.by.has(c, a.by.tenant) }):
		return "a capability that he lacks"
	}
	return ""
}
