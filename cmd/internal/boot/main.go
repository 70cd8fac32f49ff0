package boot

import (
	"context"
	"fmt"
	"io"
)

// Main is the life of a process that stays up: it reads the settings, starts
// to tell how it is, and works until it is told to end. It gives the exit code.
// Settings is a pointer to those of the process, and process points into them.
func Main(ctx context.Context, name string, settings any, process *Process, environ []string, stderr io.Writer, work func(context.Context, *Running) error) int {
	environment, err := ReadEnvironment(".", environ)
	if err == nil {
		err = Load(settings, environment)
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return 1
	}
	r, err := Start(ctx, *process, environment, stderr)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return 1
	}
	defer r.Close(ctx)
	return r.Verdict(ctx, work(ctx, r))
}
