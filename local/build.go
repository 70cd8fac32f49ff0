package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// build compiles the product's programs into our directory while the stores
// start. No version control is asked: it may refuse to speak to this user.
func (p place) build(ctx context.Context, say func(string, ...any)) <-chan error {
	built := make(chan error, 1)
	go func() {
		say("building Tenure into %s; the first time this takes a while", p.bin())
		if err := os.MkdirAll(p.bin(), 0o755); err != nil {
			built <- fmt.Errorf("local: build: %w", err)
			return
		}
		cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", p.bin()+string(filepath.Separator),
			"./cmd/api", "./cmd/projector", "./cmd/worker", "./cmd/tenure")
		cmd.Dir = p.root
		out, err := cmd.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("local: build: %w\n%s", err, bytes.TrimSpace(out))
		}
		built <- err
	}()
	return built
}
