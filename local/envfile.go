package main

import (
	"strings"

	"tenure/local/internal/store"
)

// showEnv writes what the operators' tool needs into a file that a shell can
// read: the addresses of the stores and the secret. It stays when the stack
// ends, and is written anew at each start.
func (s *stack) showEnv() error {
	var text strings.Builder
	text.WriteString("# For a shell: `. .local/env`, then `.local/bin/tenure --help`.\n")
	for _, pair := range append(storeEnv(s.stores), "TENURE_SECRET_KEY="+s.secret) {
		text.WriteString("export " + quoted(pair) + "\n")
	}
	return store.ReplaceFile(s.path("env"), []byte(text.String()), 0o600)
}
