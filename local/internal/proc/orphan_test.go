package proc

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// family is a parent with a guard, a child and a grandchild.
type family struct {
	dir    string
	parent *exec.Cmd
	pids   map[string]int
}

func newFamily(t *testing.T) *family {
	t.Helper()
	f := &family{dir: t.TempDir(), pids: map[string]int{}}
	if err := os.WriteFile(f.rest(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f.parent = exec.CommandContext(t.Context(), os.Args[0], "parent", f.dir)
	f.parent.Stderr = os.Stderr
	out, err := f.parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.parent.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); len(f.pids) < 3 && lines.Scan(); {
		var who string
		var pid int
		if _, err := fmt.Sscan(lines.Text(), &who, &pid); err != nil || !alive(pid) {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		f.pids[who] = pid
	}
	return f
}

// rest is a file that is to be deleted when all is over.
func (f *family) rest() string { return filepath.Join(f.dir, "rest") }

func (f *family) kill(t *testing.T) {
	t.Helper()
	if err := f.parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = f.parent.Wait() // it was killed
}

func TestNothingOutlivesItsParent(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	f.kill(t)
	for who, pid := range f.pids {
		eventually(t, "the "+who+" is gone", func() bool { return !alive(pid) })
	}
	if _, err := os.Stat(f.rest()); !os.IsNotExist(err) {
		t.Errorf("what the guard was to delete: got %v, want it gone", err)
	}
}

func TestLockOfTheParentIsHeldUntilNothingIsLeft(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	lock, err := os.Open(filepath.Join(f.dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	free := func() bool { return syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil }
	if free() {
		t.Fatal("the lock is free while the parent runs")
	}
	f.kill(t)
	eventually(t, "the lock is free", free)
	for _, who := range []string{"child", "grandchild"} {
		if alive(f.pids[who]) {
			t.Errorf("the lock is free, and the %s still there", who)
		}
	}
}
