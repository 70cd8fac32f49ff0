package commands

import (
	"context"

	"tenure/internal/authz"
	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/fault"
)

// user is what decisions know of a user.
type user struct {
	stream      events.Stream
	exists      bool // and is not deleted
	id          events.UserID
	email       string
	supplier    events.TenantID // that made him; empty: none
	name        string
	role        events.Role
	defaultRole events.Role // of memberships that name none; empty: role
	authz.Standing
	deleted bool
}

// foldUser is what a user's events come to.
func foldUser(past []events.Recorded) user {
	var u user
	for _, e := range past {
		u.stream = e.Stream
		u = u.apply(e.Payload)
	}
	return u
}

// apply is what a user is after one more event.
func (u user) apply(happened events.Payload) user {
	switch p := happened.(type) {
	case events.UserCreated:
		u.exists, u.id, u.email, u.name, u.role, u.supplier = true, p.User, p.Email, p.Name, p.Role, p.Supplier
		u.Standing = authz.Standing{Status: authz.Invited}
	case events.UserRenamed:
		u.name = p.Name
	case events.UserEmailChanged:
		u.email = p.Email
	case events.UserRoleChanged:
		u.role = p.Role
	case events.UserDefaultRoleChanged:
		u.defaultRole = p.Role
	case events.UserActivated:
		u.Standing = u.Activated()
	case events.UserDisabled:
		u.Standing = u.Disabled()
	case events.UserEnabled:
		u.Standing = u.Enabled()
	case events.UserDeleted:
		u.exists, u.deleted = false, true
	}
	return u
}

// reigns tells whether u counts among the active super_admins.
func (u user) reigns() bool {
	return u.exists && u.role == events.SuperAdmin && u.Status == authz.Active
}

// What is filed, and claimed, of users. The words are in the database and
// therefore permanent.
const emailClaim = "user.email"

func userByID(id events.UserID, s events.Stream) eventlog.Lookup {
	return eventlog.Lookup{Tenant: events.Platform, Kind: "user.by_id", Value: string(id), Stream: s}
}

func activeSuperAdmins(s events.Stream) eventlog.Lookup {
	return eventlog.Lookup{Tenant: events.Platform, Kind: "user.active_super_admins", Stream: s}
}

// emailClaims are the claims on an e-mail, one for each secret in use.
func (h *Handler) emailClaims(email string, s events.Stream) []eventlog.Claim {
	var claims []eventlog.Claim
	for _, digest := range h.Digest(email) {
		claims = append(claims, eventlog.Claim{Tenant: events.Platform, Kind: emailClaim, Value: digest, Stream: s})
	}
	return claims
}

// heldClaims are those of claims that their stream holds: one that was made
// before a secret came into use is not on that secret.
func (h *Handler) heldClaims(ctx context.Context, claims []eventlog.Claim) ([]eventlog.Claim, error) {
	var held []eventlog.Claim
	for _, c := range claims {
		holder, ok, err := eventlog.ReadClaim(ctx, h.Reader, c.Tenant, c.Kind, c.Value)
		if err != nil {
			return nil, err
		}
		if ok && holder == c.Stream {
			held = append(held, c)
		}
	}
	return held, nil
}

// loadUser reads the stream of a user; NotFound when there is none.
func loadUser(ctx context.Context, p *past, id events.UserID) (user, error) {
	streams, err := p.lookUp(ctx, userByID(id, events.Stream{}))
	if err != nil {
		return user{}, err
	}
	if len(streams) == 0 {
		return user{}, userNotFound()
	}
	if err := p.read(ctx, streams[0]); err != nil {
		return user{}, err
	}
	u := foldUser(p.of(streams[0]))
	if !u.exists {
		return user{}, userNotFound()
	}
	return u, nil
}

// seeReign states who the active super_admins are, when u is one of them.
func seeReign(ctx context.Context, p *past, u user) (others int, err error) {
	if !u.reigns() {
		return 0, nil
	}
	all, err := p.count(ctx, activeSuperAdmins(events.Stream{}))
	return all - 1, err
}

func userNotFound() error {
	return fault.New(fault.NotFound, "user_not_found", "User not found")
}

func lastSuperAdmin() error {
	return fault.New(fault.Conflict, "last_super_admin", "The last active super_admin cannot be removed.")
}
