package boot

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
)

// Main is the life of a process that stays up: it reads the settings, starts
// to tell how it is, and works until it is told to end. It gives the exit code.
// Settings is a pointer to those of the process, and process points into them.
func Main(ctx context.Context, name string, settings any, process *Process, environ []string, stderr io.Writer, work func(context.Context, *Running) error) int {
	collectSeldom(environ)
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

// collectSeldom lets the heap grow to five times what lives before garbage is
// collected, unless GOGC says otherwise. Little lives in these processes and
// much passes through: collecting took half of an appender's time.
func collectSeldom(environ []string) {
	if !slices.ContainsFunc(environ, func(pair string) bool { return strings.HasPrefix(pair, "GOGC=") }) {
		debug.SetGCPercent(400)
	}
}
