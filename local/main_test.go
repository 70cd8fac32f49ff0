package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestMain is also the program under test: the tests run it, and kill it.
func TestMain(m *testing.M) {
	if os.Getenv(asLocal) != "" {
		os.Exit(run(os.Args[1:]))
	}
	os.Exit(m.Run())
}

const asLocal = "TENURE_LOCAL_TEST_AS_LOCAL"

// local is one run of the program in the checkout of a product that does
// nothing, with a directory of its own.
type local struct {
	t   *testing.T
	cmd *exec.Cmd
	dir string
	out *output
}

// output is what it printed so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// newDir is a directory for a stack. It has the downloads that `make test`
// made, so that no test makes them again.
func newDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	shared, err := filepath.Abs("../.local/bin")
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"mongod-*", "redis-server-*", "postgres-*"} {
		paths, err := filepath.Glob(filepath.Join(shared, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if err := os.Symlink(path, filepath.Join(bin, filepath.Base(path))); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func start(t *testing.T, dir string, env []string, args ...string) *local {
	t.Helper()
	l := &local{t: t, dir: dir, out: &output{}, cmd: exec.CommandContext(t.Context(), os.Args[0], args...)}
	l.cmd.Dir = "testdata/product"
	l.cmd.Stdout, l.cmd.Stderr = l.out, l.out
	// Whoever dies keeps our pipe open with what he left; do not wait for him.
	l.cmd.WaitDelay = 20 * time.Second
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "TENURE_") {
			l.cmd.Env = append(l.cmd.Env, v)
		}
	}
	l.cmd.Env = append(l.cmd.Env, asLocal+"=1", "TENURE_LOCAL_DIR="+dir, "TENURE_LOCAL_ADDR=127.0.0.1:0")
	l.cmd.Env = append(l.cmd.Env, env...)
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if l.cmd.ProcessState == nil {
			l.end(syscall.SIGTERM)
		}
		if t.Failed() {
			t.Logf("%v printed:\n%s", args, l.out)
		}
	})
	return l
}

// end signals the program and returns its exit code, -1 for one that a signal
// ended.
func (l *local) end(sig os.Signal) int {
	l.t.Helper()
	if err := l.cmd.Process.Signal(sig); err != nil {
		l.t.Error(err)
	}
	return l.wait()
}

func (l *local) wait() int {
	l.t.Helper()
	var exit *exec.ExitError
	if err := l.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		l.t.Error(err)
	}
	return l.cmd.ProcessState.ExitCode()
}

// ready waits for run.json and returns it.
func (l *local) ready() running {
	l.t.Helper()
	eventually(l.t, "run.json is there", func() bool {
		_, err := os.Stat(l.path("run.json"))
		return err == nil
	})
	return l.runFile()
}

func (l *local) runFile() running {
	l.t.Helper()
	text, err := os.ReadFile(l.path("run.json"))
	if err != nil {
		l.t.Fatal(err)
	}
	var r running
	if err := json.Unmarshal(text, &r); err != nil {
		l.t.Fatal(err)
	}
	return r
}

func (l *local) path(name string) string { return filepath.Join(l.dir, name) }

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(2 * time.Minute)
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("in vain waited until " + what)
		}
	}
}

func (p pids) all() map[string]int {
	return map[string]int{
		"api": p.API, "projector": p.Projector, "worker": p.Worker,
		"postgres": p.Postgres, "mongo": p.Mongo, "redis": p.Redis,
	}
}

func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err == nil && strings.Contains(string(text), ") Z ") {
		return false // nobody has asked yet how it ended
	}
	return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

func knows(t *testing.T, r running) bool {
	t.Helper()
	return get(t.Context(), r.URL+"/api/v1/me", r.APIKey) == http.StatusOK
}

func mustBePrivate(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s: got %v, %v, want it for its owner alone", path, info, err)
	}
}
