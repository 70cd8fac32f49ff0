// Command api serves HTTP. It folds nothing: what it appends becomes visible
// through the projector.
package main

import (
	"context"
	"io"
	"os"

	"tenure/cmd/internal/boot"
)

func main() {
	ctx, stop := boot.Signals()
	defer stop()
	os.Exit(run(ctx, os.Environ(), os.Stderr))
}

func run(ctx context.Context, environ []string, stderr io.Writer) int {
	s := boot.NewAPI()
	return boot.Main(ctx, "api", &s, &s.Process, environ, stderr, func(ctx context.Context, r *boot.Running) error {
		return serve(ctx, r, s)
	})
}
