package proc

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// keep keeps a child that sleeps, and tells of each new process.
func keep(t *testing.T) (*Kept, <-chan int) {
	t.Helper()
	g := guard(t)
	spec := shell("exec sleep 600", nil)
	child, err := g.Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	pids := make(chan int, 10)
	k := g.Keep(child, spec, t.Logf, func(pid int) { pids <- pid })
	t.Cleanup(k.Kill)
	return k, pids
}

func TestKeptIsStartedAgain(t *testing.T) {
	t.Parallel()
	k, pids := keep(t)
	for range 2 {
		old := k.Pid()
		if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if pid := <-pids; pid == old || pid != k.Pid() || !alive(pid) {
			t.Fatalf("got %d after %d, and Pid says %d", pid, old, k.Pid())
		}
	}
}

func TestStoppedIsNotStartedAgain(t *testing.T) {
	t.Parallel()
	k, pids := keep(t)
	if !k.Stop(10 * time.Second) {
		t.Error("it was killed")
	}
	if !k.Stop(time.Second) {
		t.Error("to stop it again is no error")
	}
	select {
	case pid := <-pids:
		t.Errorf("%d was started", pid)
	case <-k.over: // and nothing can be any more
	}
	if alive(k.Pid()) {
		t.Error("it is still there")
	}
}

// TestStopWhileItIsStartedAgain: whoever stops a program in the moment in which
// a new process has begun, and nobody knows of it yet, is not left with it.
func TestStopWhileItIsStartedAgain(t *testing.T) {
	t.Parallel()
	g := guard(t)
	begun := filepath.Join(t.TempDir(), "begun")
	spec := shell("echo $$ >> "+begun+"; exec sleep 600", nil)
	child, err := g.Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	// Once it has ended, the start of the next one is held up before its end.
	var once sync.Once
	k := g.Keep(child, spec, func(string, ...any) { once.Do(g.mu.Lock) }, func(int) {})
	pids := func() []string {
		text, err := os.ReadFile(begun)
		if err != nil {
			return nil
		}
		return strings.Fields(string(text))
	}
	eventually(t, "the first has begun", func() bool { return len(pids()) == 1 })
	child.Signal(syscall.SIGKILL)
	eventually(t, "the second has begun", func() bool { return len(pids()) == 2 })
	stopped := make(chan bool, 1)
	go func() { stopped <- k.Stop(10 * time.Second) }()
	<-k.quit
	g.mu.Unlock()
	<-stopped
	pid, err := strconv.Atoi(pids()[1])
	if err != nil {
		t.Fatal(err)
	}
	if alive(pid) {
		t.Error("the second is still there")
	}
}

// TestKeepGoesOnTrying: a program whose file is away for a moment, because it
// is being built, is no reason to give up.
func TestKeepGoesOnTrying(t *testing.T) {
	t.Parallel()
	g := guard(t)
	path := filepath.Join(t.TempDir(), "program")
	write := func() {
		if err := os.WriteFile(path, []byte("#!/bin/sh\nexec sleep 600\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write()
	spec := Spec{Name: "program", Path: path, Env: []string{"PATH=/usr/bin:/bin"}}
	child, err := g.Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	said, pids := make(chan string, 100), make(chan int, 10)
	k := g.Keep(child, spec, func(format string, _ ...any) { said <- format }, func(pid int) { pids <- pid })
	defer k.Kill()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	child.Signal(syscall.SIGKILL)
	<-said // that it ended
	<-said // that it could not be started
	write()
	if pid := <-pids; !alive(pid) {
		t.Errorf("%d is not there", pid)
	}
}
