package projections

import (
	"time"

	"tenure/internal/events"
)

// aFewOfEach is a log with every event in it, and with things in every state.
func aFewOfEach() *history {
	h := newHistory(1)
	h.supplier("acme", events.SupplierCreated{Supplier: "acme", SupplierDetails: events.SupplierDetails{
		Name: "Acme", Slug: "acme", LogoURL: "https://acme.example/logo.png", LegalName: "Acme Inc.", LegalAddress: "1 Road",
		LegalDetails: "more", LegalEmail: "law@acme.example", LegalNumber: "7", TaxID: "T7", Status: "active", Active: true,
	}})
	h.supplier("zeta", events.SupplierCreated{Supplier: "zeta", SupplierDetails: events.SupplierDetails{Name: "Zeta", Slug: "zeta", Active: true}})
	h.supplier("zeta", events.SupplierChanged{Supplier: "zeta", SupplierDetails: events.SupplierDetails{Name: "Zeta 2", Slug: "zeta"}})
	h.user("ada", events.UserCreated{User: "ada", Email: "Ada@Example.org", Name: "Ada", Role: events.SuperAdmin})
	h.add("ada", events.UserStream(events.Platform, "ada"), events.UserActivated{User: "ada"})
	h.add("ada", events.UserStream("acme", "bob"),
		events.UserCreated{User: "bob", Email: "bob@acme.example", Role: events.Agent, Supplier: "acme"},
		events.UserRenamed{User: "bob", Name: "Bob"},
		events.UserRoleChanged{User: "bob", Role: events.Reseller},
		events.UserDisabled{User: "bob", Reason: "left"})
	h.add("ada", events.UserStream("acme", "eve"),
		events.UserCreated{User: "eve", Email: "eve@acme.example", Name: "Eve", Role: events.Viewer, Supplier: "acme"},
		events.UserActivated{User: "eve"}, events.UserDisabled{User: "eve"}, events.UserEnabled{User: "eve"})
	h.add("ada", events.UserStream("acme", "tom"),
		events.UserCreated{User: "tom", Email: "tom@acme.example", Role: events.Viewer, Supplier: "acme"},
		events.UserDeleted{User: "tom"})
	h.add("ada", events.APIKeyStream(events.Platform, "k1"),
		events.APIKeyIssued{
			Key: "k1", User: "ada", Name: "default", Hash: "1.aa", Prefix: "tnr_AAAA", LastFour: "aaaa",
			Capabilities: &[]string{"manage_users"}, Tenants: &[]events.TenantID{"acme"},
			ExpiresAt: ptr(time.Date(2027, 1, 1, 0, 0, 0, 987_654_321, time.UTC)),
		},
		events.APIKeyRotated{
			Key: "k1", User: "ada", Hash: "1.bb", Prefix: "tnr_BBBB", LastFour: "bbbb", Previous: "1.aa",
			PreviousExpiresAt: ptr(time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)),
		},
		events.APIKeyRotated{
			Key: "k1", User: "ada", Hash: "1.cc", Prefix: "tnr_CCCC", LastFour: "cccc", Previous: "1.bb",
			PreviousExpiresAt: ptr(time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)), Ended: "1.aa",
		})
	h.key("k2", events.APIKeyIssued{Key: "k2", User: "bob", Name: "Second", Hash: "1.dd", Prefix: "tnr_DDDD", LastFour: "dddd"})
	h.key("k3", events.APIKeyIssued{
		Key: "k3", User: "ada", Name: "gone", Hash: "1.ee", Prefix: "tnr_EEEE", LastFour: "eeee",
		Capabilities: &[]string{}, Tenants: &[]events.TenantID{},
	}, events.APIKeyRevoked{Key: "k3", User: "ada", Hashes: []events.KeyHash{"1.ee"}})
	h.add("ada", events.MembershipStream("bob", "acme"),
		events.MembershipSet{User: "bob", Supplier: "acme", MembershipEntry: events.MembershipEntry{
			Role: events.Agent, Capabilities: []string{"place_orders"}, ResellerScope: events.List, Resellers: []string{"c1"},
			AddressScope: events.All, Addresses: []string{"a1"},
			Limits: []byte(`{"orders":3}`), Flags: []byte(`{"beta":true}`), Metadata: []byte(`{"team":{"$name":"north.east"}}`),
		}},
		events.MembershipSet{User: "bob", Supplier: "acme", MembershipEntry: entryOf(events.Viewer)})
	h.add("ada", events.MembershipStream("bob", ""),
		events.MembershipSet{User: "bob", MembershipEntry: entryOf(events.Auditor)})
	h.add("ada", events.MembershipStream("eve", "zeta"),
		events.MembershipSet{User: "eve", Supplier: "zeta", MembershipEntry: entryOf(events.SupplierAdmin)},
		events.MembershipRemoved{User: "eve", Supplier: "zeta"})
	h.add("ada", events.UserStream("acme", "bob"),
		events.UserEmailChanged{User: "bob", Email: "robert@acme.example"},
		events.UserEmailChanged{User: "bob", Email: "bob@acme.example"},
		events.UserDefaultRoleChanged{User: "bob", Role: events.Agent})
	return h
}

func entryOf(role events.Role) events.MembershipEntry {
	return events.MembershipEntry{Role: role, ResellerScope: events.List, AddressScope: events.List}
}
