package httpapi

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// texts are the members of a list.
func texts(value any) []string {
	var all []string
	items, _ := value.([]any)
	for _, item := range items {
		all = append(all, fmt.Sprint(item))
	}
	return all
}

// may fails unless a person has these roles and capabilities in a supplier. It
// looks at both routes that tell.
func (w *town) may(person, tenant string, roles, capabilities []string) response {
	w.t.Helper()
	got := w.ask(person, tenant, "GET", "/me/capabilities", "", "200")
	if r, c := texts(got.json["roles"]), texts(got.json["capabilities"]); !reflect.DeepEqual(r, roles) || !reflect.DeepEqual(c, capabilities) {
		w.t.Errorf("%s in %q has roles %v and capabilities %v, want %v and %v", person, tenant, r, c, roles, capabilities)
	}
	me := w.ask(person, tenant, "GET", "/me", "", "200")
	if c := texts(me.json["capabilities"]); !reflect.DeepEqual(c, capabilities) {
		w.t.Errorf("%s in %q: /me tells of capabilities %v, want %v", person, tenant, c, capabilities)
	}
	return got
}

// words are the words of a text; none for an empty one.
func words(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Fields(text)
}

// TestCapabilitiesOfRoles: the defaults of each, there alone.
func TestCapabilitiesOfRoles(t *testing.T) {
	t.Parallel()
	w := newTown(t, map[string]string{
		"supplier_admin": "A supplier_admin", "supplier_helpdesk": "A wholesaler_helpdesk", "agent_admin": "A agent_admin", "agent": "A agent", "reseller": "A reseller",
		"viewer": "A standard", "auditor": "A auditor", "stranger": "", "closed": "C supplier_admin",
	})
	for role, capabilities := range map[string]string{
		"supplier_admin":    "manage_agents manage_configs manage_resellers manage_users read_audit view_data view_orders",
		"supplier_helpdesk": "support_read view_orders", "agent_admin": "place_orders view_orders", "agent": "place_orders view_orders", "reseller": "place_orders view_orders",
		"viewer": "view_data view_orders", "auditor": "read_audit",
	} {
		got := w.may(role, "A", []string{role}, words(capabilities))
		all := slices.Contains([]string{"supplier_admin", "supplier_helpdesk", "auditor"}, role)
		got.wants(t, map[string]any{"tenant_id": w.names["A"], "multi_tenant": false})
		if all != (got.json["allowed_customers"] == nil) || all != (got.json["allowed_addresses"] == nil) {
			t.Errorf("%s: null is no limit: %s", role, got.text)
		}
		w.ask(role, "A", "GET", "/me", "", "200").wants(t, map[string]any{"effective_role": role, "tenant_id": w.names["A"]})
		for _, tenant := range []string{"", "B", "C", "U"} {
			w.nothing(role, tenant)
		}
	}
	for _, person := range []string{"stranger", "closed"} {
		for _, tenant := range []string{"", "A", "C", "U"} {
			w.nothing(person, tenant)
		}
	}
	every := words("manage_agents manage_configs manage_resellers manage_suppliers manage_users place_orders read_audit support_read view_data view_orders")
	for _, tenant := range []string{"", "A", "C"} {
		got := w.may("root", tenant, []string{"super_admin"}, every)
		if got.json["allowed_customers"] != nil || got.json["allowed_addresses"] != nil {
			t.Errorf("root is limited: %s", got.text)
		}
	}
}

// nothing fails if a person has anything in a supplier but its id echoed.
func (w *town) nothing(person, tenant string) {
	w.t.Helper()
	got := w.may(person, tenant, nil, nil)
	var id any
	if tenant != "" {
		id = w.names[tenant]
	}
	got.wants(w.t, map[string]any{"tenant_id": id})
	for _, member := range []string{"allowed_customers", "allowed_addresses"} {
		if list, ok := got.json[member].([]any); !ok || len(list) > 0 {
			w.t.Errorf("%s in %q: %s is %v, want []", person, tenant, member, got.json[member])
		}
	}
	w.ask(person, tenant, "GET", "/me", "", "200").wants(w.t, map[string]any{"tenant_id": id, "effective_role": nil})
}

// TestTheUnionOfEntries: each entry gives its own, whatever the others have.
func TestTheUnionOfEntries(t *testing.T) {
	t.Parallel()
	w := newTown(t, map[string]string{"ada": ""})
	entry := func(scope, role, capabilities string) string {
		text := strings.Trim(w.entries(scope+" "+role), "[]")
		return strings.TrimSuffix(text, "}") + `,"capabilities":[` + capabilities + `]}`
	}
	for _, x := range []struct {
		document          string
		inA, inB, without string // role first, then capabilities
		rolesInA          string
		multi             bool
	}{
		{`{"default_role":"supplier_admin","memberships":[` + entry("A", "viewer", "") + `]}`, "viewer view_data view_orders", "", "", "viewer", false},
		{`{"default_role":"supplier_admin","memberships":[]}`, "", "", "", "", false},
		{`{"memberships":[` + entry("A", "viewer", `"Mine"`) + `]}`, "viewer mine", "", "", "viewer", false},
		{`{"memberships":[` + entry("A", "agent", `"mine"`) + `,` + entry("global", "viewer", "") + `]}`, "agent mine view_data view_orders", "viewer view_data view_orders", "viewer view_data view_orders", "agent viewer", true},
		{`{"memberships":[` + entry("A", "viewer", "") + `,` + entry("global", "auditor", `"mine"`) + `]}`, "viewer mine view_data view_orders", "auditor mine", "auditor mine", "viewer auditor", true},
		{`{"memberships":[` + entry("A", "reseller", "") + `,` + entry("B", "auditor", "") + `]}`, "reseller place_orders view_orders", "auditor read_audit", "", "reseller", true},
		{`{"memberships":[` + entry("A", "supplier_admin", `"place_orders"`) + `]}`, "supplier_admin place_orders", "", "", "supplier_admin", false},
		{`{"memberships":[` + entry("global", "agent", "") + `]}`, "agent place_orders view_orders", "agent place_orders view_orders", "agent place_orders view_orders", "agent", true},
	} {
		w.ask("root", "", "PUT", "/users/{ada}/memberships", x.document, "200")
		for tenant, want := range map[string]string{"A": x.inA, "B": x.inB, "": x.without} {
			role, capabilities, _ := strings.Cut(want, " ")
			got := w.ask("ada", tenant, "GET", "/me", "", "200")
			var effective any
			if role != "" {
				effective = role
			}
			if tenant != "" {
				got.wants(t, map[string]any{"effective_role": effective})
			}
			told := w.ask("ada", tenant, "GET", "/me/capabilities", "", "200")
			told.wants(t, map[string]any{"multi_tenant": x.multi})
			for _, c := range [][]string{texts(got.json["capabilities"]), texts(told.json["capabilities"])} {
				if !reflect.DeepEqual(c, words(capabilities)) {
					t.Errorf("%s in %q: got %v, want %s", x.document, tenant, c, capabilities)
				}
			}
			if roles := texts(told.json["roles"]); tenant == "A" && len(roles) != len(words(x.rolesInA)) {
				t.Errorf("%s: roles %v, want %s", x.document, roles, x.rolesInA)
			}
		}
		for _, tenant := range []string{"C", "U"} {
			w.nothing("ada", tenant)
		}
	}
}

// TestKeysNarrowNothingWider: what an owner lacks no key of his gets, and what
// it is given is met with what he has.
func TestKeysNarrowNothingWider(t *testing.T) {
	t.Parallel()
	w := newTown(t, map[string]string{"agent": "A agent, B viewer", "admin": "A supplier_admin", "of all": "global agent", "stranger": "", "ada": "A viewer"})
	for _, x := range []scene{
		{"agent", "A", "POST", "/api-keys", `{"name":"x","capabilities":["manage_users"]}`, "422 not_held"},
		{"agent", "A", "POST", "/api-keys", `{"name":"x","capabilities":["place_orders","view_data"]}`, "422 not_held"},
		{"agent", "B", "POST", "/api-keys", `{"name":"x","capabilities":["place_orders"]}`, "422 not_held"},
		{"agent", "", "POST", "/api-keys", `{"name":"x","capabilities":["place_orders"]}`, "422 not_held"},
		{"agent", "U", "POST", "/api-keys", `{"name":"x","capabilities":["place_orders"]}`, "422 not_held"},
		{"stranger", "A", "POST", "/api-keys", `{"name":"x","capabilities":["view_orders"]}`, "422 not_held"},
		{"admin", "A", "POST", "/api-keys", `{"name":"x","capabilities":["manage_suppliers"]}`, "422 not_held"},
		{"admin", "A", "POST", "/api-keys", `{"name":"x","tenants":["{B}"]}`, "422"},
		{"admin", "A", "POST", "/api-keys", `{"name":"x","tenants":["{A}","{B}"]}`, "422"},
		{"admin", "A", "POST", "/api-keys", `{"name":"x","tenants":["{unknown}"]}`, "422"},
		{"admin", "A", "POST", "/api-keys", `{"name":"x","tenants":["{C}"]}`, "422"},
		{"stranger", "", "POST", "/api-keys", `{"name":"x","tenants":["{A}"]}`, "422"},
		{"of all", "A", "POST", "/api-keys", `{"name":"x","tenants":["{C}"]}`, "422"},
		{"root", "", "POST", "/api-keys", `{"name":"x","tenants":["{unknown}"]}`, "422"},
		{"root", "", "POST", "/api-keys", `{"name":"x","tenants":["shop"]}`, "422"},
		{"root", "", "POST", "/api-keys", `{"name":"x","capabilities":["two words"]}`, "422"},
	} {
		w.ask(x.person, x.tenant, x.method, x.path, x.body, x.want)
	}
	for name, x := range map[string][3]string{
		"orders":   {"agent", "A", `"capabilities":["Place_Orders"]`},
		"nothing":  {"agent", "", `"capabilities":[]`},
		"in A":     {"agent", "", `"tenants":["{A}"]`},
		"nowhere":  {"agent", "", `"tenants":[]`},
		"all in A": {"of all", "A", `"tenants":["{A}"],"capabilities":["view_orders"]`},
		"root's":   {"root", "", `"capabilities":["support_read","manage_users"]`},
		"root's A": {"root", "", `"tenants":["{A}"]`},
	} {
		w.keys[name], _ = w.ask(x[0], x[1], "POST", "/api-keys", `{"name":"x",`+x[2]+`}`, "201").json["api_key"].(string)
	}
	for _, x := range [][3]string{
		{"agent", "A", "place_orders view_orders"},
		{"agent", "B", "view_data view_orders"},
		{"orders", "A", "place_orders"},
		{"orders", "B", ""},
		{"orders", "", ""},
		{"nothing", "A", ""},
		{"nothing", "B", ""},
		{"in A", "A", "place_orders view_orders"},
		{"in A", "B", ""},
		{"in A", "", ""},
		{"nowhere", "A", ""},
		{"nowhere", "B", ""},
		{"all in A", "A", "view_orders"},
		{"all in A", "B", ""},
		{"root's", "A", "manage_users support_read"},
		{"root's", "", "manage_users support_read"},
		{"root's A", "B", ""},
		{"root's A", "U", ""},
	} {
		got := w.ask(x[0], x[1], "GET", "/me/capabilities", "", "200")
		me := w.ask(x[0], x[1], "GET", "/me", "", "200")
		for _, c := range [][]string{texts(got.json["capabilities"]), texts(me.json["capabilities"])} {
			if !reflect.DeepEqual(c, words(x[2])) {
				t.Errorf("%s in %q: got %v, want %s", x[0], x[1], c, x[2])
			}
		}
	}
	w.play([]scene{
		{"nothing", "A", "GET", "/users/{agent}", "", "200"},
		{"root's", "A", "PUT", "/users/{ada}/memberships/supplier/{A}", `{"role":"agent"}`, "200"},
		{"root's", "", "PATCH", "/suppliers/{A}", `{"name":"x"}`, "403"},
		{"root's", "", "POST", "/api-keys", `{"name":"x"}`, "403"},
		{"root's", "", "POST", "/me/api-key", "", "403"},
		{"root's", "", "DELETE", "/me/api-key", "", "403"},
		{"root's A", "", "DELETE", "/users/{ada}", "", "403"},
		{"root's A", "A", "DELETE", "/users/{ada}", "", "403"},
		{"root's A", "B", "GET", "/users", "", "foreign"},
		{"root's A", "A", "PUT", "/users/{ada}/memberships/supplier/{A}", `{"role":"viewer"}`, "200"},
		{"root's A", "", "PUT", "/users/{ada}/memberships/supplier/{B}", `{"role":"viewer"}`, "403/404"},
		{"root's A", "", "PUT", "/users/{ada}/memberships/global/-", `{"role":"viewer"}`, "403"},
		{"root's A", "", "PUT", "/users/{ada}/memberships", w.doc("A viewer, B viewer"), "403/422"},
		{"root's A", "", "PUT", "/users/{ada}/memberships", w.doc("A viewer, global viewer"), "403"},
		{"root's A", "A", "PATCH", "/users/{ada}", `{"role":"super_admin"}`, "403"},
		{"root's A", "A", "POST", "/users", `{"email":"x@example.com","role":"super_admin","memberships":` + w.doc("A viewer") + `}`, "403"},
		{"root's A", "", "GET", "/users/{agent}", "", "200"},
		{"root's A", "", "GET", "/users/{stranger}", "", "404"},
		{"root's A", "", "GET", "/audit/events/1", "", "404"},
	})
	w.holds("ada", "A viewer")
	w.lists("root's A", "", "", "ada admin agent")
	w.lists("root's A", "", "&id__in={stranger}", "")
	events := w.ask("root's A", "", "GET", "/audit/events?limit=1000", "", "200")
	for _, item := range events.json["items"].([]any) {
		if item.(map[string]any)["tenant_id"] != w.names["A"] {
			t.Errorf("the log of another: %v", item)
		}
	}
	if !strings.Contains(events.text, w.names["A"]) {
		t.Errorf("the log is empty: %s", events.text)
	}
	// The owner's entries elsewhere are as hidden from his key as from others.
	w.ask("root", "", "PUT", "/users/{agent}/memberships/supplier/{A}", `{"role":"viewer"}`, "200")
	w.ask("orders", "A", "GET", "/me", "", "200").wants(t, map[string]any{"effective_role": "viewer"})
	w.may("orders", "A", []string{"viewer"}, nil)
}
