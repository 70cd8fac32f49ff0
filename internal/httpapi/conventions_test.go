package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"tenure/internal/authz"
	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/projections"
)

// try is a request that a command route accepts, as a key that may send it.
type try struct{ key, path, body string }

// tries give each command route a request of its own, on a thing of its own.
// A route that is not here fails the test below.
func (k *stack) tries() map[string]func() try {
	user := func() string { id, _ := k.user(k.newID()+"@example.com", "viewer"); return id }
	apiKey := func() (key, id string) {
		_, key = k.user(k.newID()+"@example.com", "viewer")
		return key, k.as(key, "POST", "/api-keys", `{"name":"x"}`, 201).json["id"].(string)
	}
	return map[string]func() try{
		"POST /users":              func() try { return try{k.root, "/users", `{"email":"` + k.newID() + `@example.com"}`} },
		"PATCH /users/{id}":        func() try { return try{k.root, "/users/" + user(), `{"name":"X"}`} },
		"DELETE /users/{id}":       func() try { return try{k.root, "/users/" + user(), ""} },
		"POST /users/{id}/disable": func() try { return try{k.root, "/users/" + user() + "/disable", ""} },
		"POST /users/{id}/enable":  func() try { return try{k.root, "/users/" + user() + "/enable", `{"reason":"x"}`} },
		"PUT /users/{id}/memberships": func() try {
			return try{k.root, "/users/" + user() + "/memberships", `{"memberships":[{"scope_type":"global","role":"viewer"}]}`}
		},
		"PUT /users/{id}/memberships/{scope_type}/{scope_id}": func() try {
			id := user()
			k.as(k.root, "PUT", "/users/"+id+"/memberships/global/-", `{"role":"agent"}`, 200)
			return try{k.root, "/users/" + id + "/memberships/global/-", `{"role":"viewer"}`}
		},
		"DELETE /users/{id}/memberships/{scope_type}/{scope_id}": func() try {
			id := user()
			k.as(k.root, "PUT", "/users/"+id+"/memberships/global/-", `{"role":"agent"}`, 200)
			return try{k.root, "/users/" + id + "/memberships/global/-", ""}
		},
		"POST /suppliers":       func() try { return try{k.root, "/suppliers", `{"name":"` + k.newID() + `"}`} },
		"PATCH /suppliers/{id}": func() try { return try{k.root, "/suppliers/" + k.supplier(k.newID()), `{"name":"X"}`} },
		"POST /me/api-key":      func() try { key, _ := apiKey(); return try{key, "/me/api-key", ""} },
		"DELETE /me/api-key": func() try {
			key, _ := apiKey()
			k.as(key, "POST", "/me/api-key", "", 200)
			return try{key, "/me/api-key", ""}
		},
		"POST /api-keys":             func() try { key, _ := apiKey(); return try{key, "/api-keys", `{"name":"x"}`} },
		"DELETE /api-keys/{id}":      func() try { key, id := apiKey(); return try{key, "/api-keys/" + id, ""} },
		"POST /api-keys/{id}/rotate": func() try { key, id := apiKey(); return try{key, "/api-keys/" + id + "/rotate", ""} },
	}
}

// TestEveryCommandRouteKeepsTheConventions: a version that is not, a key that
// is sent again, and a caller in a hurry.
func TestEveryCommandRouteKeepsTheConventions(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	tries := k.tries()
	paths := request{path: "/openapi.json"}.send(t, k.Server).json["paths"].(map[string]any)
	for path, item := range paths {
		for method, operation := range item.(map[string]any) {
			name := strings.ToUpper(method) + " " + strings.TrimPrefix(path, "/api/v1")
			text, err := json.Marshal(operation)
			if method == "get" || err != nil {
				continue
			}
			for _, says := range []string{`"412"`, `"Idempotency-Key"`, `"If-Match"`, `"Prefer"`, `"Idempotent-Replayed"`, `"Preference-Applied"`, `"Consistency-Token"`} {
				if !strings.Contains(string(text), says) {
					t.Errorf("%s: the description lacks %s", name, says)
				}
			}
			prepare := tries[name]
			if prepare == nil {
				t.Errorf("%s: is not tried", name)
				continue
			}
			k.keepsConventions(name, strings.ToUpper(method), prepare())
		}
	}
}

func (k *stack) keepsConventions(name, method string, one try) {
	k.t.Helper()
	for header, wrong := range map[string]string{"If-Match": "3", "Idempotency-Key": strings.Repeat("x", 256)} {
		got := k.as(one.key, method, one.path, one.body, 422, header, wrong)
		if !strings.Contains(got.text, `"header.`+header+`"`) || header == "Idempotency-Key" && !strings.Contains(got.text, "255") {
			k.t.Errorf("%s: a wrong %s is answered %s", name, header, got.text)
		}
	}
	k.as(one.key, method, one.path, one.body, 412, "If-Match", `"999", W/"1"`).wants(k.t, map[string]any{"code": "version_mismatch"})
	send := func() response {
		q := request{method: method, path: "/api/v1" + one.path, body: one.body, as: one.key, header: map[string]string{"Idempotency-Key": "k", "Prefer": "respond-async"}}
		return q.send(k.t, k.Server)
	}
	first, again := send(), send()
	if first.status/100 != 2 || first.header.Get(idempotentReplayed) != "" || first.header.Get(preferenceApplied) != respondAsync || first.header.Get(consistencyToken) == "" {
		k.t.Errorf("%s: got %d %s %v", name, first.status, first.text, first.header)
	}
	if first.json["api_key"] != nil {
		if again.status != 409 || again.json["code"] != "key_already_shown" {
			k.t.Errorf("%s: a key is shown again: %d", name, again.status)
		}
		return
	}
	if again.status != first.status || again.text != first.text || again.header.Get(idempotentReplayed) != "true" ||
		again.header.Get(consistencyToken) != first.header.Get(consistencyToken) || again.header.Get("ETag") != first.header.Get("ETag") {
		k.t.Errorf("%s: sent again, got %d %s %v, want %d %s %v", name, again.status, again.text, again.header, first.status, first.text, first.header)
	}
}

// TestADuplicateOverHTTP: sixteen at once are one, and what moved on since does
// not change the answer.
func TestADuplicateOverHTTP(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	answers := make([]response, 16)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() {
			answers[i] = request{method: "POST", path: "/api/v1/users", body: `{"email":"ada@example.com"}`, as: k.root, header: map[string]string{"Idempotency-Key": "ada"}}.send(t, k.Server)
		})
	}
	group.Wait()
	first := 0
	for _, got := range answers {
		if got.status != 201 || got.text != answers[0].text || got.header.Get("ETag") != `"1"` {
			t.Errorf("got %d %s", got.status, got.text)
		}
		if got.header.Get(idempotentReplayed) == "" {
			first++
		}
	}
	if first != 1 {
		t.Errorf("%d were first", first)
	}
	id := answers[0].json["id"].(string)
	k.as(k.root, "PATCH", "/users/"+id, `{"name":"Countess"}`, 200)
	again := k.as(k.root, "POST", "/users", `{"email":"ada@example.com"}`, 201, "Idempotency-Key", "ada")
	if again.text != answers[0].text {
		t.Errorf("after a change: %s, want %s", again.text, answers[0].text)
	}
	k.as(k.root, "POST", "/users", `{"email":"bob@example.com"}`, 422, "Idempotency-Key", "ada").wants(t, map[string]any{"code": "idempotency_key_reused"})
	shop := k.supplier("Shop")
	renamed := k.as(k.root, "PATCH", "/suppliers/"+shop, `{"name":"Other"}`, 200, "Idempotency-Key", "shop")
	k.as(k.root, "PATCH", "/suppliers/"+shop, `{"name":"Third"}`, 200)
	if again := k.as(k.root, "PATCH", "/suppliers/"+shop, `{"name":"Other"}`, 200, "Idempotency-Key", "shop"); again.text != renamed.text {
		t.Errorf("after a change: %s, want %s", again.text, renamed.text)
	}
	// Another spelling of the path is the same path; another path is another.
	k.as(k.root, "PATCH", "/users/"+id, `{}`, 200, "Idempotency-Key", "p")
	if got := k.as(k.root, "PATCH", "/users/"+strings.ToUpper(id), `{}`, 200, "Idempotency-Key", "p"); got.header.Get(idempotentReplayed) != "true" {
		t.Error("another spelling of the path is another request")
	}
	if got := k.as(k.root, "PATCH", "/suppliers/"+shop, `{}`, 200, "Idempotency-Key", "p"); got.header.Get(idempotentReplayed) != "" {
		t.Error("a key counts on another path")
	}
	if got := k.as(k.root, "PATCH", "/suppliers/"+shop, `{}`, 200, "Idempotency-Key", "p", "X-Tenant-ID", shop); got.header.Get(idempotentReplayed) != "" {
		t.Error("a key counts in another tenant")
	}
	for _, wrong := range []string{"", strings.Repeat("ä", 256), "\xff"} {
		mustName(t, k.as(k.root, "PATCH", "/suppliers/"+shop, `{}`, 422, "Idempotency-Key", wrong), "header.Idempotency-Key", "255")
	}
	k.as(k.root, "PATCH", "/suppliers/"+shop, `{}`, 200, "Idempotency-Key", strings.Repeat("ä", 255))
}

// TestTags: what has a version has a tag, and a change by it succeeds once.
func TestTags(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	id, _ := k.user("ada@example.com", "viewer")
	shop := k.supplier("Shop")
	for _, path := range []string{"/users/" + id, "/suppliers/" + shop, "/me", "/users/me"} {
		got := k.as(k.root, "GET", path, "", 200)
		version, _ := json.Marshal(got.json["version"])
		if got.header.Get("ETag") != `"`+string(version)+`"` {
			t.Errorf("%s: the tag is %q, the version %s", path, got.header.Get("ETag"), version)
		}
	}
	for _, path := range []string{"/users", "/suppliers", "/api-keys", "/tenants/me", "/operations/projections"} {
		if got := k.as(k.root, "GET", path, "", 200).header.Get("ETag"); got != "" {
			t.Errorf("%s has the tag %s", path, got)
		}
	}
	// A document of memberships is always there, also when none is in it.
	document, entries := "/users/"+id+"/memberships", `{"memberships":[{"scope_type":"supplier","scope_id":"`+shop+`","role":"viewer"}]}`
	if tag := k.as(k.root, "GET", document, "", 200).header.Get("ETag"); tag != `"0"` {
		t.Errorf("no memberships have the tag %s", tag)
	}
	k.as(k.root, "PUT", document, entries, 412, "If-Match", `"1"`)
	for _, above := range []string{`{"memberships":[{"scope_type":"global","role":"Admin"}]}`, `{"default_role":"super_admin","memberships":[]}`} {
		k.as(k.root, "PUT", document, above, 422, "If-Match", `"1"`) // of the wrong shape, before it is of the wrong version
	}
	tag := k.as(k.root, "PUT", document, entries, 200, "If-Match", `"0"`).header.Get("ETag")
	if read := k.as(k.root, "GET", document, "", 200).header.Get("ETag"); tag != read || tag == `"0"` {
		t.Errorf("after a change the tag is %s, then %s", tag, read)
	}
	k.as(k.root, "PUT", document, `{"memberships":[]}`, 412, "If-Match", `"0"`)
	k.as(k.root, "PUT", document, `{"memberships":[]}`, 200, "If-Match", tag)
	changed := k.as(k.root, "PATCH", "/users/"+id, `{"name":"Ada"}`, 200, "If-Match", `"1"`)
	if changed.header.Get("ETag") != `"2"` {
		t.Errorf("after a change: %v", changed.header)
	}
	k.as(k.root, "PATCH", "/users/"+id, `{"name":"Bob"}`, 412, "If-Match", `"1"`)
	k.as(k.root, "PATCH", "/users/"+id, `{"name":"Ada"}`, 200, "If-Match", `*`)
	k.as(k.root, "PATCH", "/users/"+k.newID(), `{"name":"Bob"}`, 404, "If-Match", `"1"`)
}

// TestAnAnswerInAHurry waits for nothing, and does not say that all see it.
func TestAnAnswerInAHurry(t *testing.T) {
	t.Parallel()
	var asked []time.Duration
	k := startStack(t, func(s *Server) {
		s.Wait = time.Hour
		s.Visible = func(ctx context.Context, _ events.LogID, _ events.Position, _ []events.Recorded) bool {
			until, _ := ctx.Deadline()
			asked = append(asked, time.Until(until))
			return false
		}
	})
	got := k.as(k.root, "POST", "/users", `{"email":"ada@example.com","name":"Ada"}`, 201, "Prefer", `wait=5, Respond-Async;x="y"`)
	got.wants(t, map[string]any{"email": "ada@example.com", "name": "Ada", "created_by": "root@example.com", "version": 1.0})
	if got.header.Get(preferenceApplied) != respondAsync || got.header.Get("Visible") != "false" || len(asked) != 1 || asked[0] > 0 {
		t.Errorf("got %v, waited for %v", got.header, asked)
	}
	got = k.as(k.root, "POST", "/users", `{"email":"bob@example.com"}`, 201, "Prefer", `wait=5`)
	if got.header.Get(preferenceApplied) != "" || len(asked) != 2 || asked[1] < time.Minute {
		t.Errorf("got %v, waited for %v", got.header, asked)
	}
}

// TestTokens: a query with the token of a command answers from no state before
// it, and one that cannot says so.
func TestTokens(t *testing.T) {
	t.Parallel()
	k := startStack(t, func(s *Server) { s.TokenWait = 200 * time.Millisecond })
	made := k.as(k.root, "POST", "/users", `{"email":"ada@example.com"}`, 201)
	head, err := eventlog.Head(t.Context(), k.log)
	if err != nil {
		t.Fatal(err)
	}
	if got := made.header.Get(consistencyToken); got != (token{head.Log, head.Position}.text()) {
		t.Errorf("the token of a command is %q", got)
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{32}$`).MatchString(made.header.Get(consistencyToken)) {
		t.Errorf("the token is %q", made.header.Get(consistencyToken))
	}
	for _, path := range []string{"/me", "/users", "/users/" + k.newID(), "/suppliers", "/suppliers/me", "/api-keys", "/tenants/me", "/operations/projections", "/audit/events", "/audit/events/1"} {
		got := request{path: "/api/v1" + path, as: k.root, header: map[string]string{consistencyToken: made.header.Get(consistencyToken)}}.send(t, k.Server)
		shows, wrong := tokenOf(got.header)
		if got.status >= 500 || wrong != "" || shows == nil || shows.log != head.Log || shows.position < head.Position {
			t.Errorf("%s: got %d, a token of %v", path, got.status, shows)
		}
		for name, wrong := range map[string]string{
			"garbage": "garbage", "another log's": token{events.LogID{15: 1}, 1}.text(), "beyond the end": token{head.Log, head.Position + 1000}.text(),
		} {
			if got := k.as(k.root, "GET", path, "", 422, consistencyToken, wrong); !strings.Contains(got.text, "header.Consistency-Token") || strings.Contains(got.text, wrong) && name == "garbage" {
				t.Errorf("%s, %s: %s", path, name, got.text)
			}
			k.as("", "GET", path, "", 401, consistencyToken, wrong)
		}
	}
}

// TestAQueryWaitsForItsToken: also for the authority that was given before it.
func TestAQueryWaitsForItsToken(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	_, ada := k.user("ada@example.com", "viewer")
	// Keys are used as soon as they are known, with the token of their issue.
	for range 5 {
		made := k.as(ada, "POST", "/api-keys", `{"name":"x"}`, 201, "Prefer", respondAsync)
		key, shown := made.json["api_key"].(string), made.header.Get(consistencyToken)
		if got := k.as(key, "GET", "/api-keys/"+made.json["id"].(string), "", 200, consistencyToken, shown); got.json["id"] != made.json["id"] {
			t.Errorf("got %s", got.text)
		}
	}
}

// TestAReadModelThatStandsStill is told apart from a thing that there is not.
func TestAReadModelThatStandsStill(t *testing.T) {
	t.Parallel()
	var reached []string
	k := startStack(t, nil)
	head, err := eventlog.Head(t.Context(), k.log)
	if err != nil {
		t.Fatal(err)
	}
	k.Server = k.serve(&Server{
		Identity: k.identity.Principal, Commands: k.commands, Log: k.log, Audit: k.audit, Visible: k.wait, Projections: k.progress.Status,
		Users: &projections.UserQueries{Mongo: k.mongo, Live: k.live}, Memberships: &projections.MembershipQueries{Mongo: k.mongo, Live: k.live}, Suppliers: &projections.SupplierQueries{Mongo: k.mongo, Live: k.live}, Keys: &projections.APIKeyQueries{Mongo: k.mongo, Live: k.live},
	}, func(s *Server) {
		s.TokenWait = 50 * time.Millisecond
		s.Shown = func(models ...string) events.Mark {
			if len(models) == 1 { // who is calling
				return head
			}
			return events.Mark{Log: head.Log}
		}
		s.Reached = func(ctx context.Context, _ events.LogID, _ events.Position, models ...string) bool {
			reached = models
			<-ctx.Done()
			return false
		}
	})
	got := k.as(k.root, "GET", "/suppliers/"+k.newID(), "", 503, consistencyToken, token{head.Log, head.Position}.text())
	got.wants(t, map[string]any{"code": "projection_behind"})
	if got.header.Get("Retry-After") == "" || strings.Join(reached, " ") != "suppliers authentication" {
		t.Errorf("got %v, waited for %v", got.header, reached)
	}
	// Without a token it answers at once from what there is.
	k.as(k.root, "GET", "/suppliers/"+k.newID(), "", 404)
}

// TestAuthorityThatIsBehind keeps a caller waiting before he is judged,
// whoever he is.
func TestAuthorityThatIsBehind(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	head, err := eventlog.Head(t.Context(), k.log)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	k.Server = k.serve(&Server{
		Commands: k.commands, Log: k.log, Audit: k.audit, Visible: k.wait, Projections: k.progress.Status, Users: &projections.UserQueries{Mongo: k.mongo, Live: k.live}, Memberships: &projections.MembershipQueries{Mongo: k.mongo, Live: k.live}, Suppliers: &projections.SupplierQueries{Mongo: k.mongo, Live: k.live}, Keys: &projections.APIKeyQueries{Mongo: k.mongo, Live: k.live},
	}, func(s *Server) {
		s.Identity = func(ctx context.Context, r *http.Request, named events.TenantID) (authz.Principal, error) {
			order = append(order, "identify")
			return k.identity.Principal(ctx, r, named)
		}
		s.Shown = func(...string) events.Mark { return events.Mark{Log: head.Log} }
		s.Reached = func(_ context.Context, _ events.LogID, _ events.Position, models ...string) bool {
			order = append(order, strings.Join(models, "+"))
			return true
		}
	})
	k.as(k.root, "GET", "/me", "", 200, consistencyToken, token{head.Log, head.Position}.text())
	// Who is still nobody is told so, and no more than that.
	k.as("tnr_nobody", "GET", "/me", "", 401, consistencyToken, token{head.Log, head.Position}.text())
	if got := strings.Join(order, " "); got != "identify authentication identify users+memberships+suppliers+authentication identify authentication identify" {
		t.Errorf("got %q", got)
	}
}
