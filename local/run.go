package main

import (
	"context"
	"errors"
	"os"
	"time"

	"tenure/local/internal/proc"
)

type runCommand struct{}

// Run starts everything and keeps it running until it is told to end.
func (runCommand) Run(ctx context.Context) error {
	at, err := findPlace()
	if err != nil {
		return err
	}
	say, began := sayTo(os.Stdout), time.Now()
	h, err := lockHome(at)
	if err != nil {
		return err
	}
	s := &stack{home: h, say: say, file: &runFile{path: at.path("run.json")}}
	if err = s.settle(ctx); err == nil {
		err = s.start(ctx)
	}
	if err == nil {
		s.welcome(time.Since(began))
		<-ctx.Done()
	}
	if ctx.Err() != nil {
		say("stopping")
		err = nil // we were told to end, and what that broke is no news
	}
	return errors.Join(err, s.stop())
}

// stack is all of Tenure on this machine.
type stack struct {
	*home
	say func(string, ...any)

	secret                 string
	addr                   address
	api, projector, worker *process
	key                    string
	file                   *runFile
}

// settle fixes what must be known before anything is started.
func (s *stack) settle(ctx context.Context) error {
	var err error
	if s.secret, err = s.loadSecret(); err != nil {
		return err
	}
	s.addr, err = s.address(ctx, s.say)
	return err
}

// start brings everything up in the order in which one needs the other.
func (s *stack) start(ctx context.Context) error {
	built := s.build(ctx, s.say)
	err := s.open(ctx, s.say, func() { s.file.refresh(s.say) })
	if err = errors.Join(err, <-built); err != nil {
		return err
	}
	env := append(os.Environ(), storeEnv(s.stores)...)
	env = append(env, "TENURE_SECRET_KEY="+s.secret)
	if err := errors.Join(s.prepare(ctx, env), s.showEnv()); err != nil {
		return err
	}
	if err := s.launch(ctx, env); err != nil {
		return err
	}
	if err := s.ready(ctx); err != nil {
		return err
	}
	if s.key, err = s.apiKey(ctx, env); err != nil {
		return err
	}
	return s.file.show(s.running)
}

// prepare makes the tables and the first user. Both may be done again and
// again: what is there already is left as it is.
func (s *stack) prepare(ctx context.Context, env []string) error {
	if _, err := s.admin(ctx, "migrate", env, "migrate", "up"); err != nil {
		return err
	}
	_, err := s.admin(ctx, "create-super-admin", env, "admin", "create-super-admin", "--email", adminEmail)
	return err
}

const adminEmail = "admin@tenure.local"

// launch starts our own three. None needs another to start.
func (s *stack) launch(ctx context.Context, env []string) error {
	var err error
	if s.projector, err = s.begin(ctx, "projector", env, "run"); err != nil {
		return err
	}
	if s.worker, err = s.begin(ctx, "worker", env); err != nil {
		return err
	}
	s.api, err = s.begin(ctx, "api", append(env, "TENURE_HTTP_ADDR="+s.addr.listen))
	return err
}

// stop ends the API first, so that what it has begun can still become visible,
// then worker and projector, and the stores at last.
func (s *stack) stop() error {
	err := s.file.remove()
	const grace = 30 * time.Second // longer than each of them gives itself
	for _, p := range []*process{s.api, s.worker, s.projector} {
		if p != nil && !p.kept.Stop(grace) {
			s.say("%s did not end within %s and was killed", p.name, grace)
		}
	}
	return errors.Join(err, s.close())
}

// process is one of our own.
type process struct {
	name    string
	metrics string // where it tells how it is, host:port
	kept    *proc.Kept
	starts  chan struct{} // one for each time it had to be started again
}
