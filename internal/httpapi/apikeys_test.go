package httpapi

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"tenure/internal/identity"
)

func TestOneDefaultKey(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	_, ada := k.user("ada@example.com", "viewer")
	k.as(ada, "DELETE", "/me/api-key", "", 404)
	first := k.as(ada, "POST", "/me/api-key", "", 200).json["api_key"].(string)
	if !identity.WellFormed(first) {
		t.Errorf("got %q", first)
	}
	k.as(first, "GET", "/me", "", 200)
	second := k.as(first, "POST", "/me/api-key", "", 200).json["api_key"].(string)
	k.as(first, "GET", "/me", "", 401).wants(t, map[string]any{"detail": "Invalid API key"})
	k.as(second, "GET", "/api-keys", "", 200).wants(t, map[string]any{"total": 2.0}) // and the one of the test
	k.as(second, "DELETE", "/me/api-key", "", 200).wants(t, map[string]any{"detail": "API key revoked successfully"})
	k.as(second, "GET", "/me", "", 401)
	k.as(ada, "DELETE", "/me/api-key", "", 404)
}

func TestKeys(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	_, ada := k.user("ada@example.com", "viewer")
	expiry := time.Now().Add(time.Hour).UTC().Truncate(time.Second).Format(time.RFC3339)
	made := k.as(ada, "POST", "/api-keys", `{"name":"x","capabilities":null,"tenants":null,"expires_at":"`+expiry+`"}`, 201)
	id, plain := made.json["id"].(string), made.json["api_key"].(string)
	made.wants(t, map[string]any{
		"name": "x", "capabilities": nil, "tenants": nil, "expires_at": expiry, "last_used_at": nil,
		"prefix": plain[:8], "last_four": plain[len(plain)-4:],
	})
	k.as(plain, "GET", "/me", "", 200)
	read := k.as(ada, "GET", "/api-keys/"+id, "", 200)
	if strings.Contains(read.text, plain) || strings.Contains(read.text, `"api_key"`) || strings.Contains(read.text, "hash") {
		t.Errorf("the key is shown again: %s", read.text)
	}
	if want := strings.Replace(made.text, `,"api_key":"`+plain+`"`, "", 1); read.text != want {
		t.Errorf("made %s\nread %s", made.text, read.text)
	}

	rotated := k.as(ada, "POST", "/api-keys/"+id+"/rotate", `{"grace_seconds":600}`, 200)
	rotated.wants(t, map[string]any{"id": id, "name": "x", "expires_at": expiry})
	if rotated.json["previous_expires_at"] == nil {
		t.Errorf("the former key's end is not told: %s", rotated.text)
	}
	k.as(plain, "GET", "/me", "", 200)
	again := k.as(ada, "POST", "/api-keys/"+id+"/rotate", "", 200)
	again.wants(t, map[string]any{"previous_expires_at": nil})
	k.as(plain, "GET", "/me", "", 401)
	k.as(rotated.json["api_key"].(string), "GET", "/me", "", 401)

	// Nobody else reaches the key, whoever he is.
	for _, path := range []string{"GET /api-keys/" + id, "DELETE /api-keys/" + id, "POST /api-keys/" + id + "/rotate"} {
		method, where, _ := strings.Cut(path, " ")
		k.as(k.root, method, where, "", 404).wants(t, map[string]any{"code": "api_key_not_found"})
	}
	if got := k.as(ada, "DELETE", "/api-keys/"+id, "", 204); got.text != "" {
		t.Errorf("204 with a body: %q", got.text)
	}
	k.as(again.json["api_key"].(string), "GET", "/me", "", 401)
	k.as(ada, "GET", "/api-keys/"+id, "", 404)
	k.as(ada, "DELETE", "/api-keys/"+id, "", 404)
}

func TestKeysOfTheWrongShape(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	many := func(n int, item string) string {
		return "[" + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + "]"
	}
	for body, want := range map[string][2]string{
		`{}`:          {"body.name", "required"},
		`{"name":""}`: {"body.name", "1"},
		`{"name":"` + strings.Repeat("x", 256) + `"}`: {"body.name", "255"},
		`{"name":null}`:                                                   {"body.name", "null"},
		`{"name":"x","hash":"y"}`:                                         {"body.hash", "unknown"},
		`{"name":"x","capabilities":["a b"]}`:                             {"body.capabilities[0]", "64"},
		`{"name":"x","capabilities":[""]}`:                                {"body.capabilities[0]", "64"},
		`{"name":"x","capabilities":[null]}`:                              {"body.capabilities[0]", "null"},
		`{"name":"x","capabilities":"read"}`:                              {"body.capabilities", "array"},
		`{"name":"x","capabilities":` + many(65, `"a"`) + `}`:             {"body.capabilities", "64"},
		`{"name":"x","capabilities":["` + strings.Repeat("x", 65) + `"]}`: {"body.capabilities[0]", "64"},
		`{"name":"x","tenants":["shop"]}`:                                 {"body.tenants[0]", "UUID"},
		`{"name":"x","tenants":` + many(101, `"`+shopID+`"`) + `}`:        {"body.tenants", "100"},
		`{"name":"x","tenants":["` + shopID + `"]}`:                       {"body.tenants", ""},
		`{"name":"x","expires_at":"2020-01-01T00:00:00Z"}`:                {"body.expires_at", "future"},
		`{"name":"x","expires_at":"tomorrow"}`:                            {"body.expires_at", "3339"},
		`{"name":"x","expires_at":1}`:                                     {"body.expires_at", "string"},
		`{"name":"x","expires_at":"2030-01-01 00:00:00Z"}`:                {"body.expires_at", "3339"},
	} {
		mustName(t, k.as(k.root, "POST", "/api-keys", body, 422), want[0], want[1])
	}
	id := k.as(k.root, "POST", "/api-keys", `{"name":"x","capabilities":["Manage_Users","manage_users"]}`, 201).json["id"].(string)
	if got := k.as(k.root, "GET", "/api-keys/"+id, "", 200); !strings.Contains(got.text, `"capabilities":["manage_users"]`) {
		t.Errorf("got %s", got.text)
	}
	for body, says := range map[string]string{
		`{"grace_seconds":-1}`: "0", `{"grace_seconds":86401}`: "86400", `{"grace_seconds":"1"}`: "integer", `{"grace_seconds":1.5}`: "whole", `{"grace_seconds":null}`: "null",
		`{"grace_seconds":99999999999999999999}`: "86400", `{"grace":1}`: "unknown",
	} {
		mustName(t, k.as(k.root, "POST", "/api-keys/"+id+"/rotate", body, 422), "body.grace", says)
	}
	k.as(k.root, "POST", "/api-keys/"+id+"/rotate", `{"grace_seconds":6e2}`, 200)
}

// TestAtMostTwentyFiveKeys names the limit.
func TestAtMostTwentyFiveKeys(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	_, ada := k.user("ada@example.com", "viewer")
	for range 24 {
		k.as(ada, "POST", "/api-keys", `{"name":"x"}`, 201)
	}
	got := k.as(ada, "POST", "/api-keys", `{"name":"x"}`, 409)
	got.wants(t, map[string]any{"code": "too_many_keys"})
	if !regexp.MustCompile(`\b25\b`).MatchString(got.text) {
		t.Errorf("the limit is not named: %s", got.text)
	}
	k.as(ada, "GET", "/api-keys?page_size=100&order_by=name", "", 200).wants(t, map[string]any{"total": 25.0})
}
