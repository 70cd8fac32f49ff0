// Command projector folds the log into the read models, tells how far each is,
// builds them anew, and tries again what could not be applied. It never writes
// the log.
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
	Run      struct{}   `cmd:"" help:"Fold the log into the read models until told to end."`
	Status   struct{}   `cmd:"" help:"Tell how far the read models are."`
	Rebuild  rebuild    `cmd:"" help:"Build read models anew beside the live ones, and make them live. One that was interrupted is gone on with."`
	Switch   switchOver `cmd:"" help:"Make live what rebuild --no-switch built."`
	Rollback rollback   `cmd:"" help:"Make the former generation live again, which was folded all the while."`
	Retire   retire     `cmd:"" help:"End the folding of the former generation and drop it. Nobody can go back to it then."`
	Verify   verify     `cmd:"" help:"Fold the log again and compare, while events go on to be folded."`
	Retry    retry      `cmd:"" help:"Apply to parked documents the events that wait beside them."`
}

// run gives the exit code. What it says on stderr is JSON for the process that
// stays up, and words for the operator at his terminal.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	t := &terminal{environ, stdout, stderr}
	command, err := parse(ctx, args, t)
	if err == nil && command.Command() == "run" {
		s := boot.NewProjector()
		return boot.Main(ctx, "projector", &s, &s.Process, environ, stderr, func(ctx context.Context, r *boot.Running) error {
			return fold(ctx, r, s)
		})
	}
	switch {
	case err != nil:
	case command.Command() == "status":
		err = status(ctx, environ, stdout)
	default:
		err = command.Run(t)
	}
	if err != nil {
		fmt.Fprintln(stderr, "projector:", err)
		return 1
	}
	return 0
}

func parse(ctx context.Context, args []string, t *terminal) (*kong.Context, error) {
	parser, err := kong.New(&cli{}, kong.Name("projector"), kong.Writers(t.stdout, t.stderr),
		kong.Description("Folds Tenure's log into its read models. Settings come from the environment, .env and .env.local; see `tenure config`."),
		kong.BindTo(ctx, (*context.Context)(nil)))
	if err != nil {
		return nil, err
	}
	return parser.Parse(args)
}
