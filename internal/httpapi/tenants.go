package httpapi

import (
	"context"
	"net/http"

	"tenure/internal/events"
	"tenure/internal/projections"
)

type tenantBody struct {
	ID   *events.TenantID `json:"tenant_id"`
	Name *string          `json:"name"`
	Slug *string          `json:"slug"`
}

type tenantAnswer struct{ Body tenantBody }

// routeTenants offers the supplier that a request names.
func (s *Server) routeTenants(a *api) {
	op := operations(s.Prefix, "me")
	route(a, known(), readsFrom(op("get-my-tenant", http.MethodGet, "/tenants/me", "The supplier that the request names"), projections.Suppliers.Name), s.getTenant)
}

// getTenant echoes the id, and tells what is the caller's to know of it.
func (s *Server) getTenant(ctx context.Context, by caller, _ *nothing) (*tenantAnswer, error) {
	id := by.Tenant()
	if id == "" {
		return &tenantAnswer{}, nil
	}
	body := tenantBody{ID: &id}
	supplier, err := s.Suppliers.Get(ctx, by.MySupplierScope(), id)
	switch {
	case err == nil:
		body.Name, body.Slug = &supplier.Name, &supplier.Slug
	case !missing(err):
		return nil, err
	}
	return &tenantAnswer{body}, nil
}
