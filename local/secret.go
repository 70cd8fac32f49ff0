package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"tenure/local/internal/store"
)

// loadSecret returns the key with which everything personal is hashed. It is made once:
// with another one, nothing that was claimed before would be found again.
func (h *home) loadSecret() (string, error) {
	if named := os.Getenv("TENURE_SECRET_KEY"); named != "" {
		return named, nil
	}
	path := h.path("secret_key")
	text, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(text)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("local: secret: %w", err)
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // it never fails
	secret := base64.StdEncoding.EncodeToString(random)
	// It is on disk before anything is hashed with it, so dying here loses none.
	return secret, store.ReplaceFile(path, []byte(secret+"\n"), 0o600)
}
