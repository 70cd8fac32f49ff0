package feed

import (
	"context"
	"errors"
	"sync"
)

// Serve is Run for consumers that come and go. It hands the log to those of the
// newest set: who is new begins, who is missing ends after the batch in hand,
// who is there already is not disturbed, and who was stopped for good stays so.
// Until the first set nobody is served. It returns when ctx ends, or when all
// consumers of the newest set were stopped for good, and tells why.
func (f *Feed) Serve(ctx context.Context, sets <-chan []Consumer) error {
	running, end := context.WithCancel(ctx)
	defer end()
	s := &serving{feed: f, members: make(map[string]*member), over: make(chan struct{}, 1)}
	var listening sync.WaitGroup
	listening.Go(func() { f.listen(running, s.runners) })
	err := s.serve(running, sets)
	end()
	listening.Wait()
	return err
}

// serving are the consumers of a running Serve.
type serving struct {
	feed    *Feed
	mu      sync.Mutex
	members map[string]*member
	over    chan struct{} // room for one: somebody's run has ended
}

// member is a consumer that is served.
type member struct {
	*runner
	end   context.CancelFunc
	ended chan struct{}
	err   error // read after ended
}

func (s *serving) serve(ctx context.Context, sets <-chan []Consumer) error {
	for {
		select {
		case <-ctx.Done():
			return s.endAll()
		case set := <-sets:
			if err := s.change(ctx, set); err != nil {
				return errors.Join(err, s.endAll())
			}
		case <-s.over:
		}
		if s.allStopped() {
			return s.endAll()
		}
	}
}

// change brings who is served to a set. One that comes back has ended before.
func (s *serving) change(ctx context.Context, set []Consumer) error {
	wanted := make(map[string]bool)
	for _, c := range set {
		wanted[c.Name] = true
	}
	if most := int(s.feed.Pool.Config().MaxConns); most <= len(set) {
		s.feed.logger().WarnContext(ctx, "feed: there are fewer connections than consumers; they wait for each other",
			"connections", most, "consumers", len(set))
	}
	for name, m := range s.copied() {
		if !wanted[name] {
			m.end()
			<-m.ended
			s.mu.Lock()
			delete(s.members, name)
			s.mu.Unlock()
		}
	}
	for _, c := range set {
		if err := s.begin(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (s *serving) begin(ctx context.Context, c Consumer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.members[c.Name] != nil {
		return nil
	}
	runners, err := s.feed.enlistAll([]Consumer{c})
	if err != nil {
		return err
	}
	running, end := context.WithCancel(ctx)
	work, cut := s.feed.drain(running)
	m := &member{runner: runners[0], end: end, ended: make(chan struct{})}
	s.members[c.Name] = m
	go func() {
		defer close(m.ended)
		defer cut()
		m.err = m.run(running, work)
		select {
		case s.over <- struct{}{}:
		default:
		}
	}()
	return nil
}

// endAll ends all of them, and tells why some had been stopped.
func (s *serving) endAll() error {
	members := s.copied()
	for _, m := range members {
		m.end()
	}
	var errs []error
	for _, m := range members {
		<-m.ended
		errs = append(errs, m.err)
	}
	return errors.Join(errs...)
}

func (s *serving) allStopped() bool {
	members := s.copied()
	for _, m := range members {
		if !m.runner.ended() {
			return false
		}
	}
	return len(members) > 0
}

func (s *serving) copied() map[string]*member {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[string]*member, len(s.members))
	for name, m := range s.members {
		all[name] = m
	}
	return all
}

func (s *serving) runners() []*runner {
	var all []*runner
	for _, m := range s.copied() {
		all = append(all, m.runner)
	}
	return all
}
