package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"tenure/local/internal/store"
)

// apiKey is a key of the super admin: the one of the last run if it is still
// good, else a new one.
func (s *stack) apiKey(ctx context.Context, env []string) (string, error) {
	path := s.path("api_key")
	if text, err := os.ReadFile(path); err == nil {
		key := strings.TrimSpace(string(text))
		if good, err := s.knows(ctx, key); good || err != nil {
			return key, err
		}
	}
	name := "local-" + time.Now().UTC().Format("20060102-150405")
	said, err := s.admin(ctx, "issue-key", env, "admin", "issue-key", "--email", adminEmail, "--name", name)
	if err != nil {
		return "", err
	}
	words := strings.Fields(said)
	if len(words) == 0 {
		return "", errors.New("local: tenure admin issue-key printed no key")
	}
	key := words[len(words)-1]
	// If we die before this is written, the key is lost and the next run
	// issues another one.
	return key, store.ReplaceFile(path, []byte(key+"\n"), 0o600)
}

// knows reports whether the API takes the key. It asks again while the API
// cannot tell.
func (s *stack) knows(ctx context.Context, key string) (bool, error) {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		switch status := get(ctx, s.addr.url+"/api/v1/me", key); status {
		case http.StatusOK:
			return true, nil
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
			return false, nil
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return false, err
		}
	}
	return false, nil
}

// get is the status of an answer; 0 is none.
func get(ctx context.Context, url, key string) int {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0
	}
	if key != "" {
		req.Header.Set("X-API-Key", key)
	}
	// Loopback: no proxy has any business here.
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("local: %w", ctx.Err())
	case <-time.After(d):
		return nil
	}
}
