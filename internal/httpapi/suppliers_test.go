package httpapi

import (
	"strings"
	"testing"
)

func TestSuppliers(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	made := k.as(k.root, "POST", "/suppliers", `{"name":"DFL S.r.l.","legal_email":"Legal@DFL.it","logo_url":null}`, 201)
	id := made.json["id"].(string)
	made.wants(t, map[string]any{
		"name": "DFL S.r.l.", "slug": "dfl-s-r-l", "logo_url": nil, "legal_name": nil, "legal_address": nil, "legal_details": nil, "legal_email": "legal@dfl.it",
		"legal_number": nil, "tax_id": nil, "status": "active", "is_active": true, "version": 1.0,
	})
	if read := k.as(k.root, "GET", "/suppliers/"+id, "", 200); read.text != made.text {
		t.Errorf("made %s\nread %s", made.text, read.text)
	}
	k.as(k.root, "POST", "/suppliers", `{"name":"dfl s r l"}`, 409).wants(t, map[string]any{"code": "slug_taken"})
	k.as(k.root, "POST", "/suppliers", `{"name":"Other","slug":"dfl-s-r-l"}`, 409).wants(t, map[string]any{"code": "slug_taken"})
	k.as(k.root, "PATCH", "/suppliers/"+id, `{"name":"New Name","legal_email":null,"tax_id":"IT1","is_active":false}`, 200).
		wants(t, map[string]any{"name": "New Name", "slug": "dfl-s-r-l", "legal_email": nil, "tax_id": "IT1", "is_active": false, "version": 2.0})
	k.as(k.root, "PATCH", "/suppliers/"+id, `{"slug":""}`, 200).wants(t, map[string]any{"slug": "new-name", "tax_id": "IT1"})
	k.as(k.root, "PATCH", "/suppliers/"+id, `{}`, 200).wants(t, map[string]any{"version": 3.0})
	k.as(k.root, "PATCH", "/suppliers/"+k.newID(), `{}`, 404).wants(t, map[string]any{"detail": "Supplier not found"})
	k.as(k.root, "GET", "/suppliers/"+k.newID(), "", 404).wants(t, map[string]any{"detail": "Supplier not found"})
	if got := k.as(k.root, "DELETE", "/suppliers/"+id, "", 405); got.header.Get("Allow") != "GET, HEAD, PATCH" {
		t.Errorf("Allow is %q", got.header.Get("Allow"))
	}
	k.supplier("abc")
	k.as(k.root, "GET", "/suppliers", "", 200).wants(t, map[string]any{"total": 2.0})
	k.as(k.root, "GET", "/suppliers/?include_inactive=false", "", 200).wants(t, map[string]any{"total": 1.0})
	k.as(k.root, "GET", "/suppliers?search=NEW", "", 200).wants(t, map[string]any{"total": 1.0})
}

func TestSuppliersOfTheWrongShape(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	id := k.supplier("x")
	for members, want := range map[string][2]string{
		`"slug":"Shop"`: {"body.slug", "pattern"},
		`"slug":"a b"`:  {"body.slug", "pattern"},
		`"slug":"` + strings.Repeat("a", 65) + `"`: {"body.slug", "64"},
		`"slug":null`:                      {"body.slug", "null"},
		`"status":null`:                    {"body.status", "null"},
		`"status":""`:                      {"body.status", "1"},
		`"is_active":null`:                 {"body.is_active", "null"},
		`"is_active":"true"`:               {"body.is_active", "boolean"},
		`"is_active":1`:                    {"body.is_active", "boolean"},
		`"legal_email":"x"`:                {"body.legal_email", "e-mail"},
		`"logo_url":"javascript:alert(1)"`: {"body.logo_url", "http"},
		`"logo_url":"` + strings.Repeat("x", 2049) + `"`:      {"body.logo_url", "2048"},
		`"legal_details":"` + strings.Repeat("x", 4001) + `"`: {"body.legal_details", "4000"},
		`"legal_address":"` + strings.Repeat("x", 256) + `"`:  {"body.legal_address", "255"},
		`"legal_email":"` + strings.Repeat("x", 255) + `"`:    {"body.legal_email", "254"},
		`"id":"` + shopID + `"`:                               {"body.id", "unknown"},
	} {
		mustName(t, k.as(k.root, "POST", "/suppliers", `{"name":"y",`+members+`}`, 422), want[0], want[1])
		mustName(t, k.as(k.root, "PATCH", "/suppliers/"+id, `{`+members+`}`, 422), want[0], want[1])
	}
	mustName(t, k.as(k.root, "PATCH", "/suppliers/"+id, `{"name":null}`, 422), "body.name", "null")
	mustName(t, k.as(k.root, "PATCH", "/suppliers/"+id, `{"name":""}`, 422), "body.name", "1")
	mustName(t, k.as(k.root, "POST", "/suppliers", `{}`, 422), "body.name", "required")
	for _, query := range []string{"include_inactive=yes", "include_inactive=", "order_by=tax_id", "status=active"} {
		k.as(k.root, "GET", "/suppliers?"+query, "", 422)
	}
	k.as(k.root, "PATCH", "/suppliers/"+id, `{"legal_details":"`+strings.Repeat("\\n", 4000)+`"}`, 200)
}
