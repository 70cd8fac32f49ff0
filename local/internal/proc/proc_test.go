package proc

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain is also the programs that the tests start: the guard, and a parent
// that is killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "guard" {
		if err := Watch(os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "parent" {
		parent(os.Args[2])
		return
	}
	os.Exit(m.Run())
}

// parent starts a child that has a child, holds a lock, tells the pids of all,
// and waits to be killed.
func parent(dir string) {
	lock, err := os.Create(filepath.Join(dir, "lock"))
	if err == nil {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
	}
	var g *Guard
	if err == nil {
		g, err = NewGuard([]string{os.Args[0], "guard"}, lock)
	}
	if err == nil {
		g.Remove(filepath.Join(dir, "rest"))
		_, err = g.Start(shell("sleep 600 & echo child $$; echo grandchild $!; wait", os.Stdout))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("guard", g.cmd.Process.Pid)
	select {}
}

func shell(script string, out *os.File) Spec {
	return Spec{Name: "sh", Path: "/bin/sh", Args: []string{"-c", script}, Env: []string{"PATH=/usr/bin:/bin"}, Out: out, Err: os.Stderr}
}

func guard(t *testing.T) *Guard {
	t.Helper()
	g, err := NewGuard([]string{os.Args[0], "guard"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func start(t *testing.T, g *Guard, script string) *Child {
	t.Helper()
	c, err := g.Start(shell(script, nil))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) && !zombie(pid) }

// zombie reports whether nobody has asked yet how pid ended, which where
// nothing does so may stay like this.
func zombie(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, state, found := strings.Cut(string(text), ") ")
	return err == nil && found && strings.HasPrefix(state, "Z")
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("in vain waited until " + what)
		}
	}
}

func TestChildTellsHowItEnded(t *testing.T) {
	t.Parallel()
	g := guard(t)
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -9 $$": 137} {
		c := start(t, g, script)
		if got := c.ExitCode(); got != want {
			t.Errorf("%s: got %d, want %d", script, got, want)
		}
	}
}

func TestChildThatDoesNotStart(t *testing.T) {
	t.Parallel()
	_, err := guard(t).Start(Spec{Name: "none", Path: "/does/not/exist"})
	if err == nil || !strings.Contains(err.Error(), "none") {
		t.Fatalf("got %v", err)
	}
}

func TestChildSeesOnlyItsOwnEnvironment(t *testing.T) {
	t.Parallel()
	c, err := guard(t).Start(Spec{Name: "sh", Path: "/bin/sh", Args: []string{"-c", `test -z "$HOME"`}})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.ExitCode(); got != 0 {
		t.Fatalf("got %d: HOME was inherited", got)
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	g := guard(t)
	if polite := start(t, g, "sleep 600"); !polite.Stop(10 * time.Second) {
		t.Error("a program that ends when asked was killed")
	}
	// Only when it says so has it begun to ignore us.
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	deaf, err := g.Start(shell("trap '' TERM; echo deaf; while :; do sleep 600; done", out))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(in).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if deaf.Stop(50 * time.Millisecond) {
		t.Error("a program that does not end when asked was said to have ended")
	}
	if alive(deaf.Pid()) {
		t.Error("it is still there")
	}
	out.Close()
}

func TestWhatAChildLeavesEndsWithIt(t *testing.T) {
	t.Parallel()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	c, err := guard(t).Start(shell("sleep 600 & echo $!", out))
	out.Close()
	if err != nil {
		t.Fatal(err)
	}
	var left int
	if _, err := fmt.Fscan(in, &left); err != nil {
		t.Fatal(err)
	}
	<-c.Done()
	eventually(t, "what it left is gone", func() bool { return !alive(left) })
}
