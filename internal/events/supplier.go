package events

// SupplierDetails is what is known of a supplier. Empty means none.
type SupplierDetails struct {
	Name         string `json:"name"`
	Slug         string `json:"slug"`
	LogoURL      string `json:"logo_url,omitempty"`
	LegalName    string `json:"legal_name,omitempty"`
	LegalAddress string `json:"legal_address,omitempty"`
	LegalDetails string `json:"legal_details,omitempty"`
	LegalEmail   string `json:"legal_email,omitempty" personal:"true"`
	LegalNumber  string `json:"legal_number,omitempty"`
	TaxID        string `json:"tax_id,omitempty"`
	Status       string `json:"status"`
	Active       bool   `json:"is_active"`
}

// SupplierCreated records a new tenant.
type SupplierCreated struct {
	Supplier TenantID `json:"supplier_id"`
	SupplierDetails
}

// SupplierChanged records what a supplier is from now on, all of it, so that
// no reader needs to know which parts moved.
type SupplierChanged struct {
	Supplier TenantID `json:"supplier_id"`
	SupplierDetails
}

// EventType is the permanent name of the event.
func (SupplierCreated) EventType() string { return "supplier.created" }

// EventType is the permanent name of the event.
func (SupplierChanged) EventType() string { return "supplier.changed" }
