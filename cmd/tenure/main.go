// Command tenure is for operators: it migrates the database, makes the first
// users and keys, and tells what can be set. It serves nothing and stays up for
// nothing.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"tenure/cmd/internal/boot"
	"tenure/internal/fault"
)

func main() {
	ctx, stop := boot.Signals()
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// cli is all that can be asked.
type cli struct {
	Migrate struct {
		Up     migrateUp     `cmd:"" help:"Bring the database to the shape that this version needs."`
		Status migrateStatus `cmd:"" help:"List the migrations, and which of them are applied."`
	} `cmd:"" help:"Change the shape of the database."`
	Admin struct {
		CreateSuperAdmin createSuperAdmin `cmd:"" help:"Make a super_admin, or make a user one. Doing it again changes nothing."`
		GenerateUser     generateUser     `cmd:"" help:"Make the user that TENURE_DEFAULT_USER names, and give him a new key."`
		IssueKey         issueKey         `cmd:"" help:"Give a user a further API key, and wait until it opens."`
	} `cmd:"" help:"Make users and keys, with nobody's permission."`
	Config config `cmd:"" help:"List all settings: what they mean, their defaults, and which are set."`
}

// terminal is where an operator sits.
type terminal struct {
	environment    boot.Environment
	stdout, stderr io.Writer
}

// run carries out one command and gives the exit code: 0, or 1 with a reason
// on stderr.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	if err := carryOut(ctx, args, environ, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "tenure:", inWords(err))
		return 1
	}
	return 0
}

func carryOut(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	environment, err := boot.ReadEnvironment(".", environ)
	if err != nil {
		return err
	}
	parser, err := kong.New(&cli{}, kong.Name("tenure"), kong.Writers(stdout, stderr),
		kong.Description("For the operators of Tenure. Settings come from the environment, .env and .env.local; see `tenure config`."),
		kong.BindTo(ctx, (*context.Context)(nil)))
	if err != nil {
		return err
	}
	command, err := parser.Parse(args)
	if err != nil {
		return err
	}
	return command.Run(&terminal{environment, stdout, stderr})
}

// inWords is what an operator is told: of a fault its text, of all else
// everything.
func inWords(err error) string {
	if f := fault.As(err); f != nil {
		return f.Text
	}
	return err.Error()
}
