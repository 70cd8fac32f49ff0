package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"tenure/internal/authz"
	"tenure/internal/commands"
	"tenure/internal/events"
	"tenure/internal/fault"
	"tenure/internal/projections"
)

// SupplierPath names a supplier in a path.
type SupplierPath struct {
	ID events.TenantID `path:"id" format:"uuid"`
}

type suppliersInput struct {
	Paging
	IncludeInactive bool `query:"include_inactive" default:"true"`
}

type mySuppliersInput struct{ Paging }

type supplierInput struct{ SupplierPath }

// SupplierTexts are the members that may be null.
type SupplierTexts struct {
	LogoURL      Opt[string] `json:"logo_url,omitzero" maxLength:"2048" pattern:"^(https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?([/?#]([!-$&-~]|%[0-9A-Fa-f]{2})*)?|[A-Za-z0-9._~-]*(/([!-$&-.0-~]|%[0-9A-Fa-f]{2})([!-$&-~]|%[0-9A-Fa-f]{2})*|/|[?#]([!-$&-~]|%[0-9A-Fa-f]{2})*)?)$" patternDescription:"an http or https URL, or a path" example:"https://example.com/logo.png"`
	LegalName    Opt[string] `json:"legal_name,omitzero" maxLength:"255"`
	LegalAddress Opt[string] `json:"legal_address,omitzero" maxLength:"255"`
	LegalDetails Opt[string] `json:"legal_details,omitzero" maxLength:"4000"`
	LegalEmail   Opt[string] `json:"legal_email,omitzero" maxLength:"254"`
	LegalNumber  Opt[string] `json:"legal_number,omitzero" maxLength:"255"`
	TaxID        Opt[string] `json:"tax_id,omitzero" maxLength:"255"`
}

// SupplierPlain are the members that may be absent and not null.
type SupplierPlain struct {
	Slug   *string `json:"slug,omitempty" maxLength:"64" pattern:"^[a-z0-9-]*$" doc:"Empty: derived from the name." example:"dfl-s-r-l"`
	Status *string `json:"status,omitempty" minLength:"1" maxLength:"255"`
	Active *bool   `json:"is_active,omitempty"`
}

type supplierCreateInput struct {
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"255" example:"DFL S.r.l."`
		SupplierPlain
		SupplierTexts
	} `nameHint:"SupplierCreate"`
}

type supplierPatchInput struct {
	SupplierPath
	Body struct {
		Name *string `json:"name,omitempty" minLength:"1" maxLength:"255"`
		SupplierPlain
		SupplierTexts
	} `nameHint:"SupplierPatch"`
}

type supplierBody struct {
	ID           events.TenantID `json:"id" format:"uuid"`
	Name         string          `json:"name"`
	Slug         string          `json:"slug"`
	LogoURL      *string         `json:"logo_url"`
	LegalName    *string         `json:"legal_name"`
	LegalAddress *string         `json:"legal_address"`
	LegalDetails *string         `json:"legal_details"`
	LegalEmail   *string         `json:"legal_email"`
	LegalNumber  *string         `json:"legal_number"`
	TaxID        *string         `json:"tax_id"`
	Status       string          `json:"status"`
	Active       bool            `json:"is_active"`
	CreatedAt    time.Time       `json:"created_at"`
	UpdatedAt    time.Time       `json:"updated_at"`
	Version      events.Version  `json:"version"`
	Projected
}

// routeSuppliers offers the suppliers.
func (s *Server) routeSuppliers(a *api) {
	op := operations(s.Prefix, "suppliers")
	route(a, may(authz.ReadSuppliers), readsFrom(op("list-suppliers", http.MethodGet, "/suppliers", "List suppliers"), projections.Suppliers.Name), s.listSuppliers)
	route(a, may(authz.CreateSuppliers), created(op("create-supplier", http.MethodPost, "/suppliers", "Make a supplier"), http.StatusConflict), s.createSupplier)
	route(a, reached(), readsFrom(op("list-my-suppliers", http.MethodGet, "/suppliers/me", "The suppliers in which the caller has authority"), projections.Suppliers.Name), s.listMySuppliers)
	route(a, may(authz.ReadSuppliers), readsFrom(op("get-supplier", http.MethodGet, "/suppliers/{id}", "One supplier", http.StatusNotFound), projections.Suppliers.Name), s.getSupplier)
	route(a, may(authz.ChangeSuppliers), op("change-supplier", http.MethodPatch, "/suppliers/{id}", "Change a supplier", http.StatusNotFound, http.StatusConflict), s.changeSupplier)
}

func (s *Server) listSuppliers(ctx context.Context, by caller, in *suppliersInput) (*listAnswer[supplierBody], error) {
	return s.suppliersFor(ctx, by.SupplierScope(), in.Paging, in.IncludeInactive)
}

// listMySuppliers needs no permission: a scope that sees nothing lists nothing.
// One that is not active gives authority to a super_admin only.
func (s *Server) listMySuppliers(ctx context.Context, by caller, in *mySuppliersInput) (*listAnswer[supplierBody], error) {
	return s.suppliersFor(ctx, by.MySupplierScope(), in.Paging, by.IsSuperAdmin())
}

func (s *Server) suppliersFor(ctx context.Context, scope authz.Scope, p Paging, inactive bool) (*listAnswer[supplierBody], error) {
	filter := projections.SupplierFilter{IncludeInactive: inactive, IDs: idsOf[events.TenantID](p), Search: p.Search}
	found, err := s.Suppliers.List(ctx, scope, filter, p.page())
	if err != nil {
		return nil, err
	}
	return listOf(p, found, showSupplier), nil
}

func (s *Server) getSupplier(ctx context.Context, by caller, in *supplierInput) (*answer[supplierBody], error) {
	found, err := s.Suppliers.Get(ctx, by.SupplierScope(), in.ID)
	if err != nil {
		return nil, orMissing(err, supplierNotFound())
	}
	return &answer[supplierBody]{Body: showSupplier(found)}, nil
}

func (s *Server) createSupplier(ctx context.Context, by caller, in *supplierCreateInput) (*answer[supplierBody], error) {
	if err := in.Body.check(); err != nil {
		return nil, err
	}
	c := commands.CreateSupplier{ID: events.TenantID(s.NewID().String()), Details: in.details()}
	receipt, err := by.commands.CreateSupplier(ctx, by.Principal, c)
	return s.supplierAfter(ctx, by, c.ID, receipt, err)
}

func (s *Server) changeSupplier(ctx context.Context, by caller, in *supplierPatchInput) (*answer[supplierBody], error) {
	b := &in.Body
	if err := b.check(); err != nil {
		return nil, err
	}
	receipt, err := by.commands.ChangeSupplier(ctx, by.Principal, commands.ChangeSupplier{
		ID: in.ID, Name: b.Name, Slug: b.Slug, Status: b.Status, Active: b.Active,
		LogoURL: b.LogoURL.orEmpty(), LegalName: b.LegalName.orEmpty(), LegalAddress: b.LegalAddress.orEmpty(),
		LegalDetails: b.LegalDetails.orEmpty(), LegalEmail: b.LegalEmail.orEmpty(), LegalNumber: b.LegalNumber.orEmpty(),
		TaxID: b.TaxID.orEmpty(),
	})
	return s.supplierAfter(ctx, by, in.ID, receipt, err)
}

// supplierAfter answers a command about a supplier: as the read model shows
// it, or as its events leave it when it does not show them yet.
func (s *Server) supplierAfter(ctx context.Context, by caller, id events.TenantID, r commands.Receipt, err error) (*answer[supplierBody], error) {
	if err != nil {
		return nil, err
	}
	visible := s.awaitVisible(ctx, by, r)
	var found projections.Supplier
	if !by.fromLog(r) {
		found, err = s.Suppliers.Get(ctx, by.At(id).SupplierScope(), id)
	}
	if err != nil || found.Version < r.Version {
		parked := found.Parked
		found, visible = projections.FoldSupplier(r.History), visible && err == nil
		found.Parked = parked
	}
	return &answer[supplierBody]{visibleHeader(visible), showSupplier(found)}, nil
}

// details are what a new supplier is, with what is usual where nothing is given.
func (in *supplierCreateInput) details() events.SupplierDetails {
	b := &in.Body
	d := events.SupplierDetails{
		Name: b.Name, LogoURL: b.LogoURL.Value, LegalName: b.LegalName.Value, LegalAddress: b.LegalAddress.Value,
		LegalDetails: b.LegalDetails.Value, LegalEmail: b.LegalEmail.Value, LegalNumber: b.LegalNumber.Value, TaxID: b.TaxID.Value,
		Status: "active", Active: true,
	}
	if b.Slug != nil {
		d.Slug = *b.Slug
	}
	if b.Status != nil {
		d.Status = *b.Status
	}
	if b.Active != nil {
		d.Active = *b.Active
	}
	return d
}

// check says what the schema of the texts cannot. It gives the e-mail the form
// that all have.
func (t *SupplierTexts) check() error {
	var details []fault.Detail
	if t.LegalEmail.Value != "" {
		email, ok := commands.ParseEmail(t.LegalEmail.Value)
		if !ok {
			details = append(details, fault.Detail{Location: "body.legal_email", Message: noEmail})
		}
		t.LegalEmail.Value = email
	}
	if u, err := url.Parse(t.LogoURL.Value); err != nil || u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" {
		details = append(details, fault.Detail{Location: "body.logo_url", Message: "must be an http or https URL"})
	}
	if len(details) > 0 {
		return invalid(details)
	}
	return nil
}

func showSupplier(s projections.Supplier) supplierBody {
	return supplierBody{
		ID: s.ID, Name: s.Name, Slug: s.Slug, LogoURL: textOrNull(s.LogoURL), LegalName: textOrNull(s.LegalName),
		LegalAddress: textOrNull(s.LegalAddress), LegalDetails: textOrNull(s.LegalDetails), LegalEmail: textOrNull(s.LegalEmail),
		LegalNumber: textOrNull(s.LegalNumber), TaxID: textOrNull(s.TaxID), Status: s.Status, Active: s.Active,
		CreatedAt: s.CreatedAt.UTC(), UpdatedAt: s.UpdatedAt.UTC(), Version: s.Version,
		Projected: parkedAt(s.Parked),
	}
}

func supplierNotFound() *fault.Fault {
	return fault.New(fault.NotFound, "supplier_not_found", "Supplier not found")
}
