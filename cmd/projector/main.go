// Command projector folds the log into the read models, and tells how far each
// is. It never writes the log.
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
}

// run gives the exit code. What it says on stderr is JSON for the process that
// stays up, and words for the operator at his terminal.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	command, err := parse(args, stdout, stderr)
	if err == nil && command == "run" {
		s := boot.NewProjector()
		return boot.Main(ctx, "projector", &s, &s.Process, environ, stderr, func(ctx context.Context, r *boot.Running) error {
			return fold(ctx, r, s)
		})
	}
	if err == nil {
		err = status(ctx, environ, stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "projector:", err)
		return 1
	}
	return 0
}

func parse(args []string, stdout, stderr io.Writer) (string, error) {
	parser, err := kong.New(&cli{}, kong.Name("projector"), kong.Writers(stdout, stderr),
		kong.Description("Folds Tenure's log into its read models. Settings come from the environment, .env and .env.local; see `tenure config`."))
	if err != nil {
		return "", err
	}
	command, err := parser.Parse(args)
	if err != nil {
		return "", err
	}
	return command.Command(), nil
}
