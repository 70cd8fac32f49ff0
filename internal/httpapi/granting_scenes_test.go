package httpapi

import (
	"fmt"
	"strings"
	"testing"
)

// scene is one request of one person, and what becomes of it.
type scene struct{ person, tenant, method, path, body, want string }

// play asks one after the other.
func (w *town) play(scenes []scene) {
	w.t.Helper()
	for _, x := range scenes {
		w.ask(x.person, x.tenant, x.method, x.path, x.body, x.want)
	}
}

// TestGranting: what a supplier_admin may give, and to whom.
func TestGranting(t *testing.T) {
	t.Parallel()
	w := newTown(t, map[string]string{
		"admin": "A supplier_admin", "helpdesk": "A supplier_helpdesk", "admin of all": "global supplier_admin",
		"ada": "A viewer", "bob": "A viewer, B agent, global auditor", "far": "B viewer", "everywhere": "global viewer",
	})
	w.names["boss"] = w.as(w.root, "POST", "/users", w.fill(`{"email":"boss@example.com","role":"super_admin","memberships":`+w.doc("A viewer")+`}`), 201).json["id"].(string)
	one := func(capabilities string) string { return `{"role":"viewer","capabilities":[` + capabilities + `]}` }
	const ada, bob = "/users/{ada}/memberships", "/users/{bob}/memberships"

	for _, role := range []string{"supplier_admin", "supplier_helpdesk", "agent_admin", "agent", "reseller", "viewer", "auditor"} {
		w.ask("admin", "A", "PUT", ada+"/supplier/{A}", `{"role":"`+role+`"}`, "200")
		w.ask("helpdesk", "A", "PUT", ada+"/supplier/{A}", `{"role":"viewer"}`, "no admin")
		w.holds("ada", "A "+role)
	}
	// What some role but super_admin has by default; case does not matter.
	for _, capability := range []string{"manage_resellers", "manage_agents", "manage_configs", "manage_users", "read_audit", "place_orders", "view_orders", "view_data", "support_read", "Support_Read"} {
		w.ask("admin", "A", "PUT", ada+"/supplier/{A}", one(`"`+capability+`"`), "200")
	}
	w.holds("ada", "A viewer [support_read]")
	w.play([]scene{
		{"admin", "A", "PUT", ada + "/supplier/{A}", one(`"manage_suppliers"`), "403"},
		{"admin", "A", "PUT", ada + "/supplier/{A}", one(`"view_data","mine"`), "403"},
		{"admin", "A", "PUT", ada, `{"memberships":[{"scope_type":"supplier","scope_id":"{A}","role":"viewer","capabilities":["Manage_Suppliers"]}]}`, "403"},
		{"admin", "A", "PATCH", "/users/{ada}", `{"memberships":{"memberships":[{"scope_type":"supplier","scope_id":"{A}","role":"viewer","capabilities":["mine"]}]}}`, "403"},
		{"admin", "A", "POST", "/users", `{"email":"{new}@example.com","memberships":{"memberships":[{"scope_type":"supplier","scope_id":"{A}","role":"viewer","capabilities":["manage_suppliers"]}]}}`, "403"},
		{"admin", "A", "PUT", ada + "/supplier/{A}", `{"role":"super_admin"}`, "422"},
		{"admin", "A", "PUT", ada + "/global/-", `{"role":"viewer"}`, "403/404"},
		{"admin", "A", "DELETE", bob + "/global/-", "", "403/404"},
		{"admin", "A", "PUT", ada + "/supplier/{B}", `{"role":"viewer"}`, "404"},
		{"admin", "A", "DELETE", bob + "/supplier/{B}", "", "404"},
		{"admin", "A", "PUT", ada, w.doc("A viewer, B viewer"), "403"},
		{"admin", "A", "PUT", bob, w.doc("A viewer, B agent"), "403"},
		{"admin", "A", "PUT", ada, w.doc("global viewer"), "403"},
		{"admin", "A", "PATCH", "/users/{ada}", `{"memberships":` + w.doc("A viewer, B viewer") + `}`, "403"},
		{"admin", "A", "PATCH", "/users/{ada}", `{"memberships":` + w.doc("A viewer, global viewer") + `}`, "403"},
		{"admin", "A", "PUT", "/users/{far}/memberships/supplier/{A}", `{"role":"viewer"}`, "404"},
		{"admin", "A", "PUT", "/users/{far}/memberships", w.doc("A viewer"), "404"},
		{"admin", "A", "PUT", "/users/{everywhere}/memberships/supplier/{A}", `{"role":"viewer"}`, "404"},
		// The global administrator gives in the active supplier, and not globally.
		{"admin of all", "A", "PUT", ada + "/global/-", `{"role":"viewer"}`, "403/404"},
		{"admin of all", "A", "PUT", ada, w.doc("global viewer"), "403"},
		{"admin of all", "A", "PUT", ada, w.doc("B viewer"), "403"},
		{"admin of all", "B", "PUT", ada + "/supplier/{B}", `{"role":"viewer"}`, "404"},
		// Everything about a super_admin is super_admin's alone.
		{"admin", "A", "PUT", "/users/{boss}/memberships/supplier/{A}", `{"role":"agent"}`, "403/404"},
		{"admin", "A", "DELETE", "/users/{boss}/memberships/supplier/{A}", "", "403/404"},
		{"admin", "A", "PATCH", "/users/{boss}", `{"name":"x"}`, "403/404"},
		{"admin", "A", "POST", "/users/{boss}/disable", "", "403/404"},
		{"admin", "A", "POST", "/users/{boss}/enable", "", "403/404"},
	})
	w.holds("ada", "A viewer [support_read]")
	w.holds("bob", "A viewer, B agent, global auditor")
	w.holds("boss", "A viewer")
	w.holds("far", "B viewer")

	// What root gave may be sent back unchanged, and nothing more of the kind.
	w.play([]scene{
		{"root", "", "PUT", ada + "/supplier/{A}", one(`"mine","manage_suppliers","view_data"`), "200"},
		{"admin", "A", "PUT", ada + "/supplier/{A}", `{"role":"agent","capabilities":["view_orders","mine","MANAGE_SUPPLIERS"]}`, "200"},
		{"admin", "A", "PUT", ada + "/supplier/{A}", one(`"mine","manage_suppliers","yours"`), "403"},
		{"admin", "A", "PUT", ada + "/supplier/{A}", one(`"mine"`), "200"},
		{"admin", "A", "PUT", ada + "/supplier/{A}", one(`"mine","manage_suppliers"`), "403"},
	})
	w.holds("ada", "A viewer [mine]")

	// A replacement by an administrator of A is one of what lies in A.
	w.ask("admin", "A", "PUT", bob, w.doc("A agent"), "200")
	w.holds("bob", "A agent, B agent, global auditor")
	w.ask("admin", "A", "PATCH", "/users/{bob}", `{"memberships":`+w.doc("A reseller")+`}`, "200")
	w.holds("bob", "A reseller, B agent, global auditor")
	w.ask("admin", "A", "PUT", bob, w.doc(""), "200")
	w.holds("bob", "B agent, global auditor")
	w.ask("admin", "A", "GET", "/users/{bob}", "", "404")
}

// TestNobodyPromotesHimself, nor makes a super_admin unless he is one.
func TestNobodyPromotesHimself(t *testing.T) {
	t.Parallel()
	w := newTown(t, map[string]string{"admin": "A supplier_admin, B viewer", "ada": "A viewer", "admin of all": "global supplier_admin"})
	w.names["mine"] = w.made(w.keys["admin"], w.names["A"], "")
	const own = "/users/{admin}/memberships"
	w.play([]scene{
		{"admin", "A", "PUT", own, w.doc("A supplier_admin"), "403"},
		{"admin", "A", "PUT", own, w.doc("A viewer"), "403"},
		{"admin", "A", "PUT", own, w.doc(""), "403"},
		{"admin", "A", "PUT", own + "/supplier/{A}", `{"role":"agent"}`, "403"},
		{"admin", "A", "PUT", own + "/supplier/{A}", `{"role":"supplier_admin","capabilities":["support_read"]}`, "403"},
		{"admin", "A", "DELETE", own + "/supplier/{A}", "", "403"},
		{"admin", "A", "PATCH", "/users/{admin}", `{"memberships":` + w.doc("A agent") + `}`, "403"},
		{"admin", "A", "PATCH", "/users/{admin}", `{"role":"agent"}`, "403"},
		{"admin", "A", "PATCH", "/users/{admin}", `{"role":"super_admin"}`, "403"},
		{"admin", "A", "POST", "/users/{admin}/disable", "", "403"},
		{"admin of all", "B", "PUT", "/users/{admin of all}/memberships/supplier/{B}", `{"role":"supplier_admin"}`, "403/404"},
		{"admin", "A", "PATCH", "/users/{mine}", `{"role":"super_admin"}`, "403"},
		{"admin", "A", "PATCH", "/users/{mine}", `{"role":"ADMIN"}`, "403"},
		{"admin", "A", "PATCH", "/users/{ada}", `{"role":"super_admin"}`, "403"},
		{"admin", "A", "POST", "/users", `{"email":"x@example.com","role":"super_admin"}`, "403"},
		{"admin", "A", "POST", "/users", `{"email":"x@example.com","role":"Admin","memberships":` + w.doc("A viewer") + `}`, "403"},
		{"root", "", "PATCH", "/users/{root}", `{"role":"viewer"}`, "403"},
		{"root", "", "POST", "/users/{root}/disable", "", "403"},
		{"root", "", "DELETE", "/users/{root}", "", "403"},
		{"root", "", "PATCH", "/users/{root}", `{"role":"super_admin","name":"R"}`, "200"},
		{"root", "", "PUT", "/users/{root}/memberships/supplier/{A}", `{"role":"viewer"}`, "200"},
		{"root", "", "DELETE", "/users/{root}/memberships/supplier/{A}", "", "204"},
		{"root", "", "PATCH", "/users/{ada}", `{"role":"Admin"}`, "200"},
		{"admin", "A", "PATCH", "/users/{ada}", `{"role":"viewer"}`, "403/404"},
		{"root", "", "PATCH", "/users/{ada}", `{"role":"viewer"}`, "200"},
	})
	w.holds("admin", "A supplier_admin, B viewer")
	w.ask("root", "", "GET", "/users/{admin}", "", "200").wants(t, map[string]any{"role": "viewer", "status": "invited"})
	w.ask("root", "", "GET", "/users?email=x@example.com", "", "200").wants(t, map[string]any{"total": 0.0})
}

// TestSharedUsers: what a supplier_admin may change of one whom others have too.
func TestSharedUsers(t *testing.T) {
	t.Parallel()
	w := newTown(t, map[string]string{"admin": "A supplier_admin", "admin of B": "B supplier_admin", "given": "A viewer"})
	for _, name := range []string{"own", "elsewhere", "global"} {
		w.names[name] = w.made(w.keys["admin"], w.names["A"], w.entries("A viewer"))
	}
	w.ask("root", "", "PUT", "/users/{elsewhere}/memberships/supplier/{B}", `{"role":"viewer"}`, "200")
	w.ask("root", "", "PUT", "/users/{global}/memberships/global/-", `{"role":"viewer"}`, "200")
	changes := func(user, want string) {
		t.Helper()
		for _, x := range []scene{
			{"admin", "A", "PATCH", "/users/{" + user + "}", `{"name":"{new}"}`, want},
			{"admin", "A", "PATCH", "/users/{" + user + "}", `{"role":"agent"}`, want},
			{"admin", "A", "PATCH", "/users/{" + user + "}", `{"role":"auditor","name":null}`, want},
			{"admin", "A", "PATCH", "/users/{" + user + "}", `{"memberships":{"default_role":"agent","memberships":[{"scope_type":"supplier","scope_id":"{A}","role":"viewer"}]}}`, want},
			{"admin", "A", "PUT", "/users/{" + user + "}/memberships", `{"default_role":"auditor","memberships":[{"scope_type":"supplier","scope_id":"{A}","role":"viewer"}]}`, want},
			{"admin", "A", "POST", "/users/{" + user + "}/disable", "", want},
			{"admin", "A", "POST", "/users/{" + user + "}/enable", "", want},
		} {
			w.ask(x.person, x.tenant, x.method, x.path, x.body, x.want)
		}
	}
	changes("own", "200")
	for _, user := range []string{"given", "elsewhere", "global"} {
		before := w.ask("root", "", "GET", "/users/{"+user+"}", "", "200")
		changes(user, "403 not_yours")
		if after := w.ask("root", "", "GET", "/users/{"+user+"}", "", "200"); after.text != before.text {
			t.Errorf("%s: %s\nis now %s", user, before.text, after.text)
		}
		// The entry in A is the administrator's all the same.
		w.ask("admin", "A", "PUT", "/users/{"+user+"}/memberships/supplier/{A}", `{"role":"agent"}`, "200")
	}
	w.ask("admin of B", "B", "PATCH", "/users/{elsewhere}", `{"name":"x"}`, "403 not_yours")
	w.ask("root", "", "DELETE", "/users/{elsewhere}/memberships/supplier/{B}", "", "204")
	w.ask("root", "", "DELETE", "/users/{global}/memberships/global/-", "", "204")
	changes("elsewhere", "200")
	changes("global", "200")
	for _, user := range []string{"own", "given"} {
		w.ask("admin", "A", "PATCH", "/users/{"+user+"}", `{"email":"{new}@example.com"}`, "403")
	}
	// His own name he does not change by the route of administrators unless he is one.
	w.ask("root", "", "PATCH", "/users/{own}", `{"email":"Own@Example.com"}`, "200").wants(t, map[string]any{"email": "own@example.com"})
}

// TestWhatOthersSee: one who administers A learns of nothing outside of it.
func TestWhatOthersSee(t *testing.T) {
	t.Parallel()
	w := newTown(t, map[string]string{
		"admin": "A supplier_admin", "helpdesk": "A supplier_helpdesk", "admin of B": "B supplier_admin", "ada": "A viewer, B agent, global auditor", "far": "B viewer", "everywhere": "global agent",
	})
	w.names["made"] = w.made(w.keys["admin"], w.names["A"], "")
	for who, want := range map[[2]string]string{
		{"admin", "A"}: "A viewer", {"admin of B", "B"}: "B agent", {"root", ""}: "A viewer, B agent, global auditor", {"ada", ""}: "A viewer, B agent, global auditor", {"ada", "A"}: "A viewer, B agent, global auditor",
	} {
		got := w.ask(who[0], who[1], "GET", "/users/{ada}", "", "200")
		if w.shown(got) != want {
			t.Errorf("%v sees %q, want %q", who, w.shown(got), want)
		}
		if who[0] != "ada" {
			if got := w.shown(w.ask(who[0], who[1], "GET", "/users/{ada}/memberships", "", "200")); got != want {
				t.Errorf("%v reads %q, want %q", who, got, want)
			}
		}
		if strings.HasPrefix(who[0], "admin") {
			for _, foreign := range []string{"A", "B"} {
				if foreign != who[1] && strings.Contains(got.text, w.names[foreign]) {
					t.Errorf("%v: %s is told: %s", who, foreign, got.text)
				}
			}
		}
	}
	for _, person := range []string{"admin", "helpdesk"} {
		w.lists(person, "A", "", "ada admin helpdesk made")
		w.lists(person, "A", "&id__in={ada}&id__in={far}&id__in={everywhere}&id__in={root}", "ada")
		w.lists(person, "A", "&id__in={far}", "")
	}
	w.lists("admin of B", "B", "", "ada admin_of_B far")
	w.lists("root", "A", "", "ada admin helpdesk made")
	w.lists("root", "", "&supplier_id={A}", "ada admin helpdesk made")
	w.lists("root", "", "&supplier_id={B}", "ada admin_of_B far")
	w.lists("root", "A", "&supplier_id={B}", "ada")
	w.lists("root", "", "&supplier_id={unknown}", "")
	w.lists("root", "U", "", "")

	// Who is not visible and who is not are told alike.
	for _, x := range []scene{
		{"admin", "A", "GET", "/users/%s", "", "404"},
		{"admin", "A", "PATCH", "/users/%s", `{"name":"x"}`, "404"},
		{"admin", "A", "PATCH", "/users/%s", `{"role":"super_admin"}`, "404/403"},
		{"admin", "A", "POST", "/users/%s/disable", "", "404"},
		{"admin", "A", "POST", "/users/%s/enable", "", "404"},
		{"admin", "A", "GET", "/users/%s/memberships", "", "404"},
		{"admin", "A", "PUT", "/users/%s/memberships", w.doc("A viewer"), "404"},
		{"admin", "A", "PUT", "/users/%s/memberships", w.doc("B viewer"), "404/403"},
		{"admin", "A", "PUT", "/users/%s/memberships/supplier/{A}", `{"role":"viewer"}`, "404"},
		{"admin", "A", "DELETE", "/users/%s/memberships/supplier/{A}", "", "404"},
		{"admin", "A", "DELETE", "/users/%s/memberships/supplier/{B}", "", "404"},
		{"ada", "A", "GET", "/users/%s", "", "404"},
		{"root", "A", "GET", "/users/%s", "", "404"},
		{"root", "A", "PATCH", "/users/%s", `{"name":"x"}`, "404"},
		{"root", "A", "PUT", "/users/%s/memberships/supplier/{A}", `{"role":"viewer"}`, "404"},
		{"root", "A", "DELETE", "/users/%s", "", "404"},
	} {
		unknown := w.ask(x.person, x.tenant, x.method, fmt.Sprintf(x.path, "{unknown}"), x.body, x.want)
		for _, target := range []string{"{far}", "{everywhere}"} {
			got := w.ask(x.person, x.tenant, x.method, fmt.Sprintf(x.path, target), x.body, x.want)
			if !alike(got, unknown) {
				t.Errorf("%s %s: %s is told from one who is unknown: %s, %s", x.method, x.path, target, got.text, unknown.text)
			}
		}
	}
}

// alike tells whether two problems differ in nothing but the id of the request.
func alike(a, b response) bool {
	for _, member := range []string{"type", "title", "status", "detail", "code"} {
		if a.json[member] != b.json[member] {
			return false
		}
	}
	return len(a.json) == len(b.json)
}

// lists fails unless a person's list of users has these people, by name.
func (w *town) lists(person, tenant, query, want string) {
	w.t.Helper()
	got := w.ask(person, tenant, "GET", "/users?order_by=email&page_size=100"+query, "", "200")
	var all []string
	items, _ := got.json["items"].([]any)
	for name := range strings.SplitSeq(want, " ") {
		for _, item := range items {
			if item.(map[string]any)["id"] == w.names[strings.ReplaceAll(name, "_", " ")] {
				all = append(all, name)
			}
		}
	}
	if strings.Join(all, " ") != want || fmt.Sprint(got.json["total"]) != fmt.Sprint(len(items)) || len(items) != len(strings.Fields(want)) {
		w.t.Errorf("%s in %q with %q: sees %v of %q in %s", person, tenant, query, all, want, got.text)
	}
}
