package httpapi

import (
	"slices"
	"testing"
)

// TestAuthorityAtTheVeryNextRequest: once a change is answered, it holds for
// whoever asks next, given or taken.
func TestAuthorityAtTheVeryNextRequest(t *testing.T) {
	t.Parallel()
	w := newTown(t, map[string]string{"ada": "", "admin": "A supplier_admin"})
	const ada = "/users/{ada}/memberships"
	narrow := func(body, tenant string) {
		w.keys["her key"], _ = w.ask("ada", tenant, "POST", "/api-keys", body, "201").json["api_key"].(string)
	}
	for range 2 {
		w.play([]scene{
			{"ada", "A", "GET", "/users", "", "403 role_denied"},
			{"root", "", "PUT", ada + "/supplier/{A}", `{"role":"supplier_helpdesk"}`, "200"},
			{"ada", "A", "GET", "/users", "", "200"},
			{"ada", "B", "GET", "/users", "", "foreign"},
			{"ada", "A", "PATCH", "/users/{ada}", `{"name":"x"}`, "no admin"},
			{"root", "", "PUT", ada, w.doc("A supplier_admin, B auditor"), "200"},
			{"ada", "A", "POST", "/users", `{"email":"{new}@example.com"}`, "201"},
			{"ada", "B", "POST", "/users", `{"email":"{new}@example.com"}`, "foreign/403"},
			{"ada", "B", "GET", "/audit/events", "", "200"},
			{"root", "", "PATCH", "/users/{ada}", `{"memberships":` + w.doc("B supplier_admin") + `}`, "200"},
			{"ada", "A", "POST", "/users", `{"email":"{new}@example.com"}`, "foreign"},
			{"ada", "B", "POST", "/users", `{"email":"{new}@example.com"}`, "201"},
			{"root", "", "DELETE", ada + "/supplier/{B}", "", "204"},
			{"ada", "B", "POST", "/users", `{"email":"{new}@example.com"}`, "no admin"},
			{"root", "", "PUT", ada + "/global/-", `{"role":"supplier_helpdesk"}`, "200"},
			{"ada", "B", "GET", "/users", "", "200"},
			{"ada", "A", "GET", "/users", "", "200"},
			{"ada", "C", "GET", "/users", "", "foreign"},
			{"ada", "U", "GET", "/users", "", "foreign"},
			{"root", "", "DELETE", ada + "/global/-", "", "204"},
			{"ada", "B", "GET", "/users", "", "403 role_denied"},
			// By one explicit capability, and not by another.
			{"root", "", "PUT", ada + "/supplier/{A}", `{"role":"viewer","capabilities":["read_audit"]}`, "200"},
			{"ada", "A", "GET", "/audit/events", "", "200"},
			{"root", "", "PUT", ada + "/supplier/{A}", `{"role":"auditor","capabilities":["view_data"]}`, "200"},
			{"ada", "A", "GET", "/audit/events", "", "403 role_denied"},
			{"root", "", "PUT", ada, w.doc(""), "200"},
			// A user's own role is authority only when it is super_admin.
			{"root", "", "PATCH", "/users/{ada}", `{"role":"supplier_admin"}`, "200"},
			{"ada", "A", "GET", "/users", "", "403 role_denied"},
			{"root", "", "PATCH", "/users/{ada}", `{"role":"super_admin"}`, "200"},
			{"ada", "", "GET", "/suppliers", "", "200"},
			{"root", "", "PATCH", "/users/{ada}", `{"role":"viewer"}`, "200"},
			{"ada", "", "GET", "/suppliers", "", "no admin"},
			{"root", "", "PUT", ada + "/supplier/{A}", `{"role":"supplier_admin"}`, "200"},
			{"root", "", "POST", "/users/{ada}/disable", "", "200"},
			{"ada", "A", "GET", "/users", "", "401"},
			{"root", "", "POST", "/users/{ada}/enable", "", "200"},
			{"ada", "A", "GET", "/users", "", "200"},
		})
		// A key does what its owner may at the time.
		narrow(`{"name":"x","capabilities":["manage_users"]}`, "A")
		w.play([]scene{
			{"her key", "A", "POST", "/users", `{"email":"{new}@example.com"}`, "201"},
			{"root", "", "PUT", ada + "/supplier/{A}", `{"role":"supplier_admin","capabilities":["view_data"]}`, "200"},
			{"her key", "A", "POST", "/users", `{"email":"{new}@example.com"}`, "403"},
			{"root", "", "PUT", ada + "/supplier/{A}", `{"role":"supplier_helpdesk"}`, "200"},
			{"her key", "A", "POST", "/users", `{"email":"{new}@example.com"}`, "403"},
			{"her key", "A", "GET", "/users", "", "200"},
			{"root", "", "DELETE", ada + "/supplier/{A}", "", "204"},
			{"her key", "A", "GET", "/users", "", "403 role_denied"},
		})
	}
	w.play([]scene{
		{"root", "", "DELETE", "/users/{ada}", "", "200"},
		{"ada", "", "GET", "/me", "", "401"},
		{"her key", "", "GET", "/me", "", "401"},
	})
}

// TestAClosedSupplier gives authority to super_admin alone, until it opens.
func TestAClosedSupplier(t *testing.T) {
	t.Parallel()
	w := newTown(t, map[string]string{"admin": "A supplier_admin", "admin of all": "global supplier_admin", "ada": "A viewer", "both": "A supplier_admin, B viewer"})
	asks := func(read, made string) {
		t.Helper()
		w.play([]scene{
			{"admin of all", "A", "GET", "/users", "", read},
			{"admin of all", "A", "GET", "/audit/events", "", read},
			{"admin of all", "A", "POST", "/users", `{"email":"{new}@example.com"}`, made},
			{"admin of all", "A", "PUT", "/users/{ada}/memberships/supplier/{A}", `{"role":"viewer"}`, read},
			{"root", "A", "GET", "/users", "", "200"},
			{"root", "A", "GET", "/users/{ada}", "", "200"},
			{"admin of all", "B", "GET", "/users", "", "200"},
		})
	}
	for range 2 {
		asks("200", "201")
		w.ask("admin", "A", "GET", "/users", "", "200")
		w.ask("admin", "A", "GET", "/me/capabilities", "", "200").wants(t, map[string]any{"tenant_id": w.names["A"]})
		w.ask("root", "", "PATCH", "/suppliers/{A}", `{"is_active":false}`, "200")
		asks("foreign", "foreign")
		w.ask("admin", "A", "GET", "/users", "", "403 role_denied")
		w.ask("both", "A", "POST", "/users", `{"email":"{new}@example.com"}`, "no admin")
		w.ask("ada", "A", "GET", "/users/{admin}", "", "foreign")
		w.may("admin", "A", nil, nil)
		w.may("admin of all", "A", nil, nil)
		w.ask("admin", "A", "GET", "/me", "", "200").wants(t, map[string]any{"tenant_id": w.names["A"], "effective_role": nil})
		w.ask("admin", "A", "GET", "/tenants/me", "", "200").wants(t, map[string]any{"tenant_id": w.names["A"], "name": nil, "slug": nil})
		w.ask("admin", "", "GET", "/suppliers/me", "", "200").wants(t, map[string]any{"total": 0.0})
		w.ask("root", "", "PUT", "/users/{ada}/memberships/supplier/{A}", `{"role":"agent"}`, "404")
		w.ask("root", "", "PATCH", "/suppliers/{A}", `{"is_active":true}`, "200")
	}
}

// TestTheLastSuperAdmin cannot be removed, by whatever way.
func TestTheLastSuperAdmin(t *testing.T) {
	t.Parallel()
	w := newTown(t, nil)
	// One who was invited counts as no active one, and is a super_admin all the same.
	w.names["invited"], w.keys["invited"] = w.user("invited@example.com", "super_admin")
	w.names["other"], w.keys["other"] = w.user("other@example.com", "super_admin")
	w.play([]scene{
		{"invited", "", "DELETE", "/users/{root}", "", "409 last_super_admin"},
		{"invited", "", "POST", "/users/{root}/disable", "", "409 last_super_admin"},
		{"invited", "", "PATCH", "/users/{root}", `{"role":"viewer"}`, "409 last_super_admin"},
		{"root", "", "GET", "/me", "", "200"},
		{"root", "", "PATCH", "/users/{other}", `{"role":"viewer"}`, "200"},
		{"root", "", "DELETE", "/users/{invited}", "", "200"},
	})
	w.ask("root", "", "GET", "/users/{root}", "", "200").wants(t, map[string]any{"role": "super_admin", "status": "active"})
}

// TestUsersOfASupplier: who makes a user under a supplier makes him its own;
// root makes him nobody's.
func TestUsersOfASupplier(t *testing.T) {
	t.Parallel()
	w := newTown(t, map[string]string{"admin": "A supplier_admin", "admin of all": "global supplier_admin"})
	for _, x := range []struct {
		person, tenant string
		want           any
	}{{"admin", "A", w.names["A"]}, {"admin of all", "B", w.names["B"]}, {"root", "A", nil}, {"root", "", nil}} {
		made := w.ask(x.person, x.tenant, "POST", "/users", `{"email":"{new}@example.com"}`, "201")
		made.wants(t, map[string]any{"supplier_id": x.want, "status": "invited", "role": "viewer"})
		if x.want != nil {
			made.wants(t, map[string]any{"supplier.id": x.want})
		}
		w.names["made"], _ = made.json["id"].(string)
		w.ask("root", "", "GET", "/users/{made}", "", "200").wants(t, map[string]any{"supplier_id": x.want})
	}
	w.ask("admin", "A", "POST", "/users", `{"email":"{new}@example.com","role":"Wholesale_Admin","memberships":`+w.doc("A Wholesale_Admin")+`}`, "201").
		wants(t, map[string]any{"role": "supplier_admin", "status": "invited", "supplier_id": w.names["A"]})
	w.ask("admin", "A", "POST", "/users", `{"email":"{new}@example.com","role":"agent"}`, "422 scope_required")
	w.ask("admin", "A", "GET", "/users?role=WHOLESALE_ADMIN", "", "200").wants(t, map[string]any{"total": 1.0})
	w.ask("admin", "A", "GET", "/users?status=invited&page_size=2", "", "200").wants(t, map[string]any{"total": 3.0, "total_pages": 2.0, "page": 1.0, "page_size": 2.0})
	w.ask("admin", "A", "GET", "/users?status=disabled", "", "200").wants(t, map[string]any{"total": 0.0, "total_pages": 0.0})
	w.ask("admin", "A", "GET", "/users?search=ROOT@", "", "200").wants(t, map[string]any{"total": 0.0})
	w.ask("admin", "A", "GET", "/users?email=root@example.com", "", "200").wants(t, map[string]any{"total": 0.0})
	w.ask("admin", "A", "POST", "/users", `{"email":"ROOT@example.com"}`, "409 email_taken")
}

// TestSuppliersMe: those in which the caller has authority, and no others.
func TestSuppliersMe(t *testing.T) {
	t.Parallel()
	w := newTown(t, map[string]string{
		"viewer": "A viewer", "both": "A agent, B auditor", "of the closed": "C supplier_admin, B viewer", "of all": "global viewer", "stranger": "",
	})
	for _, x := range []struct {
		person, tenant string
		want           []string
	}{
		{"viewer", "", []string{"A"}},
		{"viewer", "A", []string{"A"}},
		{"viewer", "B", nil},
		{"viewer", "U", nil},
		{"both", "", []string{"A", "B"}},
		{"both", "B", []string{"B"}},
		{"of the closed", "", []string{"B"}},
		{"of the closed", "C", nil},
		{"of all", "", []string{"A", "B"}},
		{"of all", "C", nil},
		{"stranger", "", nil},
		{"root", "", []string{"A", "B", "C"}},
	} {
		got := w.ask(x.person, x.tenant, "GET", "/suppliers/me", "", "200")
		var all []string
		items, _ := got.json["items"].([]any)
		for _, item := range items {
			for _, name := range []string{"A", "B", "C"} {
				if item.(map[string]any)["id"] == w.names[name] {
					all = append(all, name)
				}
			}
		}
		if !slices.Equal(all, x.want) || len(items) != len(x.want) {
			t.Errorf("%s in %q: got %v, want %v in %s", x.person, x.tenant, all, x.want, got.text)
		}
	}
	for person, multi := range map[string]bool{"viewer": false, "both": true, "of the closed": false, "of all": true, "stranger": false, "root": true} {
		w.ask(person, "", "GET", "/me/capabilities", "", "200").wants(t, map[string]any{"multi_tenant": multi})
	}
	for _, x := range []struct {
		person, tenant string
		name           any
	}{{"viewer", "A", "Supplier A"}, {"viewer", "B", nil}, {"of all", "B", "Supplier B"}, {"of all", "C", nil}, {"of the closed", "C", nil}, {"root", "C", "Supplier C"}, {"stranger", "A", nil}} {
		w.ask(x.person, x.tenant, "GET", "/tenants/me", "", "200").wants(t, map[string]any{"tenant_id": w.names[x.tenant], "name": x.name})
	}
}
