package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"tenure/local/internal/store"
)

// ready waits until all three say that they are. It waits as long as it takes,
// for a projector may have a long log to fold, and says what it waits for. One
// that keeps dying before it was ever ready will not get better by waiting.
func (s *stack) ready(ctx context.Context) error {
	for _, at := range []struct {
		p   *process
		url string
	}{
		{s.projector, "http://" + s.projector.metrics},
		{s.worker, "http://" + s.worker.metrics},
		{s.api, s.addr.url},
	} {
		if err := s.awaitReady(ctx, at.p, at.url+"/readyz"); err != nil {
			return err
		}
	}
	return nil
}

func (s *stack) awaitReady(ctx context.Context, p *process, url string) error {
	const patience, deaths = 15 * time.Second, 3
	said, died := time.Now(), 0
	for get(ctx, url, "") != http.StatusOK {
		select {
		case <-ctx.Done():
			return fmt.Errorf("local: %w", ctx.Err())
		case <-p.starts:
			died++
		case <-time.After(50 * time.Millisecond):
		}
		log := filepath.Join(s.log(), p.name+".log")
		if died == deaths {
			return fmt.Errorf("local: %s ended %d times before it was ready; the end of %s:\n%s", p.name, deaths, log, store.Tail(log))
		}
		if time.Since(said) > patience {
			s.say("still waiting for the %s to be ready; its log is %s", p.name, log)
			said = time.Now()
		}
	}
	return nil
}
