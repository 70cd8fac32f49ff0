package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"tenure/local/internal/proc"
	"tenure/local/internal/store"
)

type testCommand struct {
	OnDisk  bool     `help:"Keep the data on a disk, even where there is plenty of memory: for measurements."`
	Command []string `arg:"" passthrough:"" help:"What to run, after --."`
}

// Run starts what TENURE_TEST_*_URL does not name, runs the command in the
// checkout's root, and leaves neither process nor file behind. It ends as the
// command ends.
func (t testCommand) Run(ctx context.Context) error {
	argv := t.Command
	if len(argv) > 0 && argv[0] == "--" {
		argv = argv[1:]
	}
	if len(argv) == 0 {
		return errors.New("name a command after --")
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return fmt.Errorf("local: %w", err)
	}
	at, err := findPlace()
	if err != nil {
		return err
	}
	scratch, err := openScratch(ctx, at, t.OnDisk)
	if err != nil {
		return err
	}
	code, err := scratch.run(ctx, at.root, path, argv[1:])
	if err := errors.Join(err, scratch.close()); err != nil {
		return err
	}
	if code != 0 {
		return exitCode(code)
	}
	return nil
}

// scratch is a set of stores in a directory that is thrown away.
type scratch struct {
	dir    string
	guard  *proc.Guard
	stores *store.Stores
}

func openScratch(ctx context.Context, at place, onDisk bool) (*scratch, error) {
	dir, lock, err := store.ScratchDir(onDisk)
	if err != nil {
		return nil, err
	}
	s := &scratch{dir: dir}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("local: %w", err)
	}
	if s.guard, err = proc.NewGuard([]string{self, "guard"}, lock); err != nil {
		return nil, err
	}
	s.guard.Remove(dir)
	ports, err := store.LoadPorts("")
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.stores, err = store.Open(ctx, store.Setup{
		Data: dir, Bin: at.bin(), Log: filepath.Join(dir, "log"), Ports: ports, Scratch: true,
		Guard: s.guard, Machine: store.ThisMachine(self), Say: sayTo(os.Stderr), Changed: func() {},
	}, store.URLs{
		Postgres: os.Getenv("TENURE_TEST_POSTGRES_URL"),
		Mongo:    os.Getenv("TENURE_TEST_MONGO_URL"),
		Redis:    os.Getenv("TENURE_TEST_REDIS_URL"),
	})
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// run runs the command until it ends or ctx does.
func (s *scratch) run(ctx context.Context, dir, path string, args []string) (int, error) {
	child, err := s.guard.Start(proc.Spec{
		Name: filepath.Base(path), Path: path, Args: args, Dir: dir, Out: os.Stdout, Err: os.Stderr,
		Env: append(os.Environ(), testEnv(s.stores)...),
	})
	if err != nil {
		return 0, err
	}
	select {
	case <-child.Done():
	case <-ctx.Done():
		child.Stop(10 * time.Second)
	}
	return child.ExitCode(), nil
}

// close ends everything. The guard, when it ends, deletes the data.
func (s *scratch) close() error {
	if s.stores != nil {
		s.stores.Stop()
	}
	return s.guard.Close()
}

// testEnv tells the stores to tests.
func testEnv(s *store.Stores) []string {
	env := []string{
		"TENURE_TEST_POSTGRES_URL=" + s.Postgres.URL,
		"TENURE_TEST_MONGO_URL=" + s.Mongo.URL,
		"TENURE_TEST_REDIS_URL=" + s.Redis.URL,
	}
	if s.Redis.Mini {
		env = append(env, "TENURE_REDIS_MINIREDIS=true")
	}
	return env
}

func sayTo(out *os.File) func(string, ...any) {
	return func(format string, args ...any) { fmt.Fprintf(out, "local: "+format+"\n", args...) }
}
