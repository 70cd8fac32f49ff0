package proc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"
)

// Watch is the guard's whole life. It reads lines until whoever writes them is
// gone, then ends the processes it still holds, then deletes what it was told.
//
//	hold <pid> <signal>   a process group, and what ends it
//	drop <pid>            it has ended
//	remove <path>         delete when all is over
func Watch(in io.Reader) error {
	held, paths := map[int]syscall.Signal{}, []string{}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var pid, sig int
		var path string
		switch line := lines.Text(); {
		case scan(line, "hold %d %d", &pid, &sig):
			held[pid] = syscall.Signal(sig)
		case scan(line, "drop %d", &pid):
			delete(held, pid)
		case scan(line, "remove %q", &path):
			paths = append(paths, path)
		}
	}
	end(held)
	errs := []error{lines.Err()}
	for _, path := range paths {
		errs = append(errs, removeAll(path))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("proc: watch: %w", err)
	}
	return nil
}

func scan(line, format string, into ...any) bool {
	word, _, _ := strings.Cut(format, " ")
	if !strings.HasPrefix(line, word+" ") {
		return false
	}
	n, err := fmt.Sscanf(line, format, into...)
	return err == nil && n == len(into)
}

// end gives each group its own signal, and three seconds later the last one.
func end(held map[int]syscall.Signal) {
	for pid, sig := range held {
		_ = syscall.Kill(-pid, sig)
	}
	if gone(held, 3*time.Second) {
		return
	}
	for pid := range held {
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}
	gone(held, 5*time.Second)
}

// gone waits until no group in held has a member left. They are no children of
// ours, so nobody tells when they end.
func gone(held map[int]syscall.Signal, limit time.Duration) bool {
	return Until(limit, 10*time.Millisecond, func() bool {
		for pid := range held {
			if err := syscall.Kill(-pid, 0); !errors.Is(err, syscall.ESRCH) {
				return false
			}
		}
		return true
	})
}

// removeAll tries again for a while: what a process in a held group began in a
// group of its own, as Postgres does, may still be writing its last file, and
// nobody tells us when that ends.
func removeAll(path string) (err error) {
	Until(5*time.Second, 100*time.Millisecond, func() bool {
		err = os.RemoveAll(path)
		return err == nil
	})
	return err
}
