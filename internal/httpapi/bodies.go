package httpapi

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tenure/internal/authz"
	"tenure/internal/events"
	"tenure/internal/projections"
)

// orNull is an object that may be null, and says so in the description.
type orNull[T any] struct{ value *T }

// MarshalJSON writes the object, or null.
func (o orNull[T]) MarshalJSON() ([]byte, error) { return json.Marshal(o.value) }

// Schema is that of the object, or null.
func (o orNull[T]) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{r.Schema(reflect.TypeFor[T](), true, ""), {Type: "null"}}}
}

// UserBody is a user in a list.
type UserBody struct {
	ID            events.UserID    `json:"id" format:"uuid"`
	Email         string           `json:"email"`
	Name          *string          `json:"name"`
	Role          events.Role      `json:"role"`
	Status        authz.Status     `json:"status" enum:"invited,active,disabled"`
	SupplierID    *events.TenantID `json:"supplier_id" format:"uuid"`
	ClerkID       *string          `json:"clerk_id"`
	KeycloakID    *string          `json:"keycloak_id"`
	SupplierCount int              `json:"supplier_count"`
	CustomerCount int              `json:"customer_count"`
	AddressCount  int              `json:"address_count"`
	CreatedAt     time.Time        `json:"created_at"`
	CreatedBy     string           `json:"created_by" doc:"An e-mail, or system."`
	UpdatedAt     time.Time        `json:"updated_at"`
	UpdatedBy     string           `json:"updated_by" doc:"An e-mail, or system."`
	Version       events.Version   `json:"version"`
	Projected
}

// Projected is what every thing carries to which an event could not be
// applied. It is exported since huma looks into exported parts only.
type Projected struct {
	Projection *projectionMark `json:"projection,omitempty" doc:"Only when what is shown is from before an event that could not be applied."`
}

type projectionMark struct {
	Status   string          `json:"status" enum:"parked"`
	Position events.Position `json:"position" doc:"Of the first event that is not shown."`
}

// parkedAt marks a thing that does not show the event at a position; 0: it
// shows all.
func parkedAt(p events.Position) Projected {
	if p == 0 {
		return Projected{}
	}
	return Projected{&projectionMark{"parked", p}}
}

// UserDetail is what every answer about one user adds. What comes from links
// and memberships is empty until there are any. It is exported since huma
// looks into exported parts only.
type UserDetail struct {
	Supplier    orNull[supplierInfo]  `json:"supplier"`
	Suppliers   []supplierInfo        `json:"suppliers"`
	Customers   []customerInfo        `json:"customers"`
	Memberships orNull[membershipDoc] `json:"memberships"`
}

type supplierInfo struct {
	ID      events.TenantID `json:"id" format:"uuid"`
	Name    string          `json:"name"`
	Slug    string          `json:"slug"`
	LogoURL *string         `json:"logo_url"`
	Role    *string         `json:"role"`
	Status  *string         `json:"status"`
	Active  *bool           `json:"is_active"`
}

type customerInfo struct {
	ID        string        `json:"id" format:"uuid"`
	ERP       string        `json:"erp_customer_id"`
	Name      string        `json:"name"`
	Supplier  supplierInfo  `json:"supplier"`
	Addresses []addressInfo `json:"addresses"`
}

type addressInfo struct {
	ID            string  `json:"id" format:"uuid"`
	ERP           string  `json:"erp_address_id"`
	Label         *string `json:"label"`
	PricelistCode *string `json:"pricelist_code"`
	ChannelCode   *string `json:"channel_code"`
}

type userDetailBody struct {
	UserBody
	UserDetail
}

// detailBody is the answer to a command that has nothing to show.
type detailBody struct {
	Detail string `json:"detail"`
}

// showUser shows a user to by. Whoever is neither he himself nor a super_admin
// is told of the active wholesaler only.
func showUser(by caller, u projections.User, who people) UserBody {
	supplier := u.Supplier
	if !by.seesAllOf(u.ID) && supplier != by.Tenant() || !by.SeesTenant(supplier) {
		supplier = ""
	}
	return UserBody{
		ID: u.ID, Email: u.Email, Name: textOrNull(u.Name), Role: u.Role, Status: u.Status, SupplierID: textOrNull(supplier),
		CreatedAt: u.CreatedAt.UTC(), CreatedBy: who.name(u.CreatedBy), UpdatedAt: u.UpdatedAt.UTC(), UpdatedBy: who.name(u.UpdatedBy),
		Version: u.Version, Projected: parkedAt(u.Parked),
	}
}

// seesAllOf tells whether all of a user is shown to c, whatever supplier it
// belongs to.
func (c caller) seesAllOf(id events.UserID) bool {
	return c.UserID() == id || c.IsSuperAdmin()
}

// textOrNull is null for what the read models keep as an empty text.
func textOrNull[T ~string](s T) *T {
	if s == "" {
		return nil
	}
	return &s
}
