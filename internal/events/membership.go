package events

import (
	"bytes"
	"encoding/json"
	"reflect"

	"github.com/google/uuid"
)

// Extent says whether a membership reaches the customers and addresses that it
// names, or all that are active when somebody looks.
type Extent string

// The extents.
const (
	All  Extent = "all"
	List Extent = "list"
)

// MembershipEntry is what a membership gives.
type MembershipEntry struct {
	Role Role `json:"role"`
	// Capabilities are the explicit ones; none: the defaults of Role.
	Capabilities  []string `json:"capabilities,omitempty"`
	ResellerScope Extent   `json:"reseller_scope"`
	Resellers     []string `json:"reseller_account_ids,omitempty"`
	AddressScope  Extent   `json:"address_scope"`
	Addresses     []string `json:"address_ids,omitempty"`
	// Limits, Flags and Metadata are the clients' own: objects, or nothing.
	Limits   json.RawMessage `json:"limits,omitempty"`
	Flags    json.RawMessage `json:"flags,omitempty"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
}

// Equal tells whether two entries give the same.
func (e MembershipEntry) Equal(other MembershipEntry) bool {
	return reflect.DeepEqual(e.plain(), other.plain()) && sameText(e.Limits, other.Limits) &&
		sameText(e.Flags, other.Flags) && sameText(e.Metadata, other.Metadata)
}

// sameText compares objects as the log spells them: with some characters
// escaped that a client need not escape.
func sameText(a, b json.RawMessage) bool {
	var one, two bytes.Buffer
	json.HTMLEscape(&one, a)
	json.HTMLEscape(&two, b)
	return bytes.Equal(one.Bytes(), two.Bytes())
}

// plain is an entry without what is compared by its bytes, in which an empty
// list is none.
func (e MembershipEntry) plain() MembershipEntry {
	e.Limits, e.Flags, e.Metadata = nil, nil, nil
	for _, list := range []*[]string{&e.Capabilities, &e.Resellers, &e.Addresses} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	return e
}

// MembershipSet records what a user's membership in a scope gives from now on,
// all of it.
type MembershipSet struct {
	User     UserID   `json:"user_id"`
	Supplier TenantID `json:"supplier_id,omitempty"` // empty: global
	MembershipEntry
}

// MembershipRemoved records that a user's membership in a scope ended.
type MembershipRemoved struct {
	User     UserID   `json:"user_id"`
	Supplier TenantID `json:"supplier_id,omitempty"` // empty: global
}

// tuples is the namespace of ids that are made of several. It is permanent.
var tuples = uuid.MustParse("5b0f6c1e-6f0e-5c57-9d5e-0f4a4d1d7c11")

// MembershipStream is the history of a user's membership in a supplier, or of
// his global one when supplier is empty. It lies in the tenant that it gives
// access to.
func MembershipStream(user UserID, supplier TenantID) Stream {
	name, _ := json.Marshal([]string{"membership", string(user), string(supplier)}) // texts always can be
	tenant := supplier
	if tenant == "" {
		tenant = Platform
	}
	return Stream{tenant, MembershipStreams, uuid.NewSHA1(tuples, name).String()}
}

// EventType is the permanent name of the event.
func (MembershipSet) EventType() string { return "membership.set" }

// EventType is the permanent name of the event.
func (MembershipRemoved) EventType() string { return "membership.removed" }
