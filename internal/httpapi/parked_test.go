package httpapi

import (
	"fmt"
	"strings"
	"testing"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
	"tenure/internal/projections"
	"tenure/internal/testkit"
)

// parked parks a document at its last event, as a fold does that could not
// apply it.
func parked[T any](k *stack, p projections.Projection[T], id string) events.Position {
	k.t.Helper()
	c, key := docstore.In[T](k.mongo, p.Model()), docstore.Key(id)
	loaded, err := c.Load(k.t.Context(), authz.SystemScope("test"), []docstore.Key{key})
	if err != nil {
		k.t.Fatal(err)
	}
	doc := loaded[key]
	doc.Parked, doc.Frozen = &docstore.Parked{Position: doc.Position, Error: "a test"}, true
	if err := c.Queue(k.t.Context(), []docstore.Waiting{{Key: key, Position: doc.Position}}); err != nil {
		k.t.Fatal(err)
	}
	if raced, err := c.Replace(k.t.Context(), []docstore.Document[T]{doc}); raced || err != nil {
		k.t.Fatal(raced, err)
	}
	return doc.Position
}

// Whoever looks at what is parked is told so, and a change of it is answered,
// and not visible.
func TestWhatIsParkedSaysSo(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	user, _ := k.user("ada@example.com", "viewer")
	supplier := k.supplier("Acme")
	key, _ := k.as(k.root, "POST", "/api-keys", `{"name":"mine"}`, 201).json["id"].(string)
	for _, path := range []string{"/users/" + user, "/users", "/suppliers/" + supplier, "/api-keys/" + key} {
		if got := k.as(k.root, "GET", path, "", 200); strings.Contains(got.text, `"projection"`) {
			t.Errorf("%s says so before: %s", path, got.text)
		}
	}
	marks := map[string]events.Position{
		user: parked(k, projections.Users, user), supplier: parked(k, projections.Suppliers, supplier), key: parked(k, projections.APIKeys, key),
	}
	mark := func(id string) string {
		return fmt.Sprintf(`"projection":{"status":"parked","position":%d}`, marks[id])
	}
	for path, id := range map[string]string{
		"/users/" + user: user, "/users": user, "/suppliers/" + supplier: supplier, "/suppliers": supplier,
		"/api-keys/" + key: key, "/api-keys": key,
	} {
		if got := k.as(k.root, "GET", path, "", 200); strings.Count(got.text, `"projection"`) != 1 || !strings.Contains(got.text, mark(id)) {
			t.Errorf("%s: %s, want %s once", path, got.text, mark(id))
		}
	}
	testkit.Eventually(t, "all three are announced", func() bool {
		got := k.as(k.root, "GET", "/operations/projections", "", 200)
		return strings.Count(got.text, `"parked_count":1`) == 3 && strings.Contains(got.text, `"error":"a test"`)
	})
	for _, path := range []string{"/users/" + user, "/suppliers/" + supplier} {
		got := k.as(k.root, "PATCH", path, `{"name":"Another"}`, 200)
		if got.header.Get("Visible") != "false" || !strings.Contains(got.text, `"name":"Another"`) {
			t.Errorf("a change of %s is answered %v %s, want that it is done, and not visible", path, got.header, got.text)
		}
		if got := k.as(k.root, "GET", path, "", 200); strings.Contains(got.text, `"name":"Another"`) {
			t.Errorf("%s shows what waits: %s", path, got.text)
		}
	}
}
