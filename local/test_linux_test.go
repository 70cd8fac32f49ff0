package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestTestLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]syscall.Signal{
		"when it ends": 0, "when it is told to": syscall.SIGTERM, "when it is killed": syscall.SIGKILL,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := newDir(t)
			began, fifo := filepath.Join(dir, "began"), filepath.Join(dir, "fifo")
			if err := syscall.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			l := start(t, dir, nil, "test", "--", "sh", "-c", "touch "+began+"; read go < "+fifo)
			eventually(t, "the command runs", func() bool {
				_, err := os.Stat(began)
				return err == nil
			})
			stores := storesOf(t, l.cmd.Process.Pid)
			if len(stores) != 3 {
				t.Errorf("got %v, want three stores", stores)
			}
			if how != 0 {
				l.end(how)
			} else if err := os.WriteFile(fifo, []byte("go\n"), 0); err != nil {
				t.Error(err)
			} else if code := l.wait(); code != 0 {
				t.Errorf("exit %d", code)
			}
			for pid, data := range stores {
				eventually(t, "the store is gone", func() bool { return !alive(pid) })
				eventually(t, data+" is gone", func() bool {
					_, err := os.Stat(data)
					return os.IsNotExist(err)
				})
			}
		})
	}
}

// storesOf finds the children of pid that work in a directory which is to be
// thrown away, and these directories.
func storesOf(t *testing.T, pid int) map[int]string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]string{}
	for _, dir := range all {
		child, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		// Others come and go while we look.
		status, err := os.ReadFile(filepath.Join(dir, "status"))
		if err != nil || !strings.Contains(string(status), fmt.Sprintf("\nPPid:\t%d\n", pid)) {
			continue
		}
		if data, err := os.Readlink(filepath.Join(dir, "cwd")); err == nil && strings.Contains(data, "tenure-test-") {
			found[child] = data
		}
	}
	return found
}
