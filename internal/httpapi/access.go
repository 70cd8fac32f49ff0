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

// may lets in who holds x, in the supplier that the request names.
func may(x authz.Permission) access {
	return access{check: func(c caller, _ func(string) string) error { return c.holds(x) }}
}

// own lets in who holds x over what is his own. Whose the thing is, the
// command or the query finds out.
func own(x authz.Permission) access {
	return access{check: func(c caller, _ func(string) string) error {
		_, err := c.Allow(x)
		return err
	}}
}

// selfOr lets in the user whose id the path names, and who holds x. Anybody
// else may come to hold it only in some supplier, so what he lacks is that:
// the supplier when he named none, and authority in it when he did.
func selfOr(x authz.Permission) access {
	return access{check: func(c caller, path func(string) string) error {
		id, ok := canonicalUUID(path("id"))
		switch {
		case ok && events.UserID(id) == c.UserID():
			return nil
		case c.IsSuperAdmin():
			return c.holds(x)
		case c.tenant == "":
			return fault.New(fault.Malformed, "tenant_required", "This needs the tenant header.")
		default:
			return fault.New(fault.Denied, "tenant_denied", "You have no authority in this supplier.")
		}
	}}
}

// holds tells whether c holds x, and in the supplier he named if he named one.
func (c caller) holds(x authz.Permission) error {
	if c.tenant == "" {
		_, err := c.Allow(x)
		return err
	}
	return c.AllowOn(x, c.tenant, "")
}

// permit lets a caller through or says why not.
func (a access) permit(c caller, path func(string) string) error {
	if a.check == nil {
		return fault.New(fault.Denied, "denied", "You may not do this.")
	}
	return a.check(c, path)
}
