package httpapi

import (
	"net/url"
	"strings"
	"testing"
)

// TestCursors: the next page of a list, of that list alone.
func TestCursors(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	for _, name := range []string{"Ada", "Bob", "Cy", "Dan", "Eve"} {
		k.user(strings.ToLower(name)+"@example.com", "viewer")
		k.supplier(name)
	}
	shop := k.supplier("Shop")
	for path, total := range map[string]float64{"/users": 6, "/users?order_by=-email&search=example": 6, "/suppliers": 6, "/suppliers?order_by=created_at": 6, "/users?role=viewer": 5} {
		seen, cursor, pages := map[string]bool{}, "", 0.0
		for {
			asked := path + map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "page_size=2"
			if cursor != "" {
				asked += "&cursor=" + url.QueryEscape(cursor)
			}
			got := k.as(k.root, "GET", asked, "", 200)
			pages++
			got.wants(t, map[string]any{"total": total, "page": pages, "page_size": 2.0, "total_pages": 3.0})
			for _, item := range got.json["items"].([]any) {
				id := item.(map[string]any)["id"].(string)
				if seen[id] {
					t.Errorf("%s: %s is on two pages", path, id)
				}
				seen[id] = true
			}
			next, more := got.json["next_cursor"].(string)
			if !more {
				break
			}
			cursor = next
		}
		if len(seen) != int(total) || pages != 3 {
			t.Errorf("%s: %d on %v pages", path, len(seen), pages)
		}
	}
	cursor, _ := k.as(k.root, "GET", "/users?page_size=2", "", 200).json["next_cursor"].(string)
	if cursor == "" {
		t.Fatal("there is no next page")
	}
	k.as(k.root, "GET", "/users?page_size=100&cursor="+cursor, "", 200).wants(t, map[string]any{"next_cursor": nil, "page": 2.0})
	for asked, code := range map[string]string{
		"/users?page=1&cursor=" + cursor:              "page_and_cursor",
		"/users?page=2&cursor=" + cursor:              "page_and_cursor",
		"/users?role=viewer&cursor=" + cursor:         "cursor_foreign",
		"/users?order_by=email&cursor=" + cursor:      "cursor_foreign",
		"/users?search=a&cursor=" + cursor:            "cursor_foreign",
		"/users?id__in=" + shop + "&cursor=" + cursor: "cursor_foreign",
		"/suppliers?cursor=" + cursor:                 "cursor_foreign",
		"/suppliers/me?cursor=" + cursor:              "cursor_foreign",
		"/api-keys?cursor=" + cursor:                  "cursor_foreign",
		"/users?cursor=x":                             "cursor_malformed",
		"/users?cursor=":                              "invalid",
		"/users?cursor=" + strings.Repeat("x", 8193):  "invalid",
	} {
		k.as(k.root, "GET", asked, "", 422).wants(t, map[string]any{"code": code})
	}
	k.as(k.root, "GET", "/users?cursor="+cursor, "", 422, "X-Tenant-ID", shop).wants(t, map[string]any{"code": "cursor_foreign"})
	k.as(k.root, "GET", "/users/?cursor="+cursor, "", 200)
}
