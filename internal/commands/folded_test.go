package commands_test

import (
	"maps"
	"slices"
	"strings"
	"time"

	"tenure/internal/authz"
	"tenure/internal/events"
)

// folded is what the events of a world come to: the state, and where each fact
// of it stands in the log, so that principals can be made of it.
type folded struct {
	state
	versions map[events.Stream]events.Version
	homes    map[events.UserID]events.TenantID // those who are deleted too
	keys     map[events.KeyID]events.Stream
	owners   map[events.KeyID]events.UserID // of revoked ones too
}

func newFolded() folded {
	return folded{newState(), map[events.Stream]events.Version{}, map[events.UserID]events.TenantID{}, map[events.KeyID]events.Stream{}, map[events.KeyID]events.UserID{}}
}

func (w folded) apply(e events.Recorded) {
	w.versions[e.Stream] = e.Version
	switch p := e.Payload.(type) {
	case events.SupplierCreated:
		w.Suppliers[p.Supplier] = supplierState{p.Name, p.Slug, p.Active}
	case events.SupplierChanged:
		w.Suppliers[p.Supplier] = supplierState{p.Name, p.Slug, p.Active}
	case events.UserCreated:
		w.homes[p.User] = e.Stream.Tenant
		w.Users[p.User] = userState{
			Email: p.Email, Name: p.Name, Role: p.Role, Supplier: p.Supplier, Status: "invited", Entries: map[events.TenantID]entryState{},
		}
	case events.UserDeleted:
		// What is left of him shows: he is not gone.
		if u := w.Users[p.User]; len(u.Entries) > 0 {
			u.Status = "deleted"
			w.Users[p.User] = u
			return
		}
		delete(w.Users, p.User)
	case events.APIKeyIssued:
		w.keys[p.Key], w.owners[p.Key] = e.Stream, p.User
		w.Keys[p.Key] = keyState{Owner: p.User, Name: p.Name, Capabilities: p.Capabilities, Tenants: p.Tenants}
	case events.APIKeyRotated:
		k := w.Keys[p.Key]
		k.Rotations++
		w.Keys[p.Key] = k
	case events.APIKeyRevoked:
		delete(w.Keys, p.Key)
	default:
		if id, u, ok := w.userAfter(e); ok {
			w.Users[id] = u
		}
	}
}

// userAfter is a user after one more event of his.
func (w folded) userAfter(e events.Recorded) (events.UserID, userState, bool) {
	u, id := userState{}, events.UserID("")
	find := func(of events.UserID) {
		id, u = of, w.Users[of]
		u.Entries = maps.Clone(u.Entries)
	}
	switch p := e.Payload.(type) {
	case events.UserRenamed:
		find(p.User)
		u.Name = p.Name
	case events.UserEmailChanged:
		find(p.User)
		u.Email = p.Email
	case events.UserRoleChanged:
		find(p.User)
		u.Role = p.Role
	case events.UserDefaultRoleChanged:
		find(p.User)
		u.Default = p.Role
	case events.UserActivated:
		find(p.User)
		u.Status = "active"
	case events.UserDisabled:
		find(p.User)
		u.Former, u.Status = u.Status, "disabled"
	case events.UserEnabled:
		find(p.User)
		u.Former, u.Status = "", u.Former
	case events.MembershipSet:
		find(p.User)
		u.Entries[p.Supplier] = entryState{p.Role, joined(p.Capabilities)}
	case events.MembershipRemoved:
		find(p.User)
		delete(u.Entries, p.Supplier)
	}
	return id, u, id != ""
}

// principal is whom the program takes a caller for, as of now.
func (w folded) principal(c caller) authz.Principal {
	if c.system {
		return authz.System("the property").At(c.tenant)
	}
	u, there := w.Users[c.user]
	if !there {
		return authz.Principal{}
	}
	facts := authz.UserFacts{ID: c.user, Email: u.Email, Role: u.Role, Status: authz.Status(u.Status), Source: w.fact(events.UserStream(w.homes[c.user], c.user))}
	named := map[events.TenantID]bool{c.tenant: true}
	for _, scope := range slices.Sorted(maps.Keys(u.Entries)) {
		named[scope] = true
		facts.Entries = append(facts.Entries, authz.Entry{
			Supplier: scope, Role: u.Entries[scope].Role, Capabilities: split(u.Entries[scope].Capabilities),
			Source: w.fact(events.MembershipStream(c.user, scope)),
		})
	}
	for _, t := range slices.Sorted(maps.Keys(named)) {
		if one, there := w.Suppliers[t]; there && u.Role != events.SuperAdmin {
			facts.Suppliers = append(facts.Suppliers, authz.SupplierFacts{ID: t, Active: one.Active, Source: w.fact(events.SupplierStream(t))})
		}
	}
	if c.key == "" {
		return authz.User(facts).At(c.tenant)
	}
	k, live := w.Keys[c.key]
	if !live {
		return authz.Principal{}
	}
	return authz.Key(facts, authz.KeyFacts{
		ID: c.key, User: k.Owner, Capabilities: k.Capabilities, Tenants: k.Tenants, Source: w.fact(w.keys[c.key]),
	}, time.Now()).At(c.tenant)
}

func (w folded) fact(s events.Stream) authz.Fact {
	return authz.Fact{Stream: s, Version: w.versions[s]}
}

func split(capabilities string) []string { return strings.Fields(capabilities) }
