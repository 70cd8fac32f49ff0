// Command projector folds the log into the read models, tells how far each is,
// and tries again what could not be applied. It never writes the log.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"tenure/cmd/internal/boot"
)

func main() {
	ctx, stop := boot.Signals()
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// cli is all that can be asked.
type cli struct {
	Run    struct{} `cmd:"" help:"Fold the log into the read models until told to end."`
	Status struct{} `cmd:"" help:"Tell how far the read models are."`
	Retry  struct {
		Name string   `arg:"" help:"The read model."`
		Keys []string `arg:"" optional:"" name:"key" help:"Documents by their keys; all that are parked when none is given."`
	} `cmd:"" help:"Apply to parked documents the events that wait beside them."`
}

// run gives the exit code. What it says on stderr is JSON for the process that
// stays up, and words for the operator at his terminal.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	asked, command, err := parse(args, stdout, stderr)
	if err == nil && command == "run" {
		s := boot.NewProjector()
		return boot.Main(ctx, "projector", &s, &s.Process, environ, stderr, func(ctx context.Context, r *boot.Running) error {
			return fold(ctx, r, s)
		})
	}
	switch {
	case err != nil:
	case command == "status":
		err = status(ctx, environ, stdout)
	default:
		err = retry(ctx, asked.Retry.Name, asked.Retry.Keys, environ, stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "projector:", err)
		return 1
	}
	return 0
}

// parse gives what was asked, and the name of the command without its
// arguments.
func parse(args []string, stdout, stderr io.Writer) (asked cli, command string, err error) {
	parser, err := kong.New(&asked, kong.Name("projector"), kong.Writers(stdout, stderr),
		kong.Description("Folds Tenure's log into its read models. Settings come from the environment, .env and .env.local; see `tenure config`."))
	if err != nil {
		return asked, "", err
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return asked, "", err
	}
	return asked, parsed.Selected().Name, nil
}
