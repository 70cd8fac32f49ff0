package httpapi

import (
	"fmt"
	"strings"
	"testing"

	"tenure/internal/commands"
	"tenure/internal/events"
)

// tenantHeader names the active supplier.
const tenantHeader = "X-Tenant-ID"

// town is two suppliers, a third that is closed, and people who knock at their
// doors. Whoever has a role without a further word has it in A.
type town struct {
	*stack
	keys  map[string]string // of persons
	names map[string]string // ids that a path or a body names in braces
}

// newTown has these people: names, and memberships like "A viewer, global
// agent".
func newTown(t *testing.T, people map[string]string) *town {
	t.Helper()
	w := &town{stack: startStack(t, nil), keys: map[string]string{}, names: map[string]string{}}
	for _, name := range []string{"A", "B", "C"} {
		w.names[name] = w.supplier("Supplier " + name)
	}
	w.names["U"], w.names["unknown"], w.names["no id"], w.names["root"] = w.newID(), w.newID(), "no-id", string(w.rootID)
	w.keys["root"] = w.root
	for name, entries := range people {
		id := w.person(entries)
		w.names[name], w.keys[name] = id, w.issue(commands.Receipt{}, events.UserID(id))
	}
	w.ask("root", "", "PATCH", "/suppliers/{C}", `{"is_active":false}`, "200")
	return w
}

// newCity has everyone that there can be.
func newCity(t *testing.T) *town {
	t.Helper()
	w := newTown(t, map[string]string{
		"viewer": "A viewer", "agent": "A agent", "agent admin": "A agent_admin", "reseller": "A reseller", "auditor": "A auditor",
		"helpdesk": "A supplier_helpdesk", "admin": "A supplier_admin", "admin of B": "B supplier_admin", "admin of both": "A supplier_admin, B supplier_admin",
		"admin of the closed": "C supplier_admin", "admin and viewer": "A supplier_admin, B viewer", "admin of all": "global supplier_admin", "viewer of all": "global viewer", "stranger": "",
		"disabled admin": "A supplier_admin",
	})
	w.ask("root", "", "POST", "/users/{disabled admin}/disable", "", "200")
	w.narrowed()
	w.targets()
	return w
}

// narrowed are keys that do less than their owners. Held is judged in the
// active supplier, hence the header.
func (w *town) narrowed() {
	narrow := func(owner, name, narrowing string, header ...string) {
		got := w.as(w.keys[owner], "POST", "/api-keys", w.fill(`{"name":"narrow",`+narrowing+`}`), 201, header...)
		w.keys[name], _ = got.json["api_key"].(string)
		w.names[name] = w.names[owner]
	}
	narrow("root", "root, reading", `"capabilities":[]`)
	narrow("root", "root, for users", `"capabilities":["manage_users"]`)
	narrow("root", "root, in A", `"tenants":["{A}"]`)
	narrow("admin", "admin, reading", `"capabilities":[]`)
	narrow("admin", "admin, for users", `"capabilities":["manage_users"]`, tenantHeader, w.names["A"])
	narrow("admin", "admin, in A", `"tenants":["{A}"]`)
	narrow("admin of both", "admin of both, in A", `"tenants":["{A}"]`)
}

// targets are users to whom something is done. What is made in A was made by
// its admin; the others by root.
func (w *town) targets() {
	for name, entries := range map[string]string{
		"one of A": "A viewer", "one of B": "B viewer", "one of both": "A viewer, B viewer", "one of all": "global viewer", "one of none": "",
		"replaced": "A viewer", "set": "A viewer", "set in B": "A viewer, B viewer",
	} {
		w.names[name] = w.person(entries)
	}
	for _, name := range []string{"made in A", "switched off", "switched on", "made in A, now of both"} {
		w.names[name] = w.made(w.keys["admin"], w.names["A"], "")
	}
	w.as(w.root, "PUT", w.fill("/users/{made in A, now of both}/memberships/supplier/{B}"), `{"role":"viewer"}`, 200)
	key := w.issue(commands.Receipt{}, events.UserID(w.names["one of A"]))
	w.names["key of one of A"], _ = w.as(key, "POST", "/api-keys", `{"name":"his"}`, 201).json["id"].(string)
	w.names["event of A"], w.names["event of B"], w.names["event of none"] = w.event("A"), w.event("B"), w.event("root")
}

// event is the position of the first event of a thing.
func (w *town) event(name string) string {
	w.t.Helper()
	all := positions(w.as(w.root, "GET", "/audit/events?stream_id="+w.names[name], "", 200))
	if len(all) == 0 {
		w.t.Fatalf("%s has no event", name)
	}
	return fmt.Sprint(all[0])
}

// person is made by root, with memberships: "A viewer, global agent".
func (w *town) person(entries string) string {
	w.t.Helper()
	return w.made(w.root, "", w.entries(entries))
}

// made makes a user by a key, in the supplier that is active.
func (w *town) made(key, tenant, entries string) string {
	w.t.Helper()
	body := `{"email":"` + w.newID() + `@example.com","role":"viewer"`
	if entries != "" {
		body += `,"memberships":{"memberships":` + entries + `}`
	}
	id, _ := w.as(key, "POST", "/users", body+"}", 201, tenantHeader, tenant).json["id"].(string)
	return id
}

// entries are a list of membership entries as JSON; empty for none.
func (w *town) entries(text string) string {
	var all []string
	for one := range strings.SplitSeq(text, ", ") {
		scope, role, ok := strings.Cut(one, " ")
		switch {
		case !ok:
		case scope == "global":
			all = append(all, `{"scope_type":"global","scope_id":null,"role":"`+role+`"}`)
		default:
			all = append(all, `{"scope_type":"supplier","scope_id":"`+w.names[scope]+`","role":"`+role+`"}`)
		}
	}
	if len(all) == 0 {
		return ""
	}
	return "[" + strings.Join(all, ",") + "]"
}

// fill puts ids in the place of names in braces.
func (w *town) fill(text string) string {
	var pairs []string
	for name, id := range w.names {
		pairs = append(pairs, "{"+name+"}", id)
	}
	return strings.NewReplacer(append(pairs, "{new}", w.newID())...).Replace(text)
}

// ask sends a request as a person, in the supplier of that name, and fails
// unless it is answered so: with a status, and a code when one is told.
func (w *town) ask(person, tenant, method, path, body, want string) response {
	w.t.Helper()
	q := request{method: method, path: "/api/v1" + w.fill(path), body: w.fill(body), as: w.keyOf(person), header: map[string]string{tenantHeader: w.names[tenant]}}
	got := q.send(w.t, w.Server)
	if wrong := answersOtherwise(got, want); wrong != "" {
		w.t.Errorf("%s in %q: %s %s %s: %s", person, tenant, method, path, body, wrong)
	}
	return got
}

// keyOf is a person's; one that is not known is a mistake of the test's.
func (w *town) keyOf(person string) string {
	w.t.Helper()
	key := w.keys[person]
	if key == "" && person != "nobody" {
		w.t.Fatalf("there is no %s in town", person)
	}
	return key
}

// answersOtherwise tells how an answer differs from what a word or several,
// with a slash between, say: a status, "422 duplicate_scope", or a name below.
func answersOtherwise(got response, want string) string {
	for word := range strings.SplitSeq(want, "/") {
		status, code, detail := meaning(word)
		if fmt.Sprint(got.status) == status && (code == "" || got.json["code"] == code) && (detail == "" || got.json["detail"] == detail) {
			return wholeProblem(got)
		}
	}
	return fmt.Sprintf("got %d %s, want %s", got.status, got.text, want)
}

// notAnAdmin is the fixed text where only administrators may.
const notAnAdmin = "User is not an admin."

// meaning is the status, code and text of a word; what is empty may be any.
func meaning(word string) (status, code, detail string) {
	switch word {
	case "required":
		return "400", "tenant_required", ""
	case "malformed":
		return "400", "tenant_malformed", ""
	case "foreign":
		return "403", "tenant_denied", ""
	case "no admin":
		return "403", "role_denied", notAnAdmin
	}
	status, code, _ = strings.Cut(word, " ")
	return status, code, ""
}

// wholeProblem tells what a refusal lacks; a request is told by its own id.
func wholeProblem(got response) string {
	if got.status < 400 {
		return ""
	}
	for _, member := range []string{"type", "title", "status", "detail", "code", "request_id"} {
		if got.json[member] == nil || got.json[member] == "" {
			return "the problem lacks " + member + ": " + got.text
		}
	}
	return ""
}
