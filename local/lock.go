package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tenure/local/internal/proc"
)

// lockDir makes sure that one stack runs in dir, and no more. The lock is held
// by us and by our guard: it is free when nothing of us is left, so whoever
// has it may start stores on the data.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("local: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("local: %w", err)
	}
	if err := take(lock, dir); err != nil {
		lock.Close()
		return nil, err
	}
	// The pid is for people and for take. If the process dies before it is
	// written the lock is free all the same.
	if err := lock.Truncate(0); err != nil {
		return nil, fmt.Errorf("local: %w", err)
	}
	if _, err := lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return nil, fmt.Errorf("local: %w", err)
	}
	return lock, nil
}

// take waits for the guard of a stack that was killed a moment ago. It does
// not wait for one that runs, which a lock that blocks would do.
func take(lock *os.File, dir string) error {
	taken, pid := false, 0
	proc.Until(20*time.Second, 50*time.Millisecond, func() bool {
		if taken = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil; taken {
			return true
		}
		text := make([]byte, 20)
		n, _ := lock.ReadAt(text, 0)
		var err error
		pid, err = strconv.Atoi(strings.TrimSpace(string(text[:n])))
		return err == nil && syscall.Kill(pid, 0) != syscall.ESRCH // it runs
	})
	if !taken {
		return fmt.Errorf("a stack runs in %s already (pid %d): stop that one, or name another place with TENURE_LOCAL_DIR", dir, pid)
	}
	return nil
}
