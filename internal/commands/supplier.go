package commands

import (
	"context"
	"strings"

	"tenure/internal/authz"
	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/fault"
)

// supplier is what decisions know of a supplier.
type supplier struct {
	exists  bool
	details events.SupplierDetails
}

// foldSupplier is what a supplier's events come to.
func foldSupplier(past []events.Recorded) supplier {
	var s supplier
	for _, e := range past {
		switch p := e.Payload.(type) {
		case events.SupplierCreated:
			s = supplier{exists: true, details: p.SupplierDetails}
		case events.SupplierChanged:
			s.details = p.SupplierDetails
		}
	}
	return s
}

const slugKind = "supplier.slug"

func slugClaim(slug string, s events.Stream) eventlog.Claim {
	return eventlog.Claim{Tenant: events.Platform, Kind: slugKind, Value: slug, Stream: s}
}

func slugTaken() map[string]*fault.Fault {
	return map[string]*fault.Fault{
		slugKind: fault.New(fault.Conflict, "slug_taken", "There is a supplier with this slug already."),
	}
}

// MaxSlug is how many characters a slug has at most.
const MaxSlug = 64

// Slug derives a slug from a name: lower case, each run of other characters
// than a-z and 0-9 one hyphen, none at the ends, and "supplier" when nothing
// is left.
func Slug(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	slug := strings.Trim(b.String(), "-")
	if len(slug) > MaxSlug {
		slug = strings.TrimRight(slug[:MaxSlug], "-")
	}
	if slug == "" {
		return "supplier"
	}
	return slug
}

// CreateSupplier makes a tenant. An empty slug is derived from the name.
type CreateSupplier struct {
	ID      events.TenantID
	Details events.SupplierDetails
}

// CreateSupplier carries out c. It fails with Denied, or with Conflict
// slug_taken or supplier_exists.
func (h *Handler) CreateSupplier(ctx context.Context, by authz.Principal, c CreateSupplier) (Receipt, error) {
	stream := events.SupplierStream(c.ID)
	if c.Details.Slug == "" {
		c.Details.Slug = Slug(c.Details.Name)
	}
	return h.record(ctx, by, change{
		needs: authz.CreateSuppliers,
		load:  func(ctx context.Context, p *past) error { return p.begin(ctx, stream) },
		decide: func(_ authz.Principal, p *past) (decision, error) {
			if foldSupplier(p.of(stream)).exists {
				return decision{}, fault.New(fault.Conflict, "supplier_exists", "There is a supplier with this id already.")
			}
			return decision{
				writes: []write{{stream, []events.Payload{events.SupplierCreated{Supplier: c.ID, SupplierDetails: c.Details}}}},
				take:   []eventlog.Claim{slugClaim(c.Details.Slug, stream)},
			}, nil
		},
		taken: slugTaken(),
	})
}

func supplierNotFound() error {
	return fault.New(fault.NotFound, "supplier_not_found", "Supplier not found")
}

// ChangeSupplier changes what is given of a supplier; nil leaves it as it is,
// an empty text clears it, and an empty slug is derived from the name anew.
type ChangeSupplier struct {
	ID           events.TenantID
	Name         *string
	Slug         *string
	LogoURL      *string
	LegalName    *string
	LegalAddress *string
	LegalDetails *string
	LegalEmail   *string
	LegalNumber  *string
	TaxID        *string
	Status       *string
	Active       *bool
}

// ChangeSupplier carries out c. It fails with Denied, NotFound, or Conflict
// slug_taken.
func (h *Handler) ChangeSupplier(ctx context.Context, by authz.Principal, c ChangeSupplier) (Receipt, error) {
	stream := events.SupplierStream(c.ID)
	return h.record(ctx, by, change{
		needs: authz.ChangeSuppliers,
		load: func(ctx context.Context, p *past) error {
			if err := p.read(ctx, stream); err != nil {
				return err
			}
			if !foldSupplier(p.of(stream)).exists {
				return supplierNotFound()
			}
			return nil
		},
		over: func(by authz.Principal, _ *past) error {
			if !by.SupplierScope().Sees(authz.Tags{Tenants: []events.TenantID{c.ID}}) {
				return supplierNotFound()
			}
			return nil
		},
		decide: func(_ authz.Principal, p *past) (decision, error) {
			return changeSupplier(foldSupplier(p.of(stream)).details, stream, c), nil
		},
		taken: slugTaken(),
	})
}

// changeSupplier decides.
func changeSupplier(before events.SupplierDetails, stream events.Stream, c ChangeSupplier) decision {
	after := c.onto(before)
	if after == before {
		return decision{}
	}
	d := decision{writes: []write{{stream, []events.Payload{events.SupplierChanged{Supplier: c.ID, SupplierDetails: after}}}}}
	if after.Slug != before.Slug {
		d.release = []eventlog.Claim{slugClaim(before.Slug, stream)}
		d.take = []eventlog.Claim{slugClaim(after.Slug, stream)}
	}
	return d
}

// onto is what a supplier is after the change.
func (c ChangeSupplier) onto(d events.SupplierDetails) events.SupplierDetails {
	for _, one := range []struct{ to, given *string }{
		{&d.Name, c.Name},
		{&d.LogoURL, c.LogoURL},
		{&d.LegalName, c.LegalName},
		{&d.LegalAddress, c.LegalAddress},
		{&d.LegalDetails, c.LegalDetails},
		{&d.LegalEmail, c.LegalEmail},
		{&d.LegalNumber, c.LegalNumber},
		{&d.TaxID, c.TaxID},
		{&d.Status, c.Status},
		{&d.Slug, c.Slug},
	} {
		if one.given != nil {
			*one.to = *one.given
		}
	}
	if c.Active != nil {
		d.Active = *c.Active
	}
	if d.Slug == "" {
		d.Slug = Slug(d.Name)
	}
	return d
}
