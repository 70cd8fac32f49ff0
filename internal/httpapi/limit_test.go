package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"tenure/internal/identity"
)

// TestLimits: what is counted, of whom, and when in the order of checks.
func TestLimits(t *testing.T) {
	t.Parallel()
	_, redis := openStores(t)
	limiter := identity.NewLimiter(redis, map[identity.Act]int{identity.KeyOperations: 5, identity.UserCreations: 3})
	k := startStack(t, func(s *Server) { s.Limit = limiter.Allow })
	_, ada := k.user("ada@example.com", "viewer") // by a super_admin, who is not counted
	for _, name := range []string{"bob", "cy", "dan"} {
		k.user(name+"@example.com", "viewer")
	}
	_, eve := k.user("eve@example.com", "viewer")

	id := k.as(ada, "POST", "/api-keys", `{"name":"x"}`, 201).json["id"].(string)
	k.as(ada, "POST", "/api-keys/"+id+"/rotate", "", 200)
	k.as(ada, "DELETE", "/api-keys/"+id, "", 204)
	k.as(ada, "POST", "/me/api-key", "", 200)
	k.as(ada, "DELETE", "/me/api-key", "", 200)
	for method, path := range map[string]string{"POST": "/me/api-key", "DELETE": "/api-keys/" + id} {
		got := k.as(ada, method, path, "", 429)
		got.wants(t, map[string]any{"code": "rate_limited"})
		if got.header.Get("Retry-After") == "" || !strings.Contains(got.text, " 5 ") {
			t.Errorf("%s %s: %v %s", method, path, got.header, got.text)
		}
	}
	k.as(ada, "POST", "/api-keys", `{`, 429) // before the shape
	k.as(ada, "POST", "/api-keys", `{"name":"x"}`, 400, "X-Tenant-ID", "x")
	k.as("tnr_x", "POST", "/api-keys", `{"name":"x"}`, 401)
	k.as(ada, "GET", "/api-keys", "", 200)
	k.as(eve, "POST", "/api-keys", `{"name":"x"}`, 201)
	for range 3 {
		k.as(eve, "POST", "/users", `{}`, 403)
	}
	k.as(eve, "POST", "/users", `{}`, 429) // before the role

	if err := redis.Close(); err != nil {
		t.Fatal(err)
	}
	if got := k.as(eve, "POST", "/api-keys", `{"name":"x"}`, http.StatusServiceUnavailable); got.header.Get("Retry-After") == "" {
		t.Error("it does not say when to come back")
	}
	k.as(eve, "GET", "/api-keys", "", 200)
	k.as(k.root, "POST", "/users", `{"email":"fay@example.com"}`, 201)
}
