package proc

import (
	"syscall"
	"testing"
)

// TestKernelEndsTheChildWhereTheGuardIsGone: also who kills the guard first
// gets rid of the children with their parent.
func TestKernelEndsTheChildWhereTheGuardIsGone(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	if err := syscall.Kill(f.pids["guard"], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	f.kill(t)
	eventually(t, "the child is gone", func() bool { return !alive(f.pids["child"]) })
	// What the child left behind nobody knows of any more but we.
	if err := syscall.Kill(f.pids["grandchild"], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}
