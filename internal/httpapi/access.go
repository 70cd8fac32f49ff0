package httpapi

import (
	"tenure/internal/authz"
	"tenure/internal/events"
	"tenure/internal/fault"
)

// access is what a route needs of its caller, checked before anything of the
// request is looked at but its headers. The zero access lets nobody in.
//
// Commands ask again, on the state they change; this one keeps a caller who
// may not from learning what the shape of a request should be.
type access struct {
	open bool // anyone, also nobody
	// check gets the variables of the path as they were sent.
	check func(c caller, path func(name string) string) error
}

// anyone may use the route, known or not.
func anyone() access { return access{open: true} }

// known lets in everybody who is.
func known() access {
	return access{check: func(caller, func(string) string) error { return nil }}
}

// reached lets in everybody who is, unless his key is limited to other
// suppliers than the one that the request names.
func reached() access {
	return access{check: func(c caller, _ func(string) string) error {
		if c.Tenant() != "" && !c.SeesTenant(c.Tenant()) {
			return authz.TenantDenied()
		}
		return nil
	}}
}

// may lets in who holds x, in the supplier that the request names.
func may(x authz.Permission) access {
	return access{check: func(c caller, _ func(string) string) error {
		_, err := c.Allow(x)
		return err
	}}
}

// selfOr lets in the user whose id the path names, and whoever has authority in
// the supplier that the request names: what he may see there decides whether
// he finds anybody.
func selfOr(x authz.Permission) access {
	return access{check: func(c caller, path func(string) string) error {
		id, ok := canonicalUUID(path("id"))
		switch {
		case ok && events.UserID(id) == c.UserID():
			return reached().check(c, path)
		case c.IsSuperAdmin():
			_, err := c.Allow(x)
			return err
		case c.Tenant() == "":
			return authz.TenantRequired()
		case !c.HasAuthority():
			return authz.TenantDenied()
		default:
			return nil
		}
	}}
}

// permit lets a caller through or says why not.
func (a access) permit(c caller, path func(string) string) error {
	if a.check == nil {
		return fault.New(fault.Denied, "denied", "You may not do this.")
	}
	return a.check(c, path)
}
