package store

import (
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"

	"tenure/local/internal/proc"
)

// openRedis runs Redis, or miniredis inside this process where there is none.
func openRedis(ctx context.Context, s Setup, url string) (*Server, error) {
	if url != "" {
		return named("redis", url), nil
	}
	var missed missed
	p, err := s.findRedis(ctx, &missed)
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("store: redis: %w", ctx.Err())
		}
		s.Say("no Redis here, so miniredis serves from inside this process, and forgets all when it ends:")
		for _, reason := range missed.reasons {
			s.Say("  - %s", reason)
		}
		return s.miniredis(ctx)
	}
	if err := os.MkdirAll(s.data("redis"), 0o700); err != nil {
		return nil, fmt.Errorf("store: redis: %w", err)
	}
	kept, port, err := s.start(ctx, launch{name: "redis", spec: s.redisServer(p.path), ready: redisReady})
	if err != nil {
		return nil, err
	}
	return &Server{Name: "redis", URL: redisURL(port), From: p.version + " from " + p.from, kept: kept}, nil
}

func redisURL(port int) string { return fmt.Sprintf("redis://127.0.0.1:%d/0", port) }

func (s Setup) findRedis(ctx context.Context, missed *missed) (program, error) {
	p, ok := s.Machine.onPath(ctx, "redis-server", missed)
	if !ok {
		var err error
		if p, err = s.pip(ctx, redisWheel()); err != nil {
			missed.add("%v", err)
			return p, err
		}
	}
	if m := regexp.MustCompile(`v=(\S+)`).FindStringSubmatch(p.version); m != nil {
		p.version = m[1]
	}
	p.version = "Redis " + p.version
	return p, nil
}

// redisServer runs Redis so that it never forgets on its own account. It logs
// each write, so that `make run` finds all of it again; losing it would cost
// no more than folding the event log once more.
func (s Setup) redisServer(path string) func(port int) proc.Spec {
	appendonly := "yes"
	if s.Scratch {
		appendonly = "no"
	}
	return func(port int) proc.Spec {
		return proc.Spec{Path: path, Dir: s.data("redis"), Env: s.Machine.Env, Args: []string{
			"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", s.data("redis"),
			"--maxmemory-policy", "noeviction", "--save", "", "--appendonly", appendonly,
		}}
	}
}

// redisReady asks for PONG; a server that still loads its data answers LOADING.
func redisReady(ctx context.Context, _, port int) bool {
	conn, err := dial(ctx, port)
	if err != nil {
		return false
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
		return false
	}
	answer := make([]byte, 7)
	_, err = io.ReadFull(conn, answer)
	return err == nil && string(answer) == "+PONG\r\n"
}
