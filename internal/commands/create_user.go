package commands

import (
	"context"

	"tenure/internal/authz"
	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/fault"
)

// CreateUser opens an account. Its role is viewer when none is given.
type CreateUser struct {
	ID    events.UserID
	Email string // as ParseEmail gives it
	Name  string
	Role  events.Role
	// Active skips the invitation: for operators, who know whom they make.
	Active bool
}

// CreateUser carries out c. It fails with Denied; with Conflict email_taken or
// user_exists; or with Invalid scope_required, for a role that is nothing
// without a supplier.
func (h *Handler) CreateUser(ctx context.Context, by authz.Principal, c CreateUser) (Receipt, error) {
	stream := events.UserStream(events.Platform, c.ID)
	if c.Role == "" {
		c.Role = events.Viewer
	}
	return h.record(ctx, by, change{
		needs: authz.CreateUsers,
		load:  func(ctx context.Context, p *past) error { return p.begin(ctx, stream) },
		over:  func(*past) (events.TenantID, events.UserID) { return stream.Tenant, "" },
		decide: func(_ authz.Principal, p *past) (decision, error) {
			happened, err := createUser(foldUser(p.of(stream)), c)
			if err != nil || len(happened) == 0 {
				return decision{}, err
			}
			d := decision{
				writes: []write{{stream, happened}},
				take:   h.emailClaims(c.Email, stream),
				add:    []eventlog.Lookup{userByID(c.ID, stream)},
			}
			return reigning(user{stream: stream}, d), nil
		},
		taken: map[string]*fault.Fault{
			emailClaim: fault.New(fault.Conflict, "email_taken", "There is a user with this e-mail already."),
		},
	})
}

// createUser decides.
func createUser(u user, c CreateUser) ([]events.Payload, error) {
	switch {
	case u.exists || u.deleted:
		return nil, fault.New(fault.Conflict, "user_exists", "There is, or was, a user with this id.")
	case needsScope(c.Role):
		return nil, fault.At("body.role", "scope_required", "This role needs a membership entry, or a customer or supplier link.")
	}
	happened := []events.Payload{events.UserCreated{User: c.ID, Email: c.Email, Name: c.Name, Role: c.Role}}
	if c.Active {
		happened = append(happened, events.UserActivated{User: c.ID})
	}
	return happened, nil
}

// needsScope tells whether a role means something only within a supplier.
func needsScope(r events.Role) bool {
	switch r {
	case events.SuperAdmin, events.Viewer, events.Auditor:
		return false
	case events.SupplierAdmin, events.SupplierHelpdesk, events.AgentAdmin, events.Agent, events.Reseller:
		return true
	default:
		return true
	}
}
