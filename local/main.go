// Local is the embedded stack behind `make run` and `make test`: it finds and
// starts Postgres, MongoDB and Redis, and everything of Tenure on top of them.
// It is for development and tests; nothing in production runs it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"tenure/local/internal/proc"
	"tenure/local/internal/store"
)

type cli struct {
	FollowParent bool `help:"Stop when the process that started this one is gone."`

	Run    runCommand    `cmd:"" help:"Start the stores, the API, the projector and the worker, until Ctrl-C."`
	Stores storesCommand `cmd:"" help:"Start the stores only, and print their addresses, until Ctrl-C."`
	Test   testCommand   `cmd:"" help:"Run a command beside stores that are thrown away afterwards."`

	Guard         guardCommand `cmd:"" hidden:""`
	FetchPostgres fetchCommand `cmd:"" hidden:""`
}

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	var c cli
	parser, err := kong.New(&c, kong.Name("local"), kong.UsageOnError(),
		kong.Description("The embedded stack of Tenure."))
	if err != nil {
		return fail(err)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return fail(err)
	}
	if err := manyFiles(); err != nil {
		return fail(err)
	}
	ctx, stop := untilTold()
	defer stop()
	if c.FollowParent {
		ctx = untilOrphaned(ctx)
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	err = parsed.Run()
	var code exitCode
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	default:
		return fail(err)
	}
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "local:", err)
	return 1
}

// exitCode is the end of a command that we ran for someone.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit status %d", int(c)) }

// untilTold ends with the first signal. A later one ends us at once, and then
// the guard ends what was still stopping in good order. What comes within a
// second is the same wish told twice: by whoever signals a process group, and
// by make, which passes it on.
func untilTold() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-told
		cancel()
		for first := time.Now(); ; {
			if <-told; time.Since(first) > time.Second {
				os.Exit(fail(errors.New("ending at once")))
			}
		}
	}()
	return ctx, cancel
}

// untilOrphaned ends also when our parent does: make, when it is killed, takes
// nothing with it. Not every system tells a process that it was orphaned, so it
// looks.
func untilOrphaned(ctx context.Context) context.Context {
	parent := os.Getppid()
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		look := time.NewTicker(200 * time.Millisecond)
		defer look.Stop()
		for os.Getppid() == parent {
			select {
			case <-ctx.Done():
				return
			case <-look.C:
			}
		}
	}()
	return ctx
}

type guardCommand struct{}

// Run is the whole life of the guard.
func (guardCommand) Run() error {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	return proc.Watch(os.Stdin)
}

type fetchCommand struct {
	Dir string `arg:""`
}

// Run brings Postgres.
func (f fetchCommand) Run(ctx context.Context) error { return store.FetchPostgres(ctx, f.Dir, "") }
