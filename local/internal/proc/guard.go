package proc

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// Guard is our end of the pipe to the process that ends our children when we
// no longer can.
type Guard struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	mu  sync.Mutex // one line at a time
}

// NewGuard starts the guard: argv is a command line that ends in Watch. The
// files in held stay open for as long as the guard lives; a lock among them is
// therefore free only when nothing that it protected is running any more.
func NewGuard(argv []string, held ...*os.File) (*Guard, error) {
	g := &Guard{cmd: &exec.Cmd{
		Path: argv[0], Args: argv, Env: os.Environ(), Stderr: os.Stderr, ExtraFiles: held,
		// A session of its own: no signal of our terminal reaches it.
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}}
	in, err := g.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("proc: guard: %w", err)
	}
	g.in = in
	if err := g.cmd.Start(); err != nil {
		return nil, fmt.Errorf("proc: guard: %w", err)
	}
	return g, nil
}

// Remove has the guard delete path after everything else has ended. It does so
// also when this process ends well.
func (g *Guard) Remove(path string) { g.tell("remove %q\n", path) }

// Close ends the guard, which first ends every child that is still there.
func (g *Guard) Close() error {
	if err := g.in.Close(); err != nil {
		return fmt.Errorf("proc: guard: %w", err)
	}
	if err := g.cmd.Wait(); err != nil {
		return fmt.Errorf("proc: guard: %w", err)
	}
	return nil
}

func (g *Guard) hold(pid int, sig syscall.Signal) { g.tell("hold %d %d\n", pid, sig) }
func (g *Guard) drop(pid int)                     { g.tell("drop %d\n", pid) }

// tell writes one line. A guard that is gone cannot be told, and the kernel's
// signal remains: that is no reason to fail.
func (g *Guard) tell(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, _ = fmt.Fprintf(g.in, format, args...)
}
