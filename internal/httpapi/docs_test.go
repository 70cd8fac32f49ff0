package httpapi

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// outside finds what a page would fetch from another host.
var outside = regexp.MustCompile(`(?:src|href)\s*=\s*["']?(?:https?:)?//`)

// TestPagesNeedNoOtherHost: all that they name is here, and a policy keeps
// what their scripts might think of within this host.
func TestPagesNeedNoOtherHost(t *testing.T) {
	t.Parallel()
	server := startThings(t)
	for _, path := range []string{"/docs", "/docs/", "/redoc", "/redoc/"} {
		got := request{path: path}.send(t, server)
		if got.status != http.StatusOK || !strings.Contains(got.text, "/openapi.json") {
			t.Fatalf("%s: got %d %s", path, got.status, got.text)
		}
		if outside.MatchString(got.text) || !strings.Contains(got.header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s fetches from elsewhere: %s", path, outside.FindString(got.text))
		}
		for _, asset := range regexp.MustCompile(`(?:src|href)="(/[^"]*)"`).FindAllStringSubmatch(got.text, -1) {
			if a := (request{path: asset[1]}).send(t, server); a.status != http.StatusOK || a.text == "" {
				t.Errorf("%s: %s is not there: %d", path, asset[1], a.status)
			}
		}
	}
}

// TestDescription is of the whole API, however it is asked for.
func TestDescription(t *testing.T) {
	t.Parallel()
	got := request{path: "/openapi.json"}.send(t, startThings(t))
	if got.status != http.StatusOK || got.json["openapi"] != "3.1.0" || got.header.Get("Content-Type") != "application/json" {
		t.Fatalf("got %d %s", got.status, got.text)
	}
	schemes := got.json["components"].(map[string]any)["securitySchemes"].(map[string]any)
	if schemes[byKey] == nil || schemes[byToken] == nil {
		t.Errorf("security schemes: %v", schemes)
	}
	post := got.json["paths"].(map[string]any)["/api/v1/things"].(map[string]any)["post"].(map[string]any)
	for _, status := range []string{"400", "401", "403", "413", "415", "422", "429", "500", "503"} {
		answer, _ := post["responses"].(map[string]any)[status].(map[string]any)
		if content, _ := answer["content"].(map[string]any); content[problemType] == nil {
			t.Errorf("%s is not described as a problem: %v", status, answer)
		}
	}
}

// TestOnlyRouteRegisters: huma's own ways around it are in no other file.
func TestOnlyRouteRegisters(t *testing.T) {
	t.Parallel()
	for name, text := range sources(t) {
		if name != "route.go" && regexp.MustCompile(`huma\.(Register|Get|Post|Put|Patch|Delete|AutoRegister)\b`).MatchString(text) {
			t.Errorf("%s registers an operation without route", name)
		}
		if name != "caller.go" && name != "route.go" && strings.Contains(text, "callerKey{}") {
			t.Errorf("%s touches the gate's context key", name)
		}
	}
}

// sources are the texts of the package's files but its tests.
func sources(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(text)
	}
	return texts
}
