package main

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestRun is a day in the life of a stack.
func TestRun(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	l := start(t, dir, nil, "run")
	first := l.ready()
	for _, file := range []string{"run.json", "secret_key", "api_key"} {
		mustBePrivate(t, l.path(file))
	}
	if !knows(t, first) {
		t.Errorf("the API does not know the key of %+v", first)
	}
	for name, pid := range first.PIDs.all() {
		if pid == 0 || !alive(pid) {
			t.Errorf("%s: no process %d", name, pid)
		}
	}
	eventually(t, "it says so", func() bool { return strings.Contains(l.out.String(), "Tenure is ready") })
	for _, part := range []string{first.URL, first.APIKey, "curl", l.path("log"), "Ctrl-C"} {
		if !strings.Contains(l.out.String(), part) {
			t.Errorf("the console does not say %q", part)
		}
	}

	second := start(t, dir, nil, "run")
	if code := second.wait(); code != 1 || !strings.Contains(second.out.String(), "a stack runs in "+dir) {
		t.Errorf("a second one on the same directory: exit %d, %s", code, second.out)
	}

	for name, pid := range first.PIDs.all() {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(name, err)
		}
		eventually(t, "run.json has the new pid of "+name, func() bool {
			now := l.runFile().PIDs.all()[name]
			return now != pid && alive(now)
		})
		if !strings.Contains(l.out.String(), name+" (pid ") {
			t.Errorf("nothing was said of the death of %s", name)
		}
	}
	eventually(t, "the API answers again", func() bool { return knows(t, first) })

	last := l.runFile()
	// Ctrl-C may come twice, from the terminal and from make.
	if err := l.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Error(err)
	}
	if code := l.end(syscall.SIGINT); code != 0 {
		t.Errorf("exit %d after Ctrl-C", code)
	}
	if !strings.Contains(l.out.String(), "stopping") {
		t.Error("it did not stop in good order")
	}
	mustBeOver(t, l, last)

	again := start(t, dir, nil, "run").ready()
	first.PIDs, again.PIDs = pids{}, pids{}
	first.MetricsURL, again.MetricsURL = "", "" // which nobody pastes
	if again != first {
		t.Errorf("after a restart: got %+v, want %+v", again, first)
	}
}

func mustBeOver(t *testing.T, l *local, r running) {
	t.Helper()
	for name, pid := range r.PIDs.all() {
		eventually(t, name+" is gone", func() bool { return !alive(pid) })
	}
	if _, err := os.Stat(l.path("run.json")); !os.IsNotExist(err) {
		t.Errorf("run.json: got %v, want it gone", err)
	}
}

// TestNothingIsLeftWhenItIsKilled, and the next start finds the data.
func TestNothingIsLeftWhenItIsKilled(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	l := start(t, dir, nil, "run")
	first := l.ready()
	l.end(syscall.SIGKILL)
	next := start(t, dir, nil, "run") // at once: it waits until all is over
	again := next.ready()
	for name, pid := range first.PIDs.all() {
		if alive(pid) {
			t.Errorf("%s is still there", name)
		}
	}
	if again.URL != first.URL || again.PostgresURL != first.PostgresURL || again.APIKey != first.APIKey {
		t.Errorf("got %+v, want %+v", again, first)
	}
	next.end(syscall.SIGKILL)
	eventually(t, "run.json is gone", func() bool {
		_, err := os.Stat(next.path("run.json"))
		return os.IsNotExist(err)
	})
	mustBeOver(t, next, again)
}

func TestAddressThatIsNone(t *testing.T) {
	t.Parallel()
	l := start(t, newDir(t), []string{"TENURE_LOCAL_ADDR=8080"}, "run")
	if code := l.wait(); code != 1 || !strings.Contains(l.out.String(), "TENURE_LOCAL_ADDR=8080 is not host:port") {
		t.Errorf("exit %d", code)
	}
}

func TestRunOutsideACheckout(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"/", t.TempDir()} {
		if isRoot(dir) {
			t.Errorf("%s is no checkout", dir)
		}
	}
	if !isRoot("testdata/product") {
		t.Error("a checkout was not recognized")
	}
}
