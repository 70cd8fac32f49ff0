package commands_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"

	"tenure/internal/authz"
	"tenure/internal/commands"
	"tenure/internal/events"
	"tenure/internal/fault"
)

// What a command finds done was done in any of the streams it looked at: its
// receipt is of the newest of these, so that nobody is told he sees what is not
// shown yet.
func TestWhatIsFoundDoneIsNotOlderThanItWasDone(t *testing.T) {
	t.Parallel()
	h := open(t)
	by := h.as(t, h.user(t, "root", events.SuperAdmin))
	id := h.user(t, "ada", events.Viewer)
	set := func() commands.Receipt {
		t.Helper()
		r, err := h.SetMembership(t.Context(), by, commands.SetMembership{User: id, Entry: commands.Entry{MembershipEntry: events.MembershipEntry{
			Role: events.Viewer, ResellerScope: events.List, AddressScope: events.List, Limits: json.RawMessage(`{"a":"<b>"}`),
		}}})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	// The log spells some characters otherwise than the caller did.
	if first, again := set(), set(); len(first.Events) != 1 || len(again.Events) != 0 {
		t.Errorf("the same again appends %d", len(again.Events))
	}
	var receipts []commands.Receipt
	for range 2 {
		r, err := h.ReplaceMemberships(t.Context(), by, commands.ReplaceMemberships{User: id, Document: commands.Document{Entries: []commands.Entry{}, At: "body"}})
		if err != nil {
			t.Fatal(err)
		}
		receipts = append(receipts, r)
	}
	if done, again := receipts[0], receipts[1]; len(done.Events) != 1 || len(again.Events) != 0 || again.Position < done.Position {
		t.Errorf("removed at %d, found removed at %d", done.Position, again.Position)
	}
}

// Whom a caller does not see is unknown to him, whatever else is wrong.
func TestAnotherSuppliersUserIsNotToldFromNobody(t *testing.T) {
	t.Parallel()
	h := open(t)
	hidden := h.user(t, "hidden", events.Viewer)
	a, b := events.TenantID(uuid.NewString()), events.TenantID(uuid.NewString())
	admin := authz.User(authz.UserFacts{
		ID: events.UserID(uuid.NewString()), Role: events.Viewer, Status: authz.Active,
		Entries: []authz.Entry{{Supplier: a, Role: events.SupplierAdmin}}, Suppliers: []authz.SupplierFacts{{ID: a, Active: true}},
	}).At(a)
	for name, id := range map[string]events.UserID{"one who is hidden": hidden, "nobody": events.UserID(uuid.NewString())} {
		_, err := h.RemoveMembership(t.Context(), admin, commands.RemoveMembership{User: id, Supplier: b})
		wants(t, name, err, "user_not_found")
	}
}

// What one key of a user's was answered is not repeated to a narrower one.
func TestANarrowedKeyRepeatsNothingOfItsOwners(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.user(t, "root", events.SuperAdmin)
	if _, err := h.createAda(t.Context(), h.as(t, id), once("k", "ada")); err != nil {
		t.Fatal(err)
	}
	owner := authz.UserFacts{ID: id, Role: events.SuperAdmin, Status: authz.Active, Source: authz.Fact{Stream: events.UserStream(events.Platform, id), Version: 2}}
	narrow := authz.Key(owner, authz.KeyFacts{ID: "k1", User: id, Tenants: &[]events.TenantID{events.TenantID(uuid.NewString())}}, time.Now())
	if again, err := h.createAda(t.Context(), narrow, once("k", "ada")); err == nil || fault.As(err) == nil {
		t.Errorf("it is told of %v, %v", again.Stream, err)
	}
}
