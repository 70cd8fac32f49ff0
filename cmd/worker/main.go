// Command worker carries out what follows from the log outside of it:
// reactions and jobs. There are none yet; it connects, says that it is ready,
// and ends when it is told to.
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
	s := boot.NewWorker()
	return boot.Main(ctx, "worker", &s, &s.Process, environ, stderr, func(ctx context.Context, r *boot.Running) error {
		return work(ctx, r, s)
	})
}

// work works until ctx ends.
func work(ctx context.Context, r *boot.Running, s boot.Worker) error {
	pool, err := r.Reader(ctx, s.Postgres)
	if err != nil {
		return err
	}
	defer pool.Close()
	r.Ready.Need(boot.Check{Name: "postgres", Ask: pool.Ping})
	r.Ready.Up()
	r.Logger.InfoContext(ctx, "ready", "reactions", 0, "jobs", 0)
	<-ctx.Done()
	r.Ready.End()
	return nil
}
