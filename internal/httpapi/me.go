package httpapi

import (
	"context"
	"net/http"

	"tenure/internal/authz"
	"tenure/internal/events"
	"tenure/internal/fault"
	"tenure/internal/projections"
)

type meBody struct {
	UserBody
	UserDetail
	Addresses     []addressInfo    `json:"addresses"`
	Tenant        *events.TenantID `json:"tenant_id"`
	EffectiveRole *events.Role     `json:"effective_role"`
	Capabilities  []string         `json:"capabilities"`
}

type meAnswer struct{ Body meBody }

// routeMe offers the caller to himself.
func (s *Server) routeMe(a *api) {
	op := operations(s.Prefix, "me")
	route(a, known(), readsFrom(op("get-me", http.MethodGet, "/me", "Who is calling"), projections.Users.Name), s.getMe)
	route(a, known(), readsFrom(op("get-user-me", http.MethodGet, "/users/me", "Who is calling"), projections.Users.Name), s.getMe)
}

// getMe shows the caller. That there is one is known by now, so a read model
// that does not show him is behind.
func (s *Server) getMe(ctx context.Context, by caller, _ *nothing) (*meAnswer, error) {
	u, err := s.Users.Get(ctx, by.SelfScope(), by.UserID())
	if err != nil {
		return nil, orMissing(err, behind())
	}
	who, err := s.peopleOf(ctx, u.CreatedBy, u.UpdatedBy)
	if err != nil {
		return nil, err
	}
	detail := showUserDetail(u, who)
	return &meAnswer{meBody{
		UserBody: detail.UserBody, UserDetail: detail.UserDetail, Addresses: []addressInfo{}, Capabilities: []string{},
		Tenant: textOrNull(by.tenant), EffectiveRole: by.effectiveRole(),
	}}, nil
}

// effectiveRole is the strongest role that gives authority where the request
// is. A user's own does so only when it is the highest.
func (c caller) effectiveRole() *events.Role {
	if !c.IsSuperAdmin() || c.holds(authz.ReadUsers) != nil {
		return nil
	}
	role := c.Role()
	return &role
}

func behind() *fault.Fault {
	f := unavailable()
	f.Code, f.Text = "projection_behind", "What was written is not shown yet. Try again in a moment."
	return f
}
