package programs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
	"tenure/internal/projections"
	"tenure/internal/testkit"
)

// parkUser parks a user's document at its last event, as a fold does that
// could not apply it.
func parkUser(t *testing.T, e environment, id string) events.Position {
	t.Helper()
	m, err := docstore.OpenMongo(t.Context(), e["TENURE_MONGO_URL"], nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(context.WithoutCancel(t.Context()))
	users, key := docstore.In[projections.User](m, projections.Users.Model()), docstore.Key(id)
	loaded, err := users.Load(t.Context(), authz.SystemScope("test"), []docstore.Key{key})
	if err != nil {
		t.Fatal(err)
	}
	doc := loaded[key]
	doc.Parked, doc.Frozen = &docstore.Parked{Position: doc.Position, Error: "a test"}, true
	if err := users.Queue(t.Context(), []docstore.Waiting{{Key: key, Position: doc.Position}}); err != nil {
		t.Fatal(err)
	}
	if raced, err := users.Replace(t.Context(), []docstore.Document[projections.User]{doc}); raced || err != nil {
		t.Fatal(raced, err)
	}
	return doc.Position
}

func TestAParkedDocumentIsToldAndRetried(t *testing.T) {
	t.Parallel()
	s := serve(t)
	var me struct {
		ID string `json:"id"`
	}
	_, body := get(t, s.url+"/api/v1/me", s.key)
	if err := json.Unmarshal([]byte(body), &me); err != nil {
		t.Fatal(err)
	}
	at := parkUser(t, s.env, me.ID)

	p, _ := run(t, s.env, "projector", "status")
	if !strings.Contains(p.stdout(), "PARKED IN") || !strings.Contains(p.stdout(), me.ID) {
		t.Errorf("status printed\n%s", p.stdout())
	}
	if _, body := get(t, s.projector.metrics()+"/metrics", ""); !strings.Contains(body, `projection="users"`) || !strings.Contains(body, "tenure_projection_parked{") {
		t.Errorf("no metric of it")
	}
	mark := fmt.Sprintf(`"projection":{"status":"parked","position":%d}`, at)
	for path, want := range map[string]string{
		"/me":                     mark,
		"/users/" + me.ID:         mark,
		"/users":                  mark,
		"/operations/projections": fmt.Sprintf(`"parked":[{"key":"%s","position":%d,"error":"a test"}],"parked_count":1`, me.ID, at),
	} {
		if code, body := get(t, s.url+"/api/v1"+path, s.key); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s, want %s", path, code, body, want)
		}
	}
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"retry", "users", "nobody"}, 0, "nobody: not parked\n"},
		{[]string{"retry", "user"}, 1, ""},
		{[]string{"retry", "users"}, 0, me.ID + ": 1 applied, parked no more\n"},
		{[]string{"retry", "users"}, 0, ""},
	} {
		p, code := run(t, s.env, "projector", tt.args...)
		if code != tt.code || p.stdout() != tt.want {
			t.Errorf("%v: exit %d, %q, want %q; %s", tt.args, code, p.stdout(), tt.want, p.stderr())
		}
	}
	testkit.Eventually(t, "it goes on", func() bool {
		_, body := get(t, s.url+"/api/v1/me", s.key)
		return strings.Contains(body, me.ID) && !strings.Contains(body, `"projection"`)
	})
}
