package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"tenure/internal/authz"
	"tenure/internal/commands"
	"tenure/internal/events"
)

// TestOnesOtherSuppliersAreNotTold: by whom a user was made, and what names his
// providers know him by, are not for those of another supplier.
func TestOnesOtherSuppliersAreNotTold(t *testing.T) {
	t.Parallel()
	// Memberships that take little room are kept with the user, others apart.
	for name, metadata := range map[string]string{"small": "", "large": strings.Repeat("x", 5000)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tellsNoOther(t, metadata)
		})
	}
}

func tellsNoOther(t *testing.T, metadata string) {
	t.Helper()
	w := newTown(t, map[string]string{"admin": "A supplier_admin", "helpdesk": "A supplier_helpdesk", "admin of B": "B supplier_admin"})
	w.names["guest"] = w.made(w.keys["admin of B"], w.names["B"], "")
	w.keys["guest"] = w.issue(commands.Receipt{}, events.UserID(w.names["guest"]))
	w.ask("root", "", "PUT", "/users/{guest}/memberships/supplier/{B}", `{"role":"agent","metadata":{"a":"`+metadata+`"}}`, "200")
	w.ask("root", "", "PUT", "/users/{guest}/memberships", w.doc("A viewer, B agent, global auditor"), "200")
	all := []scene{
		{"admin", "A", "GET", "/users/{guest}", "", "200"},
		{"helpdesk", "A", "GET", "/users/{guest}", "", "200"},
		{"admin", "A", "GET", "/users", "", "200"},
		{"admin", "A", "GET", "/users/{guest}/memberships", "", "200"},
		{"admin", "A", "PUT", "/users/{guest}/memberships", w.doc("A agent"), "200"},
		{"admin", "A", "PUT", "/users/{guest}/memberships/supplier/{A}", `{"role":"viewer"}`, "200"},
		{"admin", "A", "PATCH", "/users/{guest}", `{"memberships":` + w.doc("A reseller") + `}`, "200"},
		{"admin", "A", "PATCH", "/users/{guest}", `{}`, "200"},
	}
	for _, x := range all {
		got := w.ask(x.person, x.tenant, x.method, x.path, x.body, x.want)
		if strings.Contains(got.text, w.names["B"]) || strings.Contains(got.text, "Supplier B") || strings.Contains(got.text, `"global"`) {
			t.Errorf("%s %s %s: %s is told of B: %s", x.method, x.path, x.body, x.person, got.text)
		}
	}
	w.ask("root", "", "GET", "/users/{guest}", "", "200").wants(t, map[string]any{"supplier_id": w.names["B"]})
	w.ask("guest", "A", "GET", "/me", "", "200").wants(t, map[string]any{"supplier_id": w.names["B"]})
	w.holds("guest", "A reseller, B agent, global auditor")
}

// TestTheLogOfASupplier tells what happened there, and of nothing else.
func TestTheLogOfASupplier(t *testing.T) {
	t.Parallel()
	w := newTown(t, map[string]string{"auditor": "A auditor", "admin": "A supplier_admin", "auditor of both": "A auditor, B auditor", "ada": "A viewer, B agent, global viewer"})
	w.ask("admin", "A", "PUT", "/users/{ada}/memberships", w.doc("A agent"), "200")
	w.ask("root", "", "PUT", "/users/{ada}/memberships", w.doc("A viewer, B viewer"), "200")
	for _, x := range [][2]string{{"auditor", "A"}, {"admin", "A"}, {"auditor of both", "A"}, {"auditor of both", "B"}, {"root", "A"}} {
		got := w.ask(x[0], x[1], "GET", "/audit/events?limit=1000", "", "200")
		types := map[any]int{}
		for _, item := range got.json["items"].([]any) {
			e := item.(map[string]any)
			types[e["type"]]++
			if e["tenant_id"] != w.names[x[1]] {
				t.Errorf("%v reads %v", x, item)
			}
		}
		if types["supplier.created"] != 1 || types["membership.set"] == 0 {
			t.Errorf("%v reads %v", x, types)
		}
		if other := w.names[map[string]string{"A": "B", "B": "A"}[x[1]]]; strings.Contains(got.text, other) {
			t.Errorf("%v reads of the other: %s", x, got.text)
		}
	}
	audited := w.ask("auditor", "A", "GET", "/audit/events?type=membership.set&actor_id={admin}", "", "200")
	if len(audited.json["items"].([]any)) != 1 {
		t.Errorf("what an administrator did is not audited: %s", audited.text)
	}
	for _, filter := range []string{"stream_id={B}", "stream_id={admin}", "actor_id={unknown}"} {
		if got := w.ask("auditor", "A", "GET", "/audit/events?"+filter, "", "200"); len(got.json["items"].([]any)) > 0 {
			t.Errorf("%s: %s", filter, got.text)
		}
	}
}

// TestWhereAnActorWas is told of who acted by authority there, and to
// super_admin of everyone. The keys of a user whom A made are events of A, also
// when he has no authority in it.
func TestWhereAnActorWas(t *testing.T) {
	t.Parallel()
	w := newTown(t, map[string]string{"auditor": "A auditor", "admin": "A supplier_admin", "admin of all": "global supplier_admin", "ada": "A viewer"})
	w.names["made"] = w.made(w.keys["admin"], w.names["A"], "")
	w.keys["made"] = w.issue(commands.Receipt{}, events.UserID(w.names["made"]))
	w.ask("made", "", "POST", "/api-keys", `{"name":"his"}`, "201")
	w.ask("admin of all", "A", "PUT", "/users/{ada}/memberships/supplier/{A}", `{"role":"reseller"}`, "200")
	for _, x := range []struct {
		person, actor string
		told          bool
	}{
		{"auditor", "admin", true},
		{"auditor", "admin of all", true},
		{"auditor", "root", true},
		{"auditor", "made", false},
		{"root", "admin", true},
		{"root", "made", true},
	} {
		list := w.ask(x.person, "A", "GET", "/audit/events?limit=1&actor_id={"+x.actor+"}", "", "200")
		items := list.json["items"].([]any)
		if len(items) != 1 {
			t.Fatalf("%s reads of %s: %s", x.person, x.actor, list.text)
		}
		w.names["event"] = fmt.Sprint(items[0].(map[string]any)["position"])
		one := w.ask(x.person, "A", "GET", "/audit/events/{event}", "", "200")
		for _, e := range []any{items[0], one.json} {
			meta := e.(map[string]any)["meta"].(map[string]any)
			if told := meta["ip"] != nil; told != x.told || told != (meta["user_agent"] != nil) {
				t.Errorf("%s is told where %s was: %v, want %v", x.person, x.actor, meta, x.told)
			}
		}
	}
}

// TestAReplayNeedsAuthority: who may no more is not told what he was told.
func TestAReplayNeedsAuthority(t *testing.T) {
	t.Parallel()
	w := newTown(t, map[string]string{"admin": "A supplier_admin"})
	send := func(want string) {
		t.Helper()
		q := request{
			method: http.MethodPost, path: "/api/v1/users", body: `{"email":"ada@example.com"}`, as: w.keys["admin"],
			header: map[string]string{tenantHeader: w.names["A"], "Idempotency-Key": "k"},
		}
		if wrong := answersOtherwise(q.send(t, w.Server), want); wrong != "" {
			t.Error(wrong)
		}
	}
	send("201")
	send("201")
	w.ask("root", "", "PUT", "/users/{admin}/memberships/supplier/{A}", `{"role":"supplier_helpdesk"}`, "200")
	send("no admin")
	w.ask("root", "", "PUT", "/users/{admin}/memberships/supplier/{B}", `{"role":"supplier_admin"}`, "200")
	send("403 role_denied")
	w.ask("root", "", "DELETE", "/users/{admin}/memberships/supplier/{A}", "", "204")
	send("foreign")
}

// TestTwoSuperAdminsAtOnce: of two who remove each other one stays.
func TestTwoSuperAdminsAtOnce(t *testing.T) {
	t.Parallel()
	w := newTown(t, nil)
	second := func() (id events.UserID, key string) {
		id = events.UserID(w.newID())
		return id, w.issue(w.must(w.commands.CreateUser(t.Context(), authz.System("test"), commands.CreateUser{
			ID: id, Email: string(id) + "@example.com", Role: events.SuperAdmin, Active: true,
		})), id)
	}
	here, hereKey := w.rootID, w.root
	for _, x := range [][3]string{{"DELETE", "", ""}, {"PATCH", "", `{"role":"viewer"}`}, {"POST", "/disable", ""}} {
		there, thereKey := second()
		var group sync.WaitGroup
		var answers [2]response
		for i, q := range []request{{path: "/api/v1/users/" + string(there) + x[1], as: hereKey}, {path: "/api/v1/users/" + string(here) + x[1], as: thereKey}} {
			q.method, q.body = x[0], x[2]
			group.Go(func() { answers[i] = q.send(t, w.Server) })
		}
		group.Wait()
		if won := answers[0].status == 200; won == (answers[1].status == 200) {
			t.Fatalf("%s%s: got %d %s and %d %s", x[0], x[1], answers[0].status, answers[0].text, answers[1].status, answers[1].text)
		} else if !won {
			here, hereKey = there, thereKey
		}
		w.as(hereKey, "GET", "/suppliers", "", 200)
	}
}

// TestAWriteIsInTheNextMe, whoever made it.
func TestAWriteIsInTheNextMe(t *testing.T) {
	t.Parallel()
	w := newTown(t, map[string]string{"ada": "A viewer"})
	for _, name := range []string{"one", "two", "three"} {
		w.ask("root", "", "PATCH", "/users/{ada}", `{"name":"`+name+`"}`, "200")
		for _, path := range []string{"/me", "/users/me", "/users/{ada}"} {
			w.ask("ada", "A", "GET", path, "", "200").wants(t, map[string]any{"name": name})
		}
	}
	w.ask("root", "", "PATCH", "/users/{ada}", `{"role":"Wholesaler_Helpdesk"}`, "200")
	got := w.ask("ada", "A", "GET", "/me", "", "200")
	got.wants(t, map[string]any{"role": "supplier_helpdesk", "effective_role": "viewer"})
	if w.shown(got) != "A viewer" {
		t.Errorf("got %s", got.text)
	}
	w.ask("root", "", "PATCH", "/users/{ada}", `{"name":"four"}`, "200").wants(t, map[string]any{"role": "supplier_helpdesk"})
}

// TestALimitedKeyTellsOfItsSuppliersAlone, also its own owner.
func TestALimitedKeyTellsOfItsSuppliersAlone(t *testing.T) {
	t.Parallel()
	w := newTown(t, map[string]string{"admin of B": "B supplier_admin", "both": "A viewer, B viewer"})
	w.names["ada"] = w.made(w.keys["admin of B"], w.names["B"], "")
	w.keys["ada"] = w.issue(commands.Receipt{}, events.UserID(w.names["ada"]))
	w.ask("root", "", "PUT", "/users/{ada}/memberships", w.doc("A supplier_admin, B viewer, global viewer"), "200")
	limited := func(owner, name, tenants string) {
		w.keys[name], _ = w.ask(owner, "", "POST", "/api-keys", `{"name":"x","tenants":[`+tenants+`]}`, "201").json["api_key"].(string)
	}
	limited("ada", "in A", `"{A}"`)
	limited("ada", "in both", `"{A}","{B}"`)
	limited("root", "root in A", `"{A}"`)
	for _, x := range []scene{
		{"in A", "", "GET", "/me", "", "200"},
		{"in A", "A", "GET", "/me", "", "200"},
		{"in A", "", "GET", "/users/me", "", "200"},
		{"in A", "", "GET", "/users/{ada}", "", "200"},
		{"in A", "", "GET", "/suppliers/me", "", "200"},
		{"in A", "", "GET", "/me/capabilities", "", "200"},
		{"in A", "A", "GET", "/users/{ada}/memberships", "", "200"},
		{"root in A", "", "GET", "/users/{ada}", "", "200"},
		{"root in A", "", "GET", "/users/{both}", "", "200"},
		{"root in A", "", "GET", "/users", "", "200"},
		{"root in A", "", "GET", "/users/{ada}/memberships", "", "200"},
		{"root in A", "", "PATCH", "/users/{ada}", `{"name":"{new}"}`, "200"},
		{"root in A", "", "PUT", "/users/{ada}/memberships", w.doc("A supplier_admin"), "200"},
	} {
		if got := w.ask(x.person, x.tenant, x.method, x.path, x.body, x.want); strings.Contains(got.text, w.names["B"]) || strings.Contains(got.text, `"global"`) {
			t.Errorf("%s %s: %s is told of B: %s", x.method, x.path, x.person, got.text)
		}
	}
	if got := w.shown(w.ask("in both", "", "GET", "/me", "", "200")); got != "A supplier_admin, B viewer" {
		t.Errorf("a key for both tells of %q", got)
	}
	w.ask("in A", "", "GET", "/me/capabilities", "", "200").wants(t, map[string]any{"multi_tenant": false})
	w.ask("in both", "", "GET", "/me/capabilities", "", "200").wants(t, map[string]any{"multi_tenant": true})
	w.holds("ada", "A supplier_admin, B viewer, global viewer")
}

// TestAKeyOfAnothersUserTellsOfNoOtherSupplier: a key's events are in the log of
// the supplier that made its owner, who may have limited it to others.
func TestAKeyOfAnothersUserTellsOfNoOtherSupplier(t *testing.T) {
	t.Parallel()
	w := newTown(t, map[string]string{"admin": "A supplier_admin", "admin of all": "global supplier_admin"})
	w.names["shared"] = w.made(w.keys["admin"], w.names["A"], "")
	w.as(w.root, "PUT", w.fill("/users/{shared}/memberships/supplier/{B}"), `{"role":"viewer"}`, 200)
	key := w.issue(commands.Receipt{}, events.UserID(w.names["shared"]))
	w.as(key, "POST", "/api-keys", w.fill(`{"name":"for the other","tenants":["{B}"]}`), 201)
	for person, told := range map[string]bool{"admin": false, "root": true} {
		got := w.ask(person, "A", "GET", "/audit/events?limit=1000&type=api_key.issued", "", "200")
		if strings.Contains(got.text, w.names["B"]) != told || !strings.Contains(got.text, "for the other") {
			t.Errorf("%s is told of B: %v: %s", person, !told, got.text)
		}
	}
	// One who is visible nowhere sees his own memberships all the same.
	for _, path := range []string{"/users/{admin of all}", "/users/{admin of all}/memberships"} {
		w.ask("admin of all", "A", "GET", path, "", "200")
	}
}
