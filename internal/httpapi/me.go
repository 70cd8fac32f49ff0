package httpapi

import (
	"context"
	"net/http"
	"slices"

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

type capabilitiesBody struct {
	Tenant       *events.TenantID `json:"tenant_id"`
	Roles        []events.Role    `json:"roles" nullable:"false"`
	Capabilities []string         `json:"capabilities" nullable:"false"`
	Customers    *[]string        `json:"allowed_customers" nullable:"true" doc:"null: no limit."`
	Addresses    *[]string        `json:"allowed_addresses" nullable:"true" doc:"null: no limit."`
	MultiTenant  bool             `json:"multi_tenant" doc:"Authority in two suppliers or more."`
}

type capabilitiesAnswer struct{ Body capabilitiesBody }

// routeMe offers the caller to himself.
func (s *Server) routeMe(a *api) {
	op := operations(s.Prefix, "me")
	shown := []string{projections.Users.Name, projections.Memberships.Name, projections.Suppliers.Name}
	route(a, known(), readsFrom(op("get-me", http.MethodGet, "/me", "Who is calling"), shown...), s.getMe)
	route(a, known(), readsFrom(op("get-user-me", http.MethodGet, "/users/me", "Who is calling"), shown...), s.getMe)
	route(a, known(), readsFrom(op("get-my-capabilities", http.MethodGet, "/me/capabilities", "What the caller may do and see")), s.getCapabilities)
}

// getMe shows the caller. That there is one is known by now, so a read model
// that does not show him is behind.
func (s *Server) getMe(ctx context.Context, by caller, _ *nothing) (*meAnswer, error) {
	u, err := s.Users.Get(ctx, by.SelfScope(), by.UserID())
	if err != nil {
		return nil, orMissing(err, behind())
	}
	detail, err := s.detailOf(ctx, by, by.SelfScope(), u)
	if err != nil {
		return nil, err
	}
	body := meBody{
		UserBody: detail.UserBody, UserDetail: detail.UserDetail, Addresses: []addressInfo{},
		Capabilities: orNone(by.Capabilities()), Tenant: textOrNull(by.Tenant()),
	}
	if roles := by.Roles(); len(roles) > 0 {
		body.EffectiveRole = &roles[0]
	}
	return &meAnswer{body}, nil
}

// getCapabilities tells what the caller may do and see in the active
// wholesaler: nothing in one that is not his.
func (s *Server) getCapabilities(_ context.Context, by caller, _ *nothing) (*capabilitiesAnswer, error) {
	body := capabilitiesBody{
		Tenant: textOrNull(by.Tenant()), Roles: by.Roles(), Capabilities: orNone(by.Capabilities()),
		MultiTenant: by.MultiTenant() && (by.Tenant() == "" || by.HasAuthority()),
	}
	if body.Roles == nil {
		body.Roles = []events.Role{}
	}
	slices.Sort(body.Roles)
	if !by.SeesAllCustomers() {
		// Nobody has a link yet, and no supplier a customer.
		body.Customers, body.Addresses = &[]string{}, &[]string{}
	}
	return &capabilitiesAnswer{body}, nil
}

func behind() *fault.Fault {
	f := unavailable()
	f.Code, f.Text = "projection_behind", "What was written is not shown yet. Try again in a moment."
	return f
}
