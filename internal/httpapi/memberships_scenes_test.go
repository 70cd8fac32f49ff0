package httpapi

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// shown are the entries of an answer in short: "A viewer, global agent". Both
// a user and a document have them.
func (w *town) shown(got response) string {
	doc := got.json
	if inner, ok := doc["memberships"].(map[string]any); ok {
		doc = inner
	}
	items, _ := doc["memberships"].([]any)
	all := []string{}
	for _, item := range items {
		entry, _ := item.(map[string]any)
		where := "global"
		for _, name := range []string{"A", "B", "C"} {
			if entry["scope_id"] == w.names[name] {
				where = name
			}
		}
		text := fmt.Sprint(where, " ", entry["role"])
		if caps, _ := entry["capabilities"].([]any); len(caps) > 0 {
			text += fmt.Sprint(" ", caps)
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// holds fails unless root sees these memberships of a user.
func (w *town) holds(user, want string) {
	w.t.Helper()
	if got := w.shown(w.ask("root", "", "GET", "/users/{"+user+"}/memberships", "", "200")); got != want {
		w.t.Errorf("%s has %q, want %q", user, got, want)
	}
}

// doc is a document of entries: "A viewer, global agent".
func (w *town) doc(entries string) string {
	list := w.entries(entries)
	if list == "" {
		list = "[]"
	}
	return `{"memberships":` + list + `}`
}

// TestMembershipsOfTheWrongShape: nothing of a document that is wrong is kept,
// whichever way it comes.
func TestMembershipsOfTheWrongShape(t *testing.T) {
	t.Parallel()
	w := newTown(t, map[string]string{"ada": ""})
	const in = `"scope_type":"supplier","scope_id":"{A}"`
	many := func(n int, one func(i int) string) string {
		all := make([]string, n)
		for i := range all {
			all[i] = one(i)
		}
		return strings.Join(all, ",")
	}
	capability := func(i int) string { return fmt.Sprintf(`"c%d"`, i) }
	for name, tt := range map[string]struct{ entries, want, says string }{
		"a supplier twice":                  {`{` + in + `,"role":"viewer"},{` + in + `,"role":"agent"}`, "422", "duplicate_scope"},
		"a supplier twice, once in capital": {`{` + in + `,"role":"viewer"},{"scope_type":"supplier","scope_id":"` + strings.ToUpper(w.names["A"]) + `","role":"viewer"}`, "422", "duplicate_scope"},
		"global twice":                      {`{"scope_type":"global","role":"viewer"},{"scope_type":"global","scope_id":null,"role":"agent"}`, "422", "duplicate_scope"},
		"another type of scope":             {`{"scope_type":"agent","scope_id":"{A}","role":"viewer"}`, "422", "scope_type"},
		"no type of scope":                  {`{"scope_id":"{A}","role":"viewer"}`, "422", "scope_type"},
		"a supplier without id":             {`{"scope_type":"supplier","scope_id":null,"role":"viewer"}`, "422", "scope_id"},
		"a supplier that is no id":          {`{"scope_type":"supplier","scope_id":"shop","role":"viewer"}`, "422", "scope_id"},
		"global with an id":                 {`{"scope_type":"global","scope_id":"{A}","role":"viewer"}`, "422", "scope_id"},
		"an unknown supplier":               {`{"scope_type":"supplier","scope_id":"{unknown}","role":"viewer"}`, "422", "unknown_reference"},
		"the closed supplier":               {`{"scope_type":"supplier","scope_id":"{C}","role":"viewer"}`, "422", "unknown_reference"},
		"one good and one unknown":          {`{` + in + `,"role":"viewer"},{"scope_type":"supplier","scope_id":"{unknown}","role":"viewer"}`, "422", "unknown_reference"},
		"super_admin":                       {`{` + in + `,"role":"super_admin"}`, "422", "role"},
		"super_admin by its other name":     {`{` + in + `,"role":"Admin"}`, "422", "role"},
		"super_admin everywhere":            {`{"scope_type":"global","role":"super_admin"}`, "422", "role"},
		"a role that is none":               {`{` + in + `,"role":"emperor"}`, "422", "role"},
		"too many capabilities":             {`{` + in + `,"role":"viewer","capabilities":[` + many(65, capability) + `]}`, "422", "64"},
		"a long capability":                 {`{` + in + `,"role":"viewer","capabilities":["` + strings.Repeat("c", 65) + `"]}`, "422", "64"},
		"a capability with a space":         {`{` + in + `,"role":"viewer","capabilities":["place orders"]}`, "422", "capabilities"},
		"capabilities null":                 {`{` + in + `,"role":"viewer","capabilities":null}`, "422", "capabilities"},
		"limits too large":                  {`{` + in + `,"role":"viewer","limits":{"x":"` + strings.Repeat("x", 8192) + `"}}`, "422", "8"},
		"flags too large":                   {`{` + in + `,"role":"viewer","flags":{"x":"` + strings.Repeat("x", 8192) + `"}}`, "422", "8"},
		"metadata too large":                {`{` + in + `,"role":"viewer","metadata":{"x":"` + strings.Repeat("x", 8192) + `"}}`, "422", "8"},
		"limits that are a list":            {`{` + in + `,"role":"viewer","limits":[]}`, "422", "limits"},
		"another reseller scope":            {`{` + in + `,"role":"viewer","reseller_scope":"some"}`, "422", "reseller_scope"},
		"another address scope":             {`{` + in + `,"role":"viewer","address_scope":"ALL "}`, "422", "address_scope"},
		"a customer that is no id":          {`{` + in + `,"role":"viewer","reseller_account_ids":["x y"]}`, "422", "reseller_account_ids"},
		"an address that is no id":          {`{` + in + `,"role":"viewer","address_ids":["x y"]}`, "422", "address_ids"},
		"an unknown customer":               {`{` + in + `,"role":"viewer","reseller_account_ids":["{unknown}"]}`, "422", "unknown_reference"},
		"an unknown address":                {`{` + in + `,"role":"viewer","address_ids":["{unknown}"]}`, "422", "unknown_reference"},
		"too many customers":                {`{` + in + `,"role":"viewer","reseller_account_ids":[` + many(1001, func(int) string { return `"` + w.newID() + `"` }) + `]}`, "422", "1000"},
		"too many entries": {many(101, func(int) string {
			return `{"scope_type":"supplier","scope_id":"` + w.newID() + `","role":"viewer"}`
		}), "422", "100"},
		"an unknown member": {`{` + in + `,"role":"viewer","colour":"red"}`, "422", "colour"},
		"a null role":       {`{` + in + `,"role":null}`, "422", "role"},
	} {
		doc := `{"memberships":[` + tt.entries + `]}`
		for _, q := range [][3]string{
			{"PUT", "/users/{ada}/memberships", doc},
			{"PATCH", "/users/{ada}", `{"name":"Ada","memberships":` + doc + `}`},
			{"POST", "/users", `{"email":"new@example.com","memberships":` + doc + `}`},
		} {
			if got := w.ask("root", "", q[0], q[1], q[2], tt.want); !strings.Contains(got.text, tt.says) {
				t.Errorf("%s by %s: %s does not name %s", name, q[0], got.text, tt.says)
			}
		}
	}
	for _, role := range []string{"super_admin", "ADMIN", "emperor"} {
		w.ask("root", "", "PUT", "/users/{ada}/memberships", `{"default_role":"`+role+`","memberships":[]}`, "422")
		w.ask("root", "", "PUT", "/users/{ada}/memberships/supplier/{A}", `{"role":"`+role+`"}`, "422")
		w.ask("root", "", "PUT", "/users/{ada}/memberships/global/-", `{"role":"`+role+`"}`, "422")
	}
	w.ask("root", "", "PUT", "/users/{ada}/memberships", `{"memberships":null}`, "422")
	w.ask("root", "", "PUT", "/users/{ada}/memberships/global/{A}", `{"role":"viewer"}`, "422/404")
	w.ask("root", "", "PUT", "/users/{ada}/memberships/supplier/-", `{"role":"viewer"}`, "422")
	w.ask("root", "", "PUT", "/users/{ada}/memberships/supplier/{C}", `{"role":"viewer"}`, "404")
	w.ask("root", "", "GET", "/users?email=new@example.com", "", "200").wants(t, map[string]any{"total": 0.0})
	w.ask("root", "", "GET", "/users/{ada}", "", "200").wants(t, map[string]any{"version": 1.0, "name": nil})
	w.holds("ada", "")
}

// TestRolesOfEntries: aliases in any case, and what stands in for a role that
// is missing, fixed at the write.
func TestRolesOfEntries(t *testing.T) {
	t.Parallel()
	w := newTown(t, map[string]string{"ada": ""})
	w.ask("root", "", "PATCH", "/users/{ada}", `{"role":"agent"}`, "200")
	for alias, want := range map[string]string{
		"wholesale_admin": "supplier_admin", "Wholesaler_Admin": "supplier_admin", "SUPPLIER_ADMIN": "supplier_admin", "wholesaler_helpdesk": "supplier_helpdesk",
		"STANDARD": "viewer", "Agent_Admin": "agent_admin", "AUDITOR": "auditor", "Reseller": "reseller",
	} {
		w.ask("root", "", "PUT", "/users/{ada}/memberships/supplier/{A}", `{"role":"`+alias+`"}`, "200").wants(t, map[string]any{"role": want})
		w.holds("ada", "A "+want)
		w.ask("root", "", "PUT", "/users/{ada}/memberships", w.doc("B "+alias), "200")
		w.holds("ada", "B "+want)
		w.ask("root", "", "PATCH", "/users/{ada}", `{"memberships":`+w.doc("global "+alias)+`}`, "200")
		w.holds("ada", "global "+want)
		w.ask("root", "", "DELETE", "/users/{ada}/memberships/global/-", "", "204")
	}
	const noRole = `"memberships":[{"scope_type":"supplier","scope_id":"{A}"}]`
	w.ask("root", "", "PUT", "/users/{ada}/memberships", `{`+noRole+`}`, "200")
	w.holds("ada", "A agent")
	w.ask("root", "", "PUT", "/users/{ada}/memberships", `{"default_role":"Wholesaler_Helpdesk",`+noRole+`}`, "200").wants(t, map[string]any{"default_role": "supplier_helpdesk"})
	w.holds("ada", "A supplier_helpdesk")
	w.ask("root", "", "PUT", "/users/{ada}/memberships/supplier/{B}", `{}`, "200").wants(t, map[string]any{"role": "supplier_helpdesk"})
	w.ask("root", "", "PATCH", "/users/{ada}", `{"role":"viewer"}`, "200")
	w.holds("ada", "A supplier_helpdesk, B supplier_helpdesk")
	for body, want := range map[string]string{
		`"role":"auditor","memberships":{"default_role":"agent","memberships":[{"scope_type":"supplier","scope_id":"{A}","role":"reseller"}]}`: "auditor, A reseller",
		`"memberships":{"default_role":"agent","memberships":[{"scope_type":"supplier","scope_id":"{A}","role":"reseller"}]}`:                  "agent, A reseller",
		`"memberships":{"memberships":[{"scope_type":"supplier","scope_id":"{A}","role":"reseller"},{"scope_type":"global","role":"viewer"}]}`: "reseller, A reseller, global viewer",
		`"memberships":{"default_role":"agent","memberships":[{"scope_type":"supplier","scope_id":"{A}"}]}`:                                    "agent, A agent",
		`"role":"reseller","memberships":{"memberships":[{"scope_type":"supplier","scope_id":"{A}"}]}`:                                         "reseller, A reseller",
		`"memberships":{"memberships":[]}`: "viewer, ",
	} {
		got := w.ask("root", "", "POST", "/users", `{"email":"{new}@example.com",`+body+`}`, "201")
		if roles := fmt.Sprint(got.json["role"], ", ", w.shown(got)); roles != want {
			t.Errorf("%s: got %s, want %s", body, roles, want)
		}
	}
	for _, role := range []string{"supplier_admin", "Wholesale_Admin", "supplier_helpdesk", "agent_admin", "agent", "reseller"} {
		w.ask("root", "", "POST", "/users", `{"email":"{new}@example.com","role":"`+role+`"}`, "422 scope_required")
		w.ask("root", "", "POST", "/users", `{"email":"{new}@example.com","role":"`+role+`","memberships":`+w.doc("A viewer")+`}`, "201").wants(t, map[string]any{"status": "invited"})
	}
}

// TestDocuments: replaced as a whole, one by one, and as a part of a user.
func TestDocuments(t *testing.T) {
	t.Parallel()
	w := newTown(t, map[string]string{"ada": "", "bob": "A viewer"})
	read := w.ask("root", "", "GET", "/users/{ada}/memberships", "", "200")
	key := read.json["user_key"]
	if !strings.Contains(read.text, `"memberships":[]`) || key == nil || key == "" {
		t.Errorf("none yet: %s", read.text)
	}
	got := w.ask("root", "", "PUT", "/users/{ada}/memberships", `{"user_key":"{bob}","default_role":null,"memberships":[
		{"scope_type":"supplier","scope_id":"`+strings.ToUpper(w.names["A"])+`","role":"agent","capabilities":["Place_Orders","view:x","place_orders"],
		"limits":{"orders":{"day":5}},"flags":{"beta":true},"metadata":{"k":[1,null]}}]}`, "200")
	got.wants(t, map[string]any{"user_key": key, "default_role": nil})
	entry := got.json["memberships"].([]any)[0]
	text, err := json.Marshal(entry)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"address_ids":[],"address_scope":"list","capabilities":["place_orders","view:x"],"flags":{"beta":true},"limits":{"orders":{"day":5}},"metadata":{"k":[1,null]},` +
		`"reseller_account_ids":[],"reseller_scope":"list","role":"agent","scope_id":"` + w.names["A"] + `","scope_type":"supplier"}`
	if string(text) != want {
		t.Errorf("got %s\nwant %s", text, want)
	}
	w.holds("bob", "A viewer")
	again := w.ask("root", "", "PUT", "/users/{ada}/memberships", `{"memberships":[`+string(text)+`]}`, "200")
	if again.json["version"] != got.json["version"] {
		t.Errorf("what did not change has version %v after %v", again.json["version"], got.json["version"])
	}
	w.ask("root", "", "GET", "/users/{ada}", "", "200").wants(t, map[string]any{"memberships.user_key": key})
	w.ask("ada", "", "GET", "/users/me", "", "200").wants(t, map[string]any{"memberships.user_key": key})

	for _, x := range []struct{ tenant, method, path, body, want, holds string }{
		{"", "PUT", "/memberships", w.doc("A viewer, B agent, global auditor"), "200", "A viewer, B agent, global auditor"},
		{"", "PUT", "/memberships", w.doc("B agent, A viewer"), "200", "A viewer, B agent"},
		{"A", "PUT", "/memberships", w.doc("A viewer, B viewer"), "403", "A viewer, B agent"},
		{"A", "PUT", "/memberships", w.doc("A viewer, global viewer"), "403", "A viewer, B agent"},
		{"A", "PATCH", "", `{"memberships":` + w.doc("B viewer") + `}`, "403", "A viewer, B agent"},
		{"A", "PUT", "/memberships/global/-", `{"role":"viewer"}`, "403/404", "A viewer, B agent"},
		{"A", "PUT", "/memberships/supplier/{B}", `{"role":"viewer"}`, "404", "A viewer, B agent"},
		{"A", "PUT", "/memberships", w.doc("A reseller"), "200", "A reseller, B agent"},
		{"A", "PUT", "/memberships", w.doc(""), "200", "B agent"},
		{"A", "PUT", "/memberships", w.doc("A viewer"), "404", "B agent"}, // he is not of A any more
		{"", "PUT", "/memberships/supplier/{A}", `{"role":"viewer"}`, "200", "A viewer, B agent"},
		{"", "PUT", "/memberships/supplier/" + strings.ToUpper(w.names["A"]), `{"role":"agent"}`, "200", "A agent, B agent"},
		{"", "PUT", "/memberships/global/-", `{"role":"viewer"}`, "200", "A agent, B agent, global viewer"},
		{"", "DELETE", "/memberships/global/-", "", "204", "A agent, B agent"},
		{"", "DELETE", "/memberships/global/-", "", "404", "A agent, B agent"},
		{"", "DELETE", "/memberships/supplier/{unknown}", "", "404", "A agent, B agent"},
		{"", "DELETE", "/memberships/supplier/{C}", "", "404", "A agent, B agent"},
		{"A", "DELETE", "/memberships/supplier/{B}", "", "404", "A agent, B agent"},
		{"", "PATCH", "", `{"name":"Ada"}`, "200", "A agent, B agent"},
		{"", "PATCH", "", `{"memberships":` + w.doc("A agent, global viewer") + `}`, "200", "A agent, global viewer"},
		{"A", "PATCH", "", `{"memberships":` + w.doc("A auditor") + `}`, "200", "A auditor, global viewer"},
		{"", "PATCH", "", `{"memberships":` + w.doc("") + `}`, "200", ""},
		{"", "PUT", "/memberships/supplier/{B}", `{"role":"viewer"}`, "200", "B viewer"},
		{"", "DELETE", "/memberships/supplier/{B}", "", "204", ""},
		{"", "PUT", "/memberships/supplier/{B}", `{"role":"agent"}`, "200", "B agent"},
	} {
		w.ask("root", x.tenant, x.method, "/users/{ada}"+x.path, x.body, x.want)
		w.holds("ada", x.holds)
		if got := w.shown(w.ask("ada", "", "GET", "/me", "", "200")); got != x.holds {
			t.Errorf("%s %s %s: ada sees %q, want %q", x.method, x.path, x.body, got, x.holds)
		}
	}
	w.ask("root", "", "DELETE", "/users/{ada}", "", "200")
	w.ask("root", "", "GET", "/users/{ada}/memberships", "", "404")
}
