package commands_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"tenure/internal/commands"
	"tenure/internal/events"
)

// judge says what the contract says of a command, by an authority and a state.
func (s state) judge(a authority, command any) verdict {
	v := s.verdictOn(a, command)
	v.idle = v.ok() && reflect.DeepEqual(v.after, s)
	return v
}

func (s state) verdictOn(a authority, command any) verdict {
	switch c := command.(type) {
	case commands.CreateSupplier:
		return s.createSupplier(a, c)
	case commands.ChangeSupplier:
		return s.changeSupplier(a, c)
	case commands.CreateUser:
		return s.createUser(a, c)
	case commands.ChangeUser:
		return s.changeUser(a, c)
	case commands.DisableUser:
		return s.disableUser(a, c.ID)
	case commands.EnableUser:
		return s.enableUser(a, c.ID)
	case commands.DeleteUser:
		return s.deleteUser(a, c.ID)
	case commands.SetMembership:
		return s.setMembership(a, c)
	case commands.RemoveMembership:
		return s.removeMembership(a, c)
	case commands.ReplaceMemberships:
		return s.replaceMemberships(a, c)
	case commands.IssueAPIKey:
		return s.issueKey(a, c)
	case commands.RotateAPIKey:
		return s.overKey(a, c.ID, func(after state, k keyState) {
			k.Rotations++
			after.Keys[c.ID] = k
		})
	case commands.RevokeAPIKey:
		return s.overKey(a, c.ID, func(after state, _ keyState) { delete(after.Keys, c.ID) })
	case commands.RevokeAPIKeyNamed:
		return s.revokeNamed(a, c)
	default:
		panic(fmt.Sprintf("the model does not know %T", command))
	}
}

var (
	writesSuppliers = need{superAdmin: true, platform: true, capability: "manage_suppliers"}
	writesUsers     = need{tenant: true, capability: "manage_users"}
	deletesUsers    = need{superAdmin: true, tenant: true, platform: true, capability: "manage_users"}
)

func (s state) slugHeld(slug string, by events.TenantID) bool {
	for id, one := range s.Suppliers {
		if one.Slug == slug && id != by {
			return true
		}
	}
	return false
}

func slugOf(name string) string { return strings.ReplaceAll(name, " ", "-") }

func (s state) createSupplier(a authority, c commands.CreateSupplier) verdict {
	if against := s.against(a, writesSuppliers); against != nil {
		return refuse(against...)
	}
	one := supplierState{c.Details.Name, c.Details.Slug, c.Details.Active}
	if one.Slug == "" {
		one.Slug = slugOf(one.Name)
	}
	after := s.clone()
	after.Suppliers[c.ID] = one
	var f findings
	when(&f.state, s.slugHeld(one.Slug, c.ID), slugTaken)
	return f.verdict(after)
}

func (s state) changeSupplier(a authority, c commands.ChangeSupplier) verdict {
	if against := s.against(a, writesSuppliers); against != nil {
		return refuse(against...)
	}
	one, there := s.Suppliers[c.ID]
	if c.Name != nil {
		one.Name = *c.Name
	}
	if c.Slug != nil {
		one.Slug = *c.Slug
	}
	if c.Active != nil {
		one.Active = *c.Active
	}
	if one.Slug == "" {
		one.Slug = slugOf(one.Name)
	}
	after := s.clone()
	after.Suppliers[c.ID] = one
	var f findings
	when(&f.missing, !there || a.tenant != "" && a.tenant != c.ID, notFound)
	when(&f.state, s.slugHeld(one.Slug, c.ID), slugTaken)
	return f.verdict(after)
}

func (s state) emailHeld(email string, by events.UserID) bool {
	for id, u := range s.Users {
		if u.Email == email && id != by {
			return true
		}
	}
	return false
}

// roleFor is what a new user is: what was given, else the default role, the
// first entry's, viewer.
func roleFor(c commands.CreateUser) events.Role {
	candidates := []events.Role{c.Role}
	if doc := c.Memberships; doc != nil {
		if doc.DefaultRole != nil {
			candidates = append(candidates, *doc.DefaultRole)
		}
		if len(doc.Entries) > 0 {
			candidates = append(candidates, doc.Entries[0].Role)
		}
	}
	for _, role := range candidates {
		if role != "" {
			return role
		}
	}
	return events.Viewer
}

func (s state) createUser(a authority, c commands.CreateUser) verdict {
	if against := s.against(a, writesUsers); against != nil {
		return refuse(against...)
	}
	u := userState{Email: c.Email, Name: c.Name, Role: roleFor(c), Status: "invited", Entries: map[events.TenantID]entryState{}}
	if !a.super {
		u.Supplier = a.tenant
	}
	if c.Active {
		u.Status = "active"
	}
	var f findings
	when(&f.denied, c.Role == events.SuperAdmin && !a.maySuper(), notAllowed)
	none := c.Memberships == nil || len(c.Memberships.Entries) == 0
	when(&f.denied, none && a.super && a.tenants != nil, tenantDenied)
	wantsScope := !slices.Contains([]events.Role{events.SuperAdmin, events.Viewer, events.Auditor}, u.Role)
	when(&f.shape, none && wantsScope, scopeRequired)
	s.document(a, c.ID, &u, c.Memberships, &f)
	when(&f.state, s.emailHeld(c.Email, c.ID), emailTaken)
	after := s.clone()
	after.Users[c.ID] = u
	return f.verdict(after)
}

func (s state) changeUser(a authority, c commands.ChangeUser) verdict {
	if against := s.against(a, writesUsers); against != nil {
		return refuse(against...)
	}
	var f findings
	u := s.found(a, c.ID, &f)
	shared := !a.owns(u)
	if c.Email != nil && *c.Email != u.Email {
		when(&f.denied, !a.super, notAllowed)
		when(&f.state, s.emailHeld(*c.Email, c.ID), emailTaken)
		u.Email = *c.Email
	}
	if c.Name != nil && *c.Name != u.Name {
		when(&f.denied, shared, notYours)
		u.Name = *c.Name
	}
	if c.Role != nil && *c.Role != u.Role {
		when(&f.denied, shared, notYours)
		when(&f.denied, a.user == c.ID, notAllowed)
		when(&f.denied, *c.Role == events.SuperAdmin && !a.maySuper(), notAllowed)
		u.Role = *c.Role
	}
	s.document(a, c.ID, &u, c.Memberships, &f)
	after := s.clone()
	after.Users[c.ID] = u
	when(&f.state, s.losesLast(after), lastOne)
	return f.verdict(after)
}

// losesLast tells whether there was an active super_admin, and then is none.
func (s state) losesLast(after state) bool {
	return s.activeSuperAdmins() > 0 && after.activeSuperAdmins() == 0
}

// document is what a document of memberships does to a user.
func (s state) document(a authority, id events.UserID, u *userState, doc *commands.Document, f *findings) {
	if doc == nil {
		return
	}
	own := a.user == id && !a.super
	if doc.DefaultRole != nil && *doc.DefaultRole != u.Default {
		when(&f.denied, own, notAllowed)
		when(&f.denied, !a.owns(*u), notYours)
		when(&f.shape, *doc.DefaultRole == events.SuperAdmin, notAcceptable)
		u.Default = *doc.DefaultRole
	}
	if doc.Entries == nil {
		return
	}
	when(&f.denied, own, notAllowed)
	after := map[events.TenantID]entryState{}
	for scope, e := range u.Entries {
		if !a.reaches(scope) {
			after[scope] = e
		}
	}
	for i, e := range doc.Entries {
		when(&f.shape, slices.ContainsFunc(doc.Entries[:i], func(o commands.Entry) bool { return o.Supplier == e.Supplier }), twice)
		when(&f.denied, !a.reaches(e.Supplier), notAllowed)
		after[e.Supplier] = s.entry(a, *u, e, f)
	}
	u.Entries = after
}

// entry is what one entry comes to in a user's scope.
func (s state) entry(a authority, u userState, e commands.Entry, f *findings) entryState {
	before, had := u.Entries[e.Supplier]
	when(&f.shape, e.Role == events.SuperAdmin, notAcceptable)
	if e.Role == "" {
		e.Role = u.Default
	}
	if e.Role == "" {
		e.Role = u.Role
	}
	when(&f.state, e.Role == events.SuperAdmin, notAcceptable)
	for _, name := range e.Capabilities {
		when(&f.denied, !a.super && !anybodyGives(name) && !among(before.Capabilities, name), notAllowed)
	}
	one := entryState{e.Role, joined(e.Capabilities)}
	when(&f.state, e.Supplier != "" && !s.Suppliers[e.Supplier].Active && !(had && one == before), unknownThere)
	return one
}

func (s state) disableUser(a authority, id events.UserID) verdict {
	return s.standing(a, id, func(u *userState, f *findings) {
		when(&f.denied, a.user == id, notAllowed)
		if u.Status != "disabled" {
			u.Former, u.Status = u.Status, "disabled"
		}
	})
}

func (s state) enableUser(a authority, id events.UserID) verdict {
	return s.standing(a, id, func(u *userState, _ *findings) {
		if u.Status == "disabled" {
			u.Former, u.Status = "", u.Former
		}
	})
}

func (s state) standing(a authority, id events.UserID, change func(*userState, *findings)) verdict {
	if against := s.against(a, writesUsers); against != nil {
		return refuse(against...)
	}
	var f findings
	u := s.found(a, id, &f)
	when(&f.denied, !a.owns(u), notYours)
	change(&u, &f)
	after := s.clone()
	after.Users[id] = u
	when(&f.state, s.losesLast(after), lastOne)
	return f.verdict(after)
}

func (s state) deleteUser(a authority, id events.UserID) verdict {
	if against := s.against(a, deletesUsers); against != nil {
		return refuse(against...)
	}
	var f findings
	s.found(a, id, &f)
	when(&f.denied, a.user == id, notAllowed)
	after := s.clone()
	delete(after.Users, id)
	for key, k := range s.Keys {
		if k.Owner == id {
			delete(after.Keys, key)
		}
	}
	when(&f.state, s.losesLast(after), lastOne)
	return f.verdict(after)
}

func (s state) setMembership(a authority, c commands.SetMembership) verdict {
	if against := s.against(a, writesUsers); against != nil {
		return refuse(against...)
	}
	var f findings
	u := s.found(a, c.User, &f)
	scope := c.Entry.Supplier
	when(&f.missing, scope != "" && (!a.reaches(scope) || !s.Suppliers[scope].Active), notFound)
	when(&f.denied, scope == "" && !a.reaches(scope), notAllowed)
	when(&f.denied, a.user == c.User && !a.super, notAllowed)
	one := s.entry(a, u, c.Entry, &f)
	if u.Entries != nil {
		u.Entries[scope] = one
	}
	after := s.clone()
	after.Users[c.User] = u
	return f.verdict(after)
}

func (s state) removeMembership(a authority, c commands.RemoveMembership) verdict {
	if against := s.against(a, writesUsers); against != nil {
		return refuse(against...)
	}
	var f findings
	u := s.found(a, c.User, &f)
	_, had := u.Entries[c.Supplier]
	when(&f.missing, !had || c.Supplier != "" && !a.reaches(c.Supplier), notFound)
	if c.Supplier == "" && !a.reaches("") {
		// Whether there is one is not his to know; that he may not, he may be told.
		when(&f.missing, true, notAllowed)
	}
	when(&f.denied, a.user == c.User && !a.super, notAllowed)
	delete(u.Entries, c.Supplier)
	after := s.clone()
	after.Users[c.User] = u
	return f.verdict(after)
}

func (s state) replaceMemberships(a authority, c commands.ReplaceMemberships) verdict {
	if against := s.against(a, writesUsers); against != nil {
		return refuse(against...)
	}
	var f findings
	u := s.found(a, c.User, &f)
	s.document(a, c.User, &u, &c.Document, &f)
	after := s.clone()
	after.Users[c.User] = u
	return f.verdict(after)
}

// ownsKeysOf refuses whoever is not the owner, a super_admin too, and every key
// that may do less than its owner.
func (a authority) ownsKeysOf(owner events.UserID) bool {
	return a.known && !a.narrow && (a.system || a.user == owner)
}

// againstOwner is what is said to who asks for the keys of a user. The routes
// name no owner, so it is of no weight whether another is told that he is not
// there or that he is not he.
func (s state) againstOwner(a authority, owner events.UserID) []answer {
	_, there := s.Users[owner]
	switch {
	case !a.known || a.narrow:
		return []answer{notAllowed}
	case !there:
		return []answer{notAllowed, notFound}
	case !a.ownsKeysOf(owner):
		return []answer{notAllowed}
	}
	return nil
}

func (s state) issueKey(a authority, c commands.IssueAPIKey) verdict {
	if against := s.againstOwner(a, c.Owner); against != nil {
		return refuse(against...)
	}
	var f findings
	when(&f.state, s.Users[c.Owner].Status == "disabled", already) // by an operator: it would open nothing
	after := s.clone()
	after.Keys[c.ID] = keyState{Owner: c.Owner, Name: c.Name, Capabilities: c.Capabilities, Tenants: c.Tenants}
	for id, k := range s.Keys {
		if k.Owner == c.Owner && k.Name == c.Name && c.Name == commands.DefaultKey {
			when(&f.state, !c.Replace, already)
			delete(after.Keys, id)
		}
	}
	if c.Capabilities != nil {
		for _, name := range *c.Capabilities {
			when(&f.state, !a.super && !a.has(name, a.tenant), notHeld)
		}
	}
	if c.Tenants != nil {
		for _, t := range *c.Tenants {
			_, there := s.Suppliers[t]
			when(&f.state, !a.super && len(a.in(t)) == 0, notHeld)
			when(&f.state, a.super && !there, unknownThere)
		}
	}
	return f.verdict(after)
}

func (s state) overKey(a authority, id events.KeyID, change func(state, keyState)) verdict {
	k, there := s.Keys[id]
	switch {
	case !a.known || a.narrow:
		return refuse(notAllowed)
	case !there || !a.ownsKeysOf(k.Owner):
		return refuse(notFound)
	}
	after := s.clone()
	change(after, k)
	return verdict{after: after}
}

func (s state) revokeNamed(a authority, c commands.RevokeAPIKeyNamed) verdict {
	if against := s.againstOwner(a, c.Owner); against != nil {
		return refuse(against...)
	}
	after := s.clone()
	for id, k := range s.Keys {
		if k.Owner == c.Owner && k.Name == c.Name {
			delete(after.Keys, id)
		}
	}
	if len(after.Keys) == len(s.Keys) {
		return refuse(notFound)
	}
	return verdict{after: after}
}
