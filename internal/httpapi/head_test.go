package httpapi

import (
	"net/http"
	"strings"
	"testing"
)

// TestHead: HEAD is answered like GET everywhere, without a body.
func TestHead(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	shop := k.supplier("Shop")
	paths := request{path: "/openapi.json"}.send(t, k.Server).json["paths"].(map[string]any)
	asked := []string{"/openapi.json", "/docs", "/redoc", "/api/v1/nowhere", "/api/v1/users?x", "/api/v1/users/" + string(k.rootID), "/api/v1/suppliers/" + shop, "/api/v1/suppliers/x", "/api/v1/suppliers/"}
	for path, item := range paths {
		if item.(map[string]any)["get"] != nil {
			asked = append(asked, strings.NewReplacer("{id}", otherID, "{position}", "1").Replace(path))
		}
	}
	for _, path := range asked {
		for _, as := range []string{k.root, ""} {
			get := request{path: path, as: as}.send(t, k.Server)
			head := request{method: http.MethodHead, path: path, as: as}.send(t, k.Server)
			if head.status != get.status || head.text != "" {
				t.Errorf("HEAD %s as %q: %d %q, GET %d", path, as, head.status, head.text, get.status)
			}
			for _, name := range []string{"Content-Type", "ETag", "WWW-Authenticate", "Retry-After", "Cache-Control"} {
				if head.header.Get(name) != get.header.Get(name) {
					t.Errorf("HEAD %s as %q: %s is %q, to GET %q", path, as, name, head.header.Get(name), get.header.Get(name))
				}
			}
			if (head.header.Get(consistencyToken) == "") != (get.header.Get(consistencyToken) == "") {
				t.Errorf("HEAD %s as %q: the token is %q, to GET %q", path, as, head.header.Get(consistencyToken), get.header.Get(consistencyToken))
			}
		}
	}
	for path, allow := range map[string]string{"/users": "GET, HEAD, POST", "/users/" + otherID: "GET, HEAD, PATCH, DELETE", "/me/api-key": "POST, DELETE", "/audit/events": "GET, HEAD"} {
		got := k.as(k.root, http.MethodPut, path, "", 405)
		if got.header.Get("Allow") != allow {
			t.Errorf("%s allows %q, want %q", path, got.header.Get("Allow"), allow)
		}
	}
	k.as(k.root, http.MethodHead, "/me/api-key", "", 405)
}
