package httpapi

import (
	"slices"
	"strings"
)

// walls is the contract's column "who", written out.
func walls() []wall {
	return slices.Concat(wallsOfOneself(), wallsOfKeys(), wallsOfSuppliers(), wallsOfUsers(), wallsOfChanges(), wallsOfMemberships(), wallsOfOperators())
}

// wallsOfOneself: everybody learns about himself, in whatever supplier.
func wallsOfOneself() []wall {
	all := []line{{everybody, "200"}}
	narrow := []line{{anybody + "; root, reading; root, for users; admin, reading; admin, for users", "200"}, {bySupp + "; root, in A", keyA}}
	return []wall{
		{"GET /me", "", "", all},
		{"GET /users/me", "", "", all},
		{"GET /me/capabilities", "", "", all},
		{"GET /tenants/me", "", "", all},
		{"GET /suppliers/me", "", "", narrow},
	}
}

// wallsOfKeys: the owner alone, no admin before another's, and no key that is
// narrowed.
func wallsOfKeys() []wall {
	own := func(answers string) []line { return []line{{anybody, answers}, {keys, "403"}} }
	return []wall{
		{"GET /api-keys", "", "", own("200")},
		{"POST /api-keys", "", `{"name":"{new}"}`, own("201")},
		{"POST /api-keys", "", `{}`, own("422")},
		{"GET /api-keys/{id}", "/api-keys/{unknown}", "", own("404")},
		{"GET /api-keys/{id}", "/api-keys/{key of one of A}", "", own("404")},
		{"DELETE /api-keys/{id}", "/api-keys/{key of one of A}", "", own("404")},
		{"POST /api-keys/{id}/rotate", "/api-keys/{key of one of A}/rotate", "", own("404")},
		{"POST /me/api-key", "", "", own("200")},
		{"DELETE /me/api-key", "", "", own("200/404")},
	}
}

// wallsOfSuppliers: super_admin's; a key that is limited writes none.
func wallsOfSuppliers() []wall {
	others := noAdmins + ", " + suppAdmins + "; admin, reading; admin, for users; " + bySupp
	return []wall{
		{"GET /suppliers", "", "", []line{{others, "no admin"}, {roots + "; root, reading", "200"}, {"root, in A", keyA}}},
		{"GET /suppliers/{id}", "/suppliers/{A}", "", []line{{others, "no admin"}, {roots + "; root, reading", rootA}, {"root, in A", keyA}}},
		{"GET /suppliers/{id}", "/suppliers/{B}", "", []line{{others, "no admin"}, {roots + "; root, reading", rootB}, {"root, in A", keyNone}}},
		{"POST /suppliers", "", `{"name":"{new}"}`, []line{
			{others, "no admin"},
			{"root", "201 | 201 | 201 | 201 | 422 unknown_reference"},
			{"root, reading; root, for users; root, in A", "403"},
		}},
		{"PATCH /suppliers/{id}", "/suppliers/{A}", `{"legal_name":"{new}"}`, []line{
			{others, "no admin"}, {"root", setsA}, {"root, reading; root, for users; root, in A", "403"},
		}},
		{"PATCH /suppliers/{id}", "/suppliers/{B}", `{"legal_name":"{new}"}`, []line{
			{others, "no admin"}, {"root", setsB}, {"root, reading; root, for users; root, in A", "403"},
		}},
	}
}

// there are the answers to one of A with another one in B, where he is less.
func there(ofA, inB string) string {
	answers := strings.Split(ofA, " | ")
	answers[2] = inB
	return strings.Join(answers, " | ")
}

// seen is a target that those of A, of B, of both or nobody may see: the answers
// to who is in one of them, then root's.
func seen(ofA, ofB, ofBoth, root, limited string) []line {
	return []line{
		{"helpdesk; admin, reading; " + "admin; admin, for users; admin, in A; admin of both, in A", ofA},
		{"admin of B", ofB},
		{"admin of both, admin of all", ofBoth},
		{roots + "; root, reading", root},
		{"root, in A", limited},
		{"admin and viewer", there(ofA, "404")},
		{small + ", auditor", noneInA},
		{"viewer of all", noneIn},
		{outsiders, nowhere},
	}
}

// wallsOfUsers: who may list users and read them.
func wallsOfUsers() []wall {
	lists := func(ofA, ofB, ofBoth, root, limited string) []line {
		return []line{
			{inNothing + ", auditor", "403 role_denied"},
			{"admin and viewer", there(ofA, "403 role_denied")},
			{"helpdesk; admin, reading; " + admins, ofA},
			{"admin of B", ofB},
			{"admin of both, admin of all", ofBoth},
			{roots + "; root, reading", root},
			{"root, in A", limited},
		}
	}
	return []wall{
		{"GET /users", "", "", lists(inA, inB, inBoth, "200", keyA)},
		{"GET /users", "/users?supplier_id={B}", "", lists(
			"required | 403 | foreign | foreign | foreign", "required | foreign | 403 | foreign | foreign", "required | 403 | 403 | foreign | foreign", "200", "200/403 | 200/403 | foreign | foreign | foreign")},
		{"GET /users", "/users?supplier_id={A}", "", lists(
			"required | 403 | foreign | foreign | foreign", "required | foreign | 403 | foreign | foreign", "required | 403 | 403 | foreign | foreign", "200", keyA)},
		{"GET /users/{id}", "/users/{one of A}", "", seen(inA, noneInB, onlyA, rootA, keyA)},
		{"GET /users/{id}", "/users/{made in A}", "", seen(inA, noneInB, onlyA, rootA, keyA)},
		{"GET /users/{id}", "/users/{one of B}", "", seen(noneInA, inB, onlyB, rootB, keyNone)},
		{"GET /users/{id}", "/users/{one of both}", "", seen(inA, inB, inBoth, rootBoth, keyA)},
		{"GET /users/{id}", "/users/{one of all}", "", seen(noneInA, noneInB, noneIn, "200 | 404 | 404 | 404 | 404", keyNone)},
		{"GET /users/{id}", "/users/{one of none}", "", seen(noneInA, noneInB, noneIn, "200 | 404 | 404 | 404 | 404", keyNone)},
		{"GET /users/{id}", "/users/{unknown}", "", seen(noneInA, noneInB, noneIn, rootNone, keyNone)},
		{"GET /users", "/users?nonsense=1", "", lists(wrongInA, wrongInB, wrongInBoth, "422", wrongByKey)},
		{"GET /users/{id}", "/users/{no id}", "", []line{
			{"helpdesk; admin, reading; auditor, " + small + "; " + admins, wrongInA},
			{"admin of B", wrongInB},
			{"admin of both, admin of all, viewer of all, admin and viewer", wrongInBoth},
			{outsiders, nowhere},
			{roots + "; root, reading", "422"},
			{"root, in A", wrongByKey},
		}},
		{"GET /users/{id}", "/users/{myself}", "", []line{
			{anybody + "; root, reading; root, for users; admin, reading; admin, for users", "200"},
			{bySupp + "; root, in A", keyA},
		}},
	}
}

// changes is what a change to a user gets from everyone.
func changes(ofA, ofB, ofBoth, root, limited string) []line {
	return []line{
		{noAdmins, "no admin"},
		{"admin and viewer", there(ofA, "no admin")},
		{admins, ofA},
		{"admin of B", ofB},
		{"admin of both, admin of all", ofBoth},
		{roots, root},
		{"root, in A", limited},
		{"root, reading; admin, reading", refused},
	}
}

// ours are changes that belong to the supplier by which a user was made.
const (
	notOursA  = "required | 403 not_yours | foreign | foreign | foreign"
	notOursB  = "required | foreign | 403 not_yours | foreign | foreign"
	notOurs   = "required | 403 not_yours | 403 not_yours | foreign | foreign"
	notOurs1A = "required | 403 not_yours | 404 | foreign | foreign"
	deniedA   = "required | 403 | foreign | foreign | foreign"
	deniedB   = "required | foreign | 403 | foreign | foreign"
	denied    = "required | 403 | 403 | foreign | foreign"
	denied1A  = "required | 403 | 404 | foreign | foreign"
)

// wallsOfChanges: who makes, changes and ends users.
func wallsOfChanges() []wall {
	name := `{"name":"{new}"}`
	var all []wall
	for _, x := range []wall{
		{"PATCH /users/{id}", "", name, nil},
		{"POST /users/{id}/disable", "/disable", `{"reason":"{new}"}`, nil},
		{"POST /users/{id}/enable", "/enable", "", nil},
	} {
		made, path := "made in A", x.path
		if path != "" {
			made = map[string]string{"/disable": "switched off", "/enable": "switched on"}[path]
		}
		on := func(target string, gets []line) wall {
			return wall{x.route, "/users/{" + target + "}" + path, x.body, gets}
		}
		all = append(all,
			on(made, changes(inA, noneInB, onlyA, setsA, keyA)),
			on("one of A", changes(notOursA, noneInB, notOurs1A, setsA, keyA)),
			on("one of both", changes(notOursA, notOursB, notOurs, setsBoth, keyA)),
			on("made in A, now of both", changes(notOursA, notOursB, notOurs, setsBoth, keyA)),
			on("one of B", changes(noneInA, notOursB, "required | 404 | 403 not_yours | foreign | foreign", setsB, keyNone)),
			on("one of all", changes(noneInA, noneInB, noneIn, "200 | 404 | 404 | 404 | 422 unknown_reference", keyNone)),
			on("unknown", changes(noneInA, noneInB, noneIn, setsNone, keyNone)),
		)
	}
	made := "201 | 201 | 201 | 201 | 422 unknown_reference"
	return append(
		all,
		wall{"PATCH /users/{id}", "/users/{made in A}", `{"email":"{new}@example.com"}`, changes(deniedA, noneInB, denied1A, setsA, keyA)},
		wall{"PATCH /users/{id}", "/users/{made in A}", `{"role":"agent"}`, changes(inA, noneInB, onlyA, setsA, keyA)},
		wall{"PATCH /users/{id}", "/users/{made in A}", `{"nickname":"x"}`, changes(wrongInA, wrongInB, wrongInBoth, "422", wrongByKey)},
		wall{"PATCH /users/{id}", "/users/{unknown}", `{"name":1}`, changes(wrongInA, wrongInB, wrongInBoth, "422", wrongByKey)},
		wall{"PATCH /users/{id}", "/users/{no id}", `{}`, changes(wrongInA, wrongInB, wrongInBoth, "422", wrongByKey)},
		wall{"POST /users", "", `{"email":"{new}@example.com"}`, changes(
			"required | 201 | foreign | foreign | foreign", "required | foreign | 201 | foreign | foreign", "required | 201 | 201 | foreign | foreign", made, "201/400/403 | 201/403 | foreign | foreign | foreign")},
		wall{"POST /users", "", `{"email":"{new}@example.com","memberships":{"memberships":[{"scope_type":"supplier","scope_id":"{B}","role":"viewer"}]}}`, changes(
			deniedA, "required | foreign | 201 | foreign | foreign", "required | 403 | 201 | foreign | foreign", "201 | 201/403 | 201 | 201/403 | 422 unknown_reference", "403/422 | 403/422 | foreign | foreign | foreign")},
		wall{"POST /users", "", `{"email":"{new}@example.com","memberships":{"memberships":[{"scope_type":"global","role":"viewer"}]}}`, changes(
			deniedA, deniedB, denied, "201 | 201/403 | 201/403 | 201/403 | 422 unknown_reference", "403 | 403 | foreign | foreign | foreign")},
		wall{"POST /users", "", `{"email":"{new}@example.com","role":"super_admin"}`, changes(
			deniedA, deniedB, denied, made, "201/400/403 | 201/403 | foreign | foreign | foreign")},
		wall{"DELETE /users/{id}", "/users/{somebody of A}", "", []line{
			{noAdmins + ", " + suppAdmins + "; admin, for users; admin, reading; " + bySupp, "no admin"},
			{roots, setsA},
			{"root, reading; root, in A", "403"},
		}},
	)
}

// wallsOfMemberships: who reads, gives and takes them.
func wallsOfMemberships() []wall {
	document := func(scopes string) string {
		return map[string]string{
			"A": `{"memberships":[{"scope_type":"supplier","scope_id":"{A}","role":"viewer"}]}`,
			"B": `{"memberships":[{"scope_type":"supplier","scope_id":"{B}","role":"viewer"}]}`,
		}[scopes]
	}
	reads := func(ofA, ofB, ofBoth, root, limited string) []line {
		return []line{
			{noAdmins, "no admin"},
			{"admin and viewer", there(ofA, "no admin")},
			{"admin, reading; " + admins, ofA},
			{"admin of B", ofB},
			{"admin of both, admin of all", ofBoth},
			{roots + "; root, reading", root},
			{"root, in A", limited},
		}
	}
	const one = "/users/{id}/memberships/{scope_type}/{scope_id}"
	return []wall{
		{"GET /users/{id}/memberships", "/users/{one of A}/memberships", "", reads(inA, noneInB, onlyA, rootA, keyA)},
		{"GET /users/{id}/memberships", "/users/{one of B}/memberships", "", reads(noneInA, inB, onlyB, rootB, keyNone)},
		{"GET /users/{id}/memberships", "/users/{one of both}/memberships", "", reads(inA, inB, inBoth, rootBoth, keyA)},
		{"GET /users/{id}/memberships", "/users/{one of all}/memberships", "", reads(noneInA, noneInB, noneIn, "200 | 404 | 404 | 404 | 404", keyNone)},
		{"PUT /users/{id}/memberships", "/users/{replaced}/memberships", document("A"), changes(inA, noneInB, onlyA, setsA, keyA)},
		{"PUT /users/{id}/memberships", "/users/{one of B}/memberships", document("B"), changes(
			"required | 403/404 | foreign | foreign | foreign", inB, "required | 403/404 | 200 | foreign | foreign", setsB, "403/404 | 403/404 | foreign | foreign | foreign")},
		{"PUT " + one, "/users/{set}/memberships/supplier/{A}", `{"role":"viewer"}`, changes(inA, noneInB, onlyA, setsA, keyA)},
		{"PUT " + one, "/users/{set in B}/memberships/supplier/{B}", `{"role":"viewer"}`, changes(noneInA, inB, onlyB, setsB, keyNone)},
		{"PUT " + one, "/users/{set}/memberships/global/-", `{"role":"viewer","capabilities":["no such"]}`, changes(wrongInA, wrongInB, wrongInBoth, "422", wrongByKey)},
		{"PUT " + one, "/users/{one of A}/memberships/supplier/{no id}", `{"role":"viewer"}`, changes(wrongInA, wrongInB, wrongInBoth, "422", wrongByKey)},
		{"PUT " + one, "/users/{one of A}/memberships/supplier/{unknown}", `{"role":"viewer"}`, changes(noneInA, noneInB, noneIn, setsNone, keyNone)},
		{"DELETE " + one, "/users/{somebody of A}/memberships/supplier/{A}", "", changes(
			"required | 204 | foreign | foreign | foreign", noneInB, "required | 204 | 404 | foreign | foreign", "204 | 204 | 404 | 404 | 422 unknown_reference", "204 | 204 | foreign | foreign | foreign")},
		{"DELETE " + one, "/users/{one of A}/memberships/supplier/{B}", "", changes(noneInA, noneInB, noneIn, setsNone, keyNone)},
	}
}

// wallsOfOperators: the log, and how the system is.
func wallsOfOperators() []wall {
	reads := func(ofA, ofB, ofBoth, root, limited string) []line {
		return []line{
			{inNothing + ", helpdesk", "403 role_denied"},
			{"admin and viewer", there(ofA, "403 role_denied")},
			{"auditor, admin; admin, reading; admin, for users; " + bySupp, ofA}, // a narrowed key still reads
			{"admin of B", ofB},
			{"admin of both, admin of all", ofBoth},
			{roots + "; root, reading", root},
			{"root, in A", limited},
		}
	}
	return []wall{
		{"GET /audit/events", "", "", reads(inA, inB, inBoth, "200", keyA)},
		{"GET /audit/events/{position}", "/audit/events/{event of A}", "", reads(inA, noneInB, onlyA, rootA, keyA)},
		{"GET /audit/events/{position}", "/audit/events/{event of B}", "", reads(noneInA, inB, onlyB, rootB, keyNone)},
		{"GET /audit/events/{position}", "/audit/events/{event of none}", "", reads(noneInA, noneInB, noneIn, "200 | 404 | 404 | 404 | 404", keyNone)},
		{"GET /operations/projections", "", "", []line{
			{noAdmins + ", " + suppAdmins + "; admin, reading; admin, for users; " + bySupp, "no admin"},
			{roots + "; root, reading", "200"},
			{"root, in A", "403"},
		}},
	}
}
