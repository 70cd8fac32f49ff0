package httpapi

import (
	"io"
	"slices"
	"strings"
	"testing"
)

// TestEveryOperationIsBehindTheGate: but those that anyone may ask.
func TestEveryOperationIsBehindTheGate(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	open := []string{"/health", "/api/v1/health", "/livez", "/readyz"}
	described := request{path: "/openapi.json"}.send(t, k.Server)
	paths := described.json["paths"].(map[string]any)
	if len(paths) < 20 {
		t.Fatalf("only %d paths are described", len(paths))
	}
	for path, item := range paths {
		for method, operation := range item.(map[string]any) {
			op := operation.(map[string]any)
			concrete := strings.NewReplacer("{id}", otherID, "{position}", "1").Replace(path)
			q := request{method: strings.ToUpper(method), path: concrete}
			got := q.send(t, k.Server)
			if slices.Contains(open, path) {
				if got.status != 200 || len(op["security"].([]any)) != 0 {
					t.Errorf("%s %s: got %d", method, path, got.status)
				}
				continue
			}
			if mustProblem(t, got, 401); len(op["security"].([]any)) != 2 {
				t.Errorf("%s %s: the description names %v", method, path, op["security"])
			}
			q.as = "tnr_" + strings.Repeat("A", 49)
			mustProblem(t, q.send(t, k.Server), 401)
			q.as, q.header = k.root, map[string]string{"X-Tenant-ID": "x"}
			mustProblem(t, q.send(t, k.Server), 400)
			q.header, q.path = nil, concrete+"?unknown=1"
			mustProblem(t, q.send(t, k.Server), 422)
			for _, member := range []string{"operationId", "summary", "tags"} {
				if op[member] == nil {
					t.Errorf("%s %s: the description lacks %s", method, path, member)
				}
			}
		}
	}
}

// TestAServerThatLacksAPartDoesNotStart: a server that lacks a part does not start.
func TestAServerThatLacksAPartDoesNotStart(t *testing.T) {
	t.Parallel()
	if _, err := testServer(io.Discard).Handler(); err == nil {
		t.Error("it starts without commands")
	}
}
