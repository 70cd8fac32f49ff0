package store

import (
	"context"
	"fmt"
	"os"
	"time"

	"tenure/local/internal/proc"
)

// launch is a store's program, ready to be started.
type launch struct {
	name  string
	spec  func(port int) proc.Spec
	ready func(ctx context.Context, pid, port int) bool
}

// startLimit is for a store that has to recover after a hard end.
const startLimit = 2 * time.Minute

// start starts the store on the port it had before, or on another one if
// someone else took that meanwhile, waits until it answers, and keeps it
// running from then on: always on the same port, for others know it by now.
func (s Setup) start(ctx context.Context, l launch) (*proc.Kept, int, error) {
	for tries := 1; ; tries++ {
		port, err := s.Ports.Pick(ctx, l.name)
		if err != nil {
			return nil, 0, err
		}
		kept, err := s.startAt(ctx, l, port)
		if err == nil {
			return kept, port, nil
		}
		if tries == 3 || ctx.Err() != nil || free(ctx, port) {
			return nil, 0, err
		}
		s.Ports.Forget(l.name)
	}
}

func (s Setup) startAt(ctx context.Context, l launch, port int) (*proc.Kept, error) {
	log, err := OpenLog(s.Log, l.name)
	if err != nil {
		return nil, err
	}
	spec := l.spec(port)
	spec.Name, spec.Out, spec.Err = l.name, log, log
	child, err := s.Guard.Start(spec)
	if err != nil {
		log.Close()
		return nil, err
	}
	if err := s.await(ctx, l, child, port); err != nil {
		child.Kill()
		log.Close()
		return nil, fmt.Errorf("%w; the end of %s:\n%s", err, log.Name(), Tail(log.Name()))
	}
	// The log stays open: it is also that of each later process.
	return s.Guard.Keep(child, spec, s.Say, func(int) { s.Changed() }), nil
}

// await returns when the store answers.
func (s Setup) await(ctx context.Context, l launch, child *proc.Child, port int) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	beat := time.NewTicker(20 * time.Millisecond)
	defer beat.Stop()
	for {
		select {
		case <-child.Done():
			return fmt.Errorf("store: %s ended before it was ready: %s", l.name, child.End())
		case <-ctx.Done():
			return fmt.Errorf("store: %s was not ready: %w", l.name, ctx.Err())
		case <-beat.C:
			if l.ready(ctx, child.Pid(), port) {
				return nil
			}
		}
	}
}

// once runs a program to its end.
func (s Setup) once(ctx context.Context, spec proc.Spec) error {
	log, err := OpenLog(s.Log, spec.Name)
	if err != nil {
		return err
	}
	defer log.Close()
	spec.Out, spec.Err = log, log
	child, err := s.Guard.Start(spec)
	if err != nil {
		return err
	}
	select {
	case <-child.Done():
	case <-ctx.Done():
		child.Kill()
		return fmt.Errorf("store: %s: %w", spec.Name, ctx.Err())
	}
	if child.ExitCode() != 0 {
		return fmt.Errorf("store: %s: %s; the end of %s:\n%s", spec.Name, child.End(), log.Name(), Tail(log.Name()))
	}
	return os.Remove(log.Name()) // it says nothing that is worth keeping
}
