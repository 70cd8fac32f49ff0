package boot_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tenure/cmd/internal/boot"
)

func TestReadiness(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	var fails error
	r := &boot.Readiness{Logger: boot.NewLogger(&out, 0, "platform")}
	r.Need(boot.Check{Name: "postgres", Ask: func(context.Context) error { return fails }})
	r.Need(boot.Check{Name: "mongo", Ask: func(context.Context) error { return nil }})
	const ok, down = `{"status":"ok","checks":{"mongo":"ok","postgres":"ok"}}`, `{"status":"down","checks":{"mongo":"ok","postgres":"down"}}`
	for _, step := range []struct {
		name   string
		do     func()
		code   int
		body   string
		logged int // lines so far
	}{
		{"starting", func() {}, 503, strings.Replace(ok, `"ok"`, `"down"`, 1), 0},
		{"up", r.Up, 200, ok, 0},
		{"a part goes", func() { fails = errors.New("gone") }, 503, down, 1},
		{"it is still gone", func() {}, 503, down, 1},
		{"it is back", func() { fails = nil }, 200, ok, 2},
		{"told to end", r.End, 503, strings.Replace(ok, `"ok"`, `"down"`, 1), 2},
		{"there is no way back", r.Up, 503, strings.Replace(ok, `"ok"`, `"down"`, 1), 2},
	} {
		step.do()
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
		if got := strings.TrimSpace(w.Body.String()); w.Code != step.code || got != step.body {
			t.Errorf("%s: %d %s", step.name, w.Code, got)
		}
		if n := strings.Count(out.String(), "\n"); n != step.logged {
			t.Errorf("%s: %d lines logged, want %d:\n%s", step.name, n, step.logged, out.String())
		}
	}
}
