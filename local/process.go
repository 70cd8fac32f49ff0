package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"tenure/local/internal/proc"
	"tenure/local/internal/store"
)

// begin starts one of our own processes and keeps it running. What it prints
// goes to its log.
func (s *stack) begin(ctx context.Context, name string, env []string, args ...string) (*process, error) {
	port, err := s.ports.Pick(ctx, name+"-metrics")
	if err != nil {
		return nil, err
	}
	log, err := store.OpenLog(s.log(), name)
	if err != nil {
		return nil, err
	}
	p := &process{name: name, metrics: fmt.Sprintf("127.0.0.1:%d", port), starts: make(chan struct{}, 1)}
	spec := proc.Spec{
		Name: name, Path: filepath.Join(s.bin(), name), Args: args, Dir: s.root, Out: log, Err: log,
		Env: append(env[:len(env):len(env)], "TENURE_METRICS_ADDR="+p.metrics),
	}
	child, err := s.guard.Start(spec)
	if err != nil {
		return nil, err
	}
	p.kept = s.guard.Keep(child, spec, s.say, func(int) {
		s.file.refresh(s.say)
		select {
		case p.starts <- struct{}{}:
		default:
		}
	})
	return p, nil
}

// admin runs the operators' program to its end and returns what it printed,
// which may be a secret and is written nowhere.
func (s *stack) admin(ctx context.Context, name string, env []string, args ...string) (string, error) {
	log, err := store.OpenLog(s.log(), name)
	if err != nil {
		return "", err
	}
	defer log.Close()
	in, out, err := os.Pipe()
	if err != nil {
		return "", fmt.Errorf("local: %s: %w", name, err)
	}
	defer in.Close()
	child, err := s.guard.Start(proc.Spec{
		Name: name, Path: filepath.Join(s.bin(), "tenure"), Args: args, Dir: s.root, Env: env, Out: out, Err: log,
	})
	out.Close() // the child has its own
	if err != nil {
		return "", err
	}
	stop := context.AfterFunc(ctx, child.Kill)
	defer stop()
	text, err := io.ReadAll(in)
	if err != nil {
		return "", fmt.Errorf("local: %s: %w", name, err)
	}
	if child.ExitCode() != 0 {
		return "", fmt.Errorf("local: tenure %s: %s; the end of %s:\n%s",
			strings.Join(args, " "), child.End(), log.Name(), store.Tail(log.Name()))
	}
	return string(text), nil
}
