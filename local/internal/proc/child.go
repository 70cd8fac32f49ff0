package proc

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Child is a running program.
type Child struct {
	spec Spec
	cmd  *exec.Cmd
	done chan struct{}
	err  error // set before done is closed
}

// Start starts what s says, watched by g. The child leads a process group of
// its own, so that Ctrl-C reaches only this process, which then stops its
// children in the right order.
func (g *Guard) Start(s Spec) (*Child, error) {
	c := &Child{spec: s, done: make(chan struct{}), cmd: &exec.Cmd{
		Path: s.Path, Args: append([]string{s.Path}, s.Args...),
		Env: s.Env, Dir: s.Dir, Stdout: s.Out, Stderr: s.Err,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true, Credential: s.As},
	}}
	if s.Env == nil {
		c.cmd.Env = []string{} // nil would inherit everything
	}
	if s.In != nil {
		c.cmd.Stdin = s.In
	}
	dieWithParent(c.cmd.SysProcAttr, s.orphaned())
	started := make(chan error, 1)
	go c.attend(g, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("proc: start %s: %w", s.Name, err)
	}
	return c, nil
}

// attend starts the child and stays with it to its end. The kernel sends the
// parent-death signal when the thread that forked is gone, which may be long
// before the process is: so this thread does nothing else until then.
func (c *Child) attend(g *Guard, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := c.cmd.Start(); err != nil {
		started <- err
		return
	}
	g.hold(c.Pid(), c.spec.orphaned())
	started <- nil
	c.err = c.cmd.Wait()
	// What it started itself, and left in its group, ends with it.
	_ = syscall.Kill(-c.Pid(), syscall.SIGKILL)
	g.drop(c.Pid())
	close(c.done)
}

// Pid is the process id.
func (c *Child) Pid() int { return c.cmd.Process.Pid }

// Done is closed when the program has ended.
func (c *Child) Done() <-chan struct{} { return c.done }

// End tells in words how the program ended. It waits until it has.
func (c *Child) End() string {
	<-c.done
	if c.err == nil {
		return "exit status 0"
	}
	return c.err.Error()
}

// ExitCode waits for the end and returns the program's exit code, as a shell
// would tell it: 128 and the signal's number for a program that was killed.
func (c *Child) ExitCode() int {
	<-c.done
	var exit *exec.ExitError
	if !errors.As(c.err, &exit) {
		if c.err != nil {
			return 1
		}
		return 0
	}
	if w, ok := exit.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return exit.ExitCode()
}

// Signal sends sig to the program and to what it started.
func (c *Child) Signal(sig syscall.Signal) {
	select {
	case <-c.done: // the number may belong to someone else by now
	default:
		_ = syscall.Kill(-c.Pid(), sig)
	}
}

// Stop asks the program to end and waits. When grace has passed it is killed:
// Stop never returns with the program still there. It reports whether the
// program ended by itself.
func (c *Child) Stop(grace time.Duration) bool {
	c.Signal(c.spec.stop())
	select {
	case <-c.done:
		return true
	case <-time.After(grace):
	}
	c.Kill()
	return false
}

// Kill ends the program at once, in the way it is ended when orphaned, and at
// last without asking.
func (c *Child) Kill() {
	c.Signal(c.spec.orphaned())
	select {
	case <-c.done:
		return
	case <-time.After(3 * time.Second):
	}
	c.Signal(syscall.SIGKILL)
	<-c.done
}
