package store

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// miniredis serves Redis from inside this process.
func (s Setup) miniredis(ctx context.Context) (*Server, error) {
	port, err := s.Ports.Pick(ctx, "redis")
	if err != nil {
		return nil, err
	}
	mini := miniredis.NewMiniRedis()
	if err := mini.StartAddr(net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err != nil {
		return nil, fmt.Errorf("store: miniredis: %w", err)
	}
	quit := make(chan struct{})
	go age(mini, quit)
	return &Server{
		Name: "redis", URL: redisURL(port), From: "miniredis", Mini: true, pid: os.Getpid(),
		close: func() { close(quit); mini.Close() },
	}, nil
}

// age lets keys expire: in miniredis time stands still unless it is told.
func age(mini *miniredis.Miniredis, quit <-chan struct{}) {
	const beat = 50 * time.Millisecond
	tick := time.NewTicker(beat)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-quit:
			return
		case now := <-tick.C:
			mini.FastForward(now.Sub(last))
			last = now
		}
	}
}
