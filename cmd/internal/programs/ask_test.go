package programs_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"tenure/internal/testkit"
)

// get asks a URL, with an API key or without. The status is 0 when nobody
// answers.
func get(t testing.TB, url, key string) (status int, body string) {
	t.Helper()
	return send(t, http.MethodGet, url, key, nil)
}

// send sends a request with a JSON body.
func send(t testing.TB, method, url, key string, body io.Reader) (status int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("X-API-Key", key)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(read)
}

// ready waits until a program says that it is.
func ready(t testing.TB, p *program) {
	t.Helper()
	url := p.metrics() + "/readyz"
	testkit.Eventually(t, "the program is ready", func() bool {
		status, _ := get(t, url, "")
		return status == http.StatusOK
	})
}

// key makes a super_admin and gives a key of his. A projector must run.
func key(t testing.TB, e environment) string {
	t.Helper()
	const email = "root@example.com"
	if p, code := run(t, e, "tenure", "admin", "create-super-admin", "--email", email); code != 0 {
		t.Fatalf("create-super-admin: exit %d: %s", code, p.stderr())
	}
	p, code := run(t, e, "tenure", "admin", "issue-key", "--email", email, "--name", t.Name())
	if code != 0 {
		t.Fatalf("issue-key: exit %d: %s", code, p.stderr())
	}
	words := strings.Fields(p.stdout())
	return words[len(words)-1]
}
