package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// downloads runs fetch for one at a time, of all processes that share dir.
func downloads(ctx context.Context, dir string, fetch func() error) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("store: download: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("store: download: %w", err)
	}
	defer lock.Close() // which unlocks
	for syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		select {
		case <-ctx.Done():
			return fmt.Errorf("store: download: %w", ctx.Err())
		case <-time.After(200 * time.Millisecond): // someone else may be bringing it
		}
	}
	return fetch()
}
