package projections

import (
	"context"
	"time"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
)

// Supplier is what is shown of a supplier. Empty texts are none.
type Supplier struct {
	ID           events.TenantID `bson:"id"`
	Name         string          `bson:"name"`
	Slug         string          `bson:"slug"`
	LogoURL      string          `bson:"logo_url"`
	LegalName    string          `bson:"legal_name"`
	LegalAddress string          `bson:"legal_address"`
	LegalDetails string          `bson:"legal_details"`
	LegalEmail   string          `bson:"legal_email"`
	LegalNumber  string          `bson:"legal_number"`
	TaxID        string          `bson:"tax_id"`
	Status       string          `bson:"status"`
	Active       bool            `bson:"is_active"`
	CreatedAt    time.Time       `bson:"created_at"`
	UpdatedAt    time.Time       `bson:"updated_at"`
	Version      events.Version  `bson:"version"` // of its stream
	// Parked is not kept with it: a query sets it to the position of the event
	// that could not be applied; 0 when there is none.
	Parked events.Position `bson:"-" json:"-"`
}

// Suppliers is the read model behind GET /suppliers.
var Suppliers = Projection[Supplier]{
	Name:    "suppliers",
	Version: 1,
	Handles: []events.Payload{events.SupplierCreated{}, events.SupplierChanged{}},
	Keys: func(e events.Recorded) []docstore.Key {
		switch e.Payload.(type) {
		case events.SupplierCreated, events.SupplierChanged:
			return []docstore.Key{docstore.Key(e.Stream.ID)}
		default:
			return nil
		}
	},
	Apply: applyToSupplier,
	Tags: func(s *Supplier) authz.Tags {
		return authz.Tags{Tenants: []events.TenantID{s.ID}}
	},
	Texts: func(s *Supplier) map[string]string {
		return map[string]string{"name": s.Name, "slug": s.Slug}
	},
	Indexes: docstore.Indexes{Sorts: fieldsOf(supplierSorts)},
	Parked:  func(s *Supplier) *events.Position { return &s.Parked },
}

func applyToSupplier(s *Supplier, _ docstore.Key, e events.Recorded) {
	switch p := e.Payload.(type) {
	case events.SupplierCreated:
		*s = Supplier{ID: p.Supplier, CreatedAt: moment(e)}
		s.describe(p.SupplierDetails)
	case events.SupplierChanged:
		if s.ID == "" {
			return // nothing happens to one that is not
		}
		s.describe(p.SupplierDetails)
	default:
		return
	}
	s.UpdatedAt, s.Version = moment(e), e.Version
}

func (s *Supplier) describe(d events.SupplierDetails) {
	s.Name, s.Slug, s.LogoURL = d.Name, d.Slug, d.LogoURL
	s.LegalName, s.LegalAddress, s.LegalDetails = d.LegalName, d.LegalAddress, d.LegalDetails
	s.LegalEmail, s.LegalNumber, s.TaxID = d.LegalEmail, d.LegalNumber, d.TaxID
	s.Status, s.Active = d.Status, d.Active
}

// FoldSupplier is the supplier as past, the whole history of its stream, leaves
// it: what the read model shows as soon as it is there.
func FoldSupplier(past []events.Recorded) Supplier {
	return foldStream(Suppliers, past)
}

// SupplierQueries answers questions about suppliers.
type SupplierQueries struct {
	Mongo *docstore.Mongo
	Live  Live
}

// SupplierFilter narrows a list of suppliers.
type SupplierFilter struct {
	IncludeInactive bool
	IDs             []events.TenantID // nil: any
	Search          string            // in name and slug; empty: any
}

// supplierSorts are the fields that a list of suppliers can be ordered by.
var supplierSorts = map[string]docstore.Field{
	"name":       docstore.Text("name"),
	"slug":       docstore.Text("slug"),
	"created_at": docstore.Body("created_at"),
	"updated_at": docstore.Body("updated_at"),
}

// Get returns the supplier if s may see it, also an inactive one. It fails
// with docstore.ErrNotFound and docstore.ErrUnavailable.
func (q *SupplierQueries) Get(ctx context.Context, s authz.Scope, id events.TenantID) (Supplier, error) {
	return get(ctx, q.Mongo, q.Live, Suppliers, s, docstore.Key(id))
}

// List returns the page of suppliers that s may see and that match f. It fails
// with an Invalid fault for a page that there cannot be, and with
// docstore.ErrUnavailable.
func (q *SupplierQueries) List(ctx context.Context, s authz.Scope, f SupplierFilter, p Page) (Listing[Supplier], error) {
	return list(ctx, q.Mongo, q.Live, Suppliers, s, f.conditions(), p, supplierSorts, "name")
}

func (f SupplierFilter) conditions() []docstore.Condition {
	all := common(f.IDs, f.Search)
	if !f.IncludeInactive {
		all = append(all, docstore.Is(docstore.Body("is_active"), true))
	}
	return all
}

// Named returns those of the suppliers that there are. Who may see a thing may
// see the name of the supplier that it is in, so this takes no scope. It fails
// with docstore.ErrUnavailable.
func (q *SupplierQueries) Named(ctx context.Context, ids []events.TenantID) (map[events.TenantID]Supplier, error) {
	p, err := Suppliers.resolve(q.Live)
	if err != nil {
		return nil, err
	}
	found, err := docstore.In[Supplier](q.Mongo, p.Model()).GetAll(ctx, authz.SystemScope("the name of a supplier"), keys(ids))
	if err != nil {
		return nil, err
	}
	named := make(map[events.TenantID]Supplier, len(found))
	for _, s := range found {
		named[s.Body.ID] = s.Body
	}
	return named, nil
}
