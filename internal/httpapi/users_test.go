package httpapi

import (
	"context"
	"strings"
	"testing"
	"time"

	"tenure/internal/events"
)

func TestUsers(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)

	made := k.as(k.root, "POST", "/users", `{"email":"Ada@Example.com","name":"Ada"}`, 201)
	id := made.json["id"].(string)
	made.wants(t, map[string]any{
		"email": "ada@example.com", "name": "Ada", "role": "viewer", "status": "invited", "supplier_id": nil, "clerk_id": nil, "keycloak_id": nil,
		"supplier_count": 0.0, "customer_count": 0.0, "address_count": 0.0, "created_by": "root@example.com", "updated_by": "root@example.com",
		"version": 1.0, "supplier": nil, "memberships": nil,
	})
	if made.header.Get("Visible") != "" || !strings.Contains(made.text, `"suppliers":[],"customers":[]`) {
		t.Errorf("got %v %s", made.header, made.text)
	}
	for name, member := range map[string]string{"created_at": "created_at", "updated_at": "updated_at"} {
		at, _ := made.json[member].(string)
		if _, err := time.Parse(time.RFC3339Nano, at); err != nil || !strings.HasSuffix(at, "Z") {
			t.Errorf("%s is %q", name, at)
		}
	}
	read := k.as(k.root, "GET", "/users/"+id, "", 200)
	if read.text != made.text {
		t.Errorf("made %s\nread %s", made.text, read.text)
	}

	k.as(k.root, "POST", "/users", `{"email":"ADA@example.COM"}`, 409).wants(t, map[string]any{"code": "email_taken"})
	k.as(k.root, "PATCH", "/users/"+id, `{"name":"Ada L.","role":"ADMIN"}`, 200).wants(t, map[string]any{"name": "Ada L.", "role": "super_admin", "version": 3.0})
	k.as(k.root, "PATCH", "/users/"+id, `{"name":null,"role":"Standard"}`, 200).wants(t, map[string]any{"name": nil, "role": "viewer", "version": 5.0})
	k.as(k.root, "PATCH", "/users/"+id, `{}`, 200).wants(t, map[string]any{"version": 5.0})
	k.as(k.root, "POST", "/users/"+id+"/disable", `{"reason":"left"}`, 200).wants(t, map[string]any{"status": "disabled", "version": 6.0})
	k.as(k.root, "POST", "/users/"+id+"/disable", ``, 200).wants(t, map[string]any{"status": "disabled", "version": 6.0})
	k.as(k.root, "POST", "/users/"+id+"/enable", ``, 200).wants(t, map[string]any{"status": "invited", "version": 7.0})
	k.as(k.root, "DELETE", "/users/"+id, "", 200).wants(t, map[string]any{"detail": "Deleted user " + id})
	k.as(k.root, "GET", "/users/"+id, "", 404).wants(t, map[string]any{"detail": "User not found"})
	k.as(k.root, "DELETE", "/users/"+id, "", 404).wants(t, map[string]any{"detail": "User not found"})
	k.as(k.root, "PATCH", "/users/"+id, `{}`, 404).wants(t, map[string]any{"detail": "User not found"})
	k.as(k.root, "POST", "/users", `{"email":"ada@example.com"}`, 201)

	k.as(k.root, "DELETE", "/users/"+string(k.rootID), "", 403).wants(t, map[string]any{"detail": "You are not allowed to delete yourself"})
	k.as(k.root, "GET", "/users/"+string(k.rootID), "", 200).wants(t, map[string]any{"created_by": "system"})
}

func TestUsersOfTheWrongShape(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	for body, where := range map[string]string{
		`{"email":"a@b.c","role":"emperor"}`:         "body.role",
		`{"email":"a@b.c","role":"reseller"}`:        "body.role",
		`{"email":"a@b.c","role":"wholesale_admin"}`: "body.role",
		`{"email":"a@b.c","role":null}`:              "body.role",
		`{"email":"a@b.c","name":null}`:              "body.name",
		`{"email":"a@b.c","clerk_id":"x"}`:           "body.clerk_id",
		`{"email":"a@b.c","send_invite":1}`:          "body.send_invite",
		`{"email":"Ada <ada@example.com>"}`:          "body.email",
		`{"email":"<ada@example.com>"}`:              "body.email",
		`{"email":"ada@example.com (Ada)"}`:          "body.email",
		`{"email":"a@b.c, d@e.f"}`:                   "body.email",
		`{"email":" a@b.c"}`:                         "body.email",
		`{"email":"a@b.c\n"}`:                        "body.email",
		`{"email":"a"}`:                              "body.email",
		`{"email":""}`:                               "body.email",
		`{"email":"` + strings.Repeat("a", 60) + "@" + strings.Repeat("b", 190) + `.com"}`: "body.email",
	} {
		got := k.as(k.root, "POST", "/users", body, 422)
		mustName(t, got, where, "")
	}
	k.as(k.root, "POST", "/users", `{"email":"a@b.c","send_invite":true}`, 503).wants(t, map[string]any{"code": "no_identity_provider"})
	k.as(k.root, "POST", "/users", `{"email":"a@b.c","role":"agent"}`, 422).wants(t, map[string]any{"code": "scope_required"})
	for query, where := range map[string]string{
		"role=emperor": "query.role", "status=gone": "query.status", "email=x": "query.email", "supplier_id=x": "query.supplier_id",
		"order_by=password": "query.order_by", "order_by=--name": "query.order_by", "cursor=x": "query.cursor", "limit=1": "query.limit", "page_size=101": "query.page_size",
	} {
		mustName(t, k.as(k.root, "GET", "/users?"+query, "", 422), where, "")
	}
	for _, path := range []string{"/users/x", "/users/me2", "/users/%00", "/suppliers/x", "/api-keys/x", "/audit/events/x", "/audit/events/0", "/audit/events/-1"} {
		k.as(k.root, "GET", path, "", 422)
	}
	k.as(k.root, "PATCH", "/users/me", `{}`, 405) // it is a path of its own
	k.as(k.root, "POST", "/users", "{\"email\":\"E\u0301va@ex\u00e4mple.com\"}", 201).wants(t, map[string]any{"email": "\u00e9va@ex\u00e4mple.com"})
	k.as(k.root, "POST", "/users", "{\"email\":\"\u00c9VA@ex\u00e4mple.com\"}", 409)
}

func TestListOfUsers(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	var ids []string
	for _, name := range []string{"bea", "abe", "cid_x"} {
		id, _ := k.user(name+"@example.com", "viewer")
		ids = append(ids, id)
	}
	for query, want := range map[string]string{
		"":                       "cid_x abe bea root",
		"/":                      "cid_x abe bea root",
		"?order_by=email":        "abe bea cid_x root",
		"?order_by=-email":       "root cid_x bea abe",
		"?page_size=2":           "cid_x abe",
		"?page_size=2&page=2":    "bea root",
		"?page=100000":           "",
		"?search=D_X":            "cid_x",
		"?search=%25":            "",
		"?search=":               "cid_x abe bea root",
		"?role=ADMIN":            "root",
		"?status=invited":        "cid_x abe bea",
		"?email=ABE@example.com": "abe",
		"?clerk_id=x":            "",
		"?supplier_id=" + shopID: "",
		"?id__in=" + ids[0] + "&id__in=" + strings.ToUpper(ids[1]): "abe bea",
	} {
		got := k.as(k.root, "GET", "/users"+query, "", 200)
		var names []string
		for _, item := range got.json["items"].([]any) {
			email, _ := item.(map[string]any)["email"].(string)
			names = append(names, strings.TrimSuffix(email, "@example.com"))
		}
		if strings.Join(names, " ") != want {
			t.Errorf("%s: got %v, want %s", query, names, want)
		}
	}
	k.as(k.root, "GET", "/users?page_size=3", "", 200).wants(t, map[string]any{"total": 4.0, "page": 1.0, "page_size": 3.0, "total_pages": 2.0})
	k.as(k.root, "GET", "/users?search=nobody", "", 200).wants(t, map[string]any{"total": 0.0, "total_pages": 0.0})
}

// TestWhoMayWhat asks every route as everyone.
func TestWhoMayWhat(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	shop := k.supplier("Shop")
	viewerID, viewer := k.user("viewer@example.com", "viewer")
	otherID, _ := k.user("other@example.com", "viewer")
	narrow := k.as(k.root, "POST", "/api-keys", `{"name":"reads only","capabilities":[]}`, 201).json["api_key"].(string)
	shopped := k.as(k.root, "POST", "/api-keys", `{"name":"one shop","tenants":["`+shop+`"]}`, 201).json["api_key"].(string)
	for path, want := range map[string][5]int{ // nobody, viewer, root, a key that only reads, a key for one shop
		"GET /me":                               {401, 200, 200, 200, 200},
		"GET /users/me":                         {401, 200, 200, 200, 200},
		"GET /tenants/me":                       {401, 200, 200, 200, 200},
		"GET /suppliers/me":                     {401, 200, 200, 200, 200},
		"GET /users":                            {401, 403, 200, 200, 200},
		"POST /users {":                         {401, 403, 422, 403, 422},
		"GET /users/" + viewerID:                {401, 200, 200, 200, 404},
		"GET /users/" + otherID:                 {401, 400, 200, 200, 404},
		"PATCH /users/" + otherID + " {":        {401, 403, 422, 403, 422},
		"DELETE /users/" + otherID + "?x":       {401, 403, 422, 403, 403},
		"POST /users/" + otherID + "/enable":    {401, 403, 200, 403, 404},
		"POST /users/" + otherID + "/disable":   {401, 403, 200, 403, 404},
		"GET /suppliers":                        {401, 403, 200, 200, 200},
		"POST /suppliers {":                     {401, 403, 422, 403, 403},
		"GET /suppliers/" + shop:                {401, 403, 200, 200, 200},
		"PATCH /suppliers/" + shop + " {":       {401, 403, 422, 403, 403},
		"GET /api-keys":                         {401, 200, 200, 403, 403},
		"POST /api-keys {":                      {401, 422, 422, 403, 403},
		"GET /api-keys/" + otherID:              {401, 404, 404, 403, 403},
		"DELETE /api-keys/" + otherID:           {401, 404, 404, 403, 403},
		"POST /api-keys/" + otherID + "/rotate": {401, 404, 404, 403, 403},
		"DELETE /me/api-key":                    {401, 404, 404, 403, 403},
		"GET /audit/events":                     {401, 403, 200, 200, 200},
		"GET /audit/events/1":                   {401, 403, 200, 200, 404},
		"GET /operations/projections":           {401, 403, 200, 200, 403},
	} {
		for i, key := range []string{"", viewer, k.root, narrow, shopped} {
			method, rest, _ := strings.Cut(path, " ")
			where, body, _ := strings.Cut(rest, " ")
			got := k.as(key, method, where, body, want[i])
			shared := strings.HasPrefix(path, "GET /audit") || path == "GET /users" // with others than administrators
			if want[i] == 403 && i == 1 && (got.json["detail"] == "User is not an admin.") == shared {
				t.Errorf("%s: %s", path, got.text)
			}
		}
	}
}

func TestTheActiveSupplier(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	shop, unknown := k.supplier("Shop"), k.newID()
	id, _ := k.user("viewer@example.com", "viewer")
	tenant := "X-Tenant-ID"

	k.as(k.root, "GET", "/users", "", 200, tenant, shop).wants(t, map[string]any{"total": 0.0})
	k.as(k.root, "GET", "/users", "", 200, tenant, unknown).wants(t, map[string]any{"total": 0.0})
	k.as(k.root, "GET", "/users/"+id, "", 404, tenant, shop)
	k.as(k.root, "PATCH", "/users/"+id, `{}`, 404, tenant, shop)
	k.as(k.root, "DELETE", "/users/"+id, "", 404, tenant, shop)
	k.as(k.root, "POST", "/users/"+id+"/disable", "", 404, tenant, shop)
	k.as(k.root, "POST", "/users/"+id+"/disable", "", 422, tenant, unknown).wants(t, map[string]any{"code": "unknown_reference"})
	k.as(k.root, "POST", "/users", `{"email":"x@example.com"}`, 422, tenant, unknown).wants(t, map[string]any{"code": "unknown_reference"})
	k.as(k.root, "POST", "/users", `{"email":"x@example.com"}`, 201, tenant, shop).wants(t, map[string]any{"supplier_id": nil})
	k.as(k.root, "GET", "/users/"+string(k.rootID), "", 200, tenant, shop) // oneself is everywhere
	k.as(k.root, "PATCH", "/users/"+string(k.rootID), `{"name":"R"}`, 200, tenant, shop)
	k.as(k.root, "PATCH", "/suppliers/"+shop, `{}`, 422, tenant, unknown)
	k.as(k.root, "PATCH", "/suppliers/"+shop, `{}`, 200, tenant, shop)
	k.as(k.root, "GET", "/suppliers/"+shop, "", 404, tenant, unknown)
}

// TestTenantsMe echoes the id and tells nothing that is not the caller's.
func TestTenantsMe(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	shop, unknown := k.supplier("My Shop"), k.newID()
	_, viewer := k.user("viewer@example.com", "viewer")
	for _, tt := range []struct {
		key, tenant    string
		id, name, slug any
	}{
		{k.root, "", nil, nil, nil},
		{k.root, shop, shop, "My Shop", "my-shop"},
		{k.root, strings.ToUpper(shop), shop, "My Shop", "my-shop"},
		{k.root, unknown, unknown, nil, nil},
		{viewer, shop, shop, nil, nil},
	} {
		k.as(tt.key, "GET", "/tenants/me", "", 200, "X-Tenant-ID", tt.tenant).wants(t, map[string]any{"tenant_id": tt.id, "name": tt.name, "slug": tt.slug})
	}
	k.as(k.root, "GET", "/tenants/me", "", 400, "X-Tenant-ID", "shop").wants(t, map[string]any{"code": "tenant_malformed"})
	k.as(viewer, "GET", "/suppliers/me", "", 200).wants(t, map[string]any{"total": 0.0})
	k.as(k.root, "GET", "/suppliers/me", "", 200).wants(t, map[string]any{"total": 1.0})
	k.as(k.root, "GET", "/me", "", 200, "X-Tenant-ID", shop).wants(t, map[string]any{"email": "root@example.com", "tenant_id": shop, "effective_role": "super_admin", "status": "active"})
	k.as(viewer, "GET", "/users/me", "", 200, "X-Tenant-ID", shop).wants(t, map[string]any{"email": "viewer@example.com", "tenant_id": shop, "effective_role": nil})
}

// TestAnAnswerBeforeItIsVisible is the same, and says so.
func TestAnAnswerBeforeItIsVisible(t *testing.T) {
	t.Parallel()
	k := startStack(t, func(s *Server) {
		s.Visible = func(context.Context, events.LogID, events.Position, []events.Recorded) bool { return false }
	})
	got := k.as(k.root, "POST", "/users", `{"email":"ada@example.com","name":"Ada"}`, 201)
	got.wants(t, map[string]any{"email": "ada@example.com", "name": "Ada", "status": "invited", "created_by": "root@example.com", "version": 1.0})
	if got.header.Get("Visible") != "false" {
		t.Errorf("it does not say that it is not visible: %v", got.header)
	}
}

// TestNarrowedKeys keep to their suppliers wherever a request acts.
func TestNarrowedKeys(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	mine, other := k.supplier("Mine"), k.supplier("Other")
	key := k.as(k.root, "POST", "/api-keys", `{"name":"x","tenants":["`+mine+`"]}`, 201).json["api_key"].(string)
	k.as(key, "GET", "/users", "", 200, "X-Tenant-ID", mine)
	k.as(key, "GET", "/users", "", 403, "X-Tenant-ID", other).wants(t, map[string]any{"code": "tenant_denied"})
	k.as(key, "GET", "/users/"+k.newID(), "", 403, "X-Tenant-ID", other).wants(t, map[string]any{"code": "tenant_denied"})
	k.as(key, "GET", "/audit/events", "", 403, "X-Tenant-ID", other).wants(t, map[string]any{"code": "tenant_denied"})
	k.as(key, "GET", "/suppliers", "", 200).wants(t, map[string]any{"total": 1.0})
	k.as(key, "GET", "/suppliers/"+other, "", 404)
	k.as(key, "GET", "/tenants/me", "", 200, "X-Tenant-ID", other).wants(t, map[string]any{"tenant_id": other, "name": nil})
	k.as(key, "GET", "/me", "", 200, "X-Tenant-ID", other).wants(t, map[string]any{"tenant_id": other, "effective_role": nil})
	k.as(key, "GET", "/me", "", 200, "X-Tenant-ID", mine).wants(t, map[string]any{"effective_role": "super_admin"})
}

// TestADeletedActor is told as such, and never by an id.
func TestADeletedActor(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	bossID, boss := k.user("boss@example.com", "super_admin")
	id := k.as(boss, "POST", "/users", `{"email":"ada@example.com"}`, 201).json["id"].(string)
	k.as(k.root, "GET", "/users/"+id, "", 200).wants(t, map[string]any{"created_by": "boss@example.com"})
	k.as(k.root, "DELETE", "/users/"+bossID, "", 200)
	k.as(boss, "GET", "/me", "", 401)
	k.as(k.root, "GET", "/users/"+id, "", 200).wants(t, map[string]any{"created_by": "deleted user"})
	if got := k.as(k.root, "GET", "/users?id__in="+id, "", 200); !strings.Contains(got.text, `"created_by":"deleted user"`) {
		t.Errorf("got %s", got.text)
	}
}
