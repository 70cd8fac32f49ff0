package programs_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"

	"tenure/internal/testkit"
)

// bin is where the programs were built.
const bin = "TENURE_TEST_BIN"

// TestMain builds the programs once.
func TestMain(m *testing.M) { os.Exit(withPrograms(m)) }

func withPrograms(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tenure-programs-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = errors.Join(build(dir), os.Setenv(bin, dir))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "programs:", err)
		return 1
	}
	return m.Run()
}

// build builds all programs, with the race detector when the tests have it.
func build(dir string) error {
	ctx := context.Background()
	mod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", dir+string(filepath.Separator))
	if raced() {
		cmd.Args = append(cmd.Args, "-race")
	}
	cmd.Args = append(cmd.Args, "./cmd/...")
	cmd.Dir = filepath.Dir(string(mod))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

func raced() bool {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}

// environment is stores of the test's own, a secret, and ports that the system
// chooses.
type environment map[string]string

// newEnvironment makes an environment in which every program can run.
func newEnvironment(t testing.TB) environment {
	t.Helper()
	redis, prefix := testkit.RedisURL(t)
	return environment{
		"TENURE_POSTGRES_URL": testkit.PostgresURL(t), "TENURE_POSTGRES_POOL_SIZE": "6",
		"TENURE_MONGO_URL": testkit.MongoURL(t), "TENURE_REDIS_URL": redis, "TENURE_REDIS_PREFIX": prefix,
		"TENURE_SECRET_KEY": base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 32)),
		"TENURE_HTTP_ADDR":  "127.0.0.1:0", "TENURE_METRICS_ADDR": "127.0.0.1:0",
	}
}

// with is the same environment but for some settings, as pairs.
func (e environment) with(pairs ...string) environment {
	other := environment{}
	for name, value := range e {
		other[name] = value
	}
	for i := 0; i < len(pairs); i += 2 {
		other[pairs[i]] = pairs[i+1]
	}
	return other
}

// environ is the environment as the system gives it.
func (e environment) environ() []string {
	environ := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	for name, value := range e {
		environ = append(environ, name+"="+value)
	}
	return environ
}

// program is a process.
type program struct {
	t     testing.TB
	cmd   *exec.Cmd
	out   bytes.Buffer
	err   log
	ended chan struct{}
}

// start starts a program. It is killed at the end of the test at the latest.
func start(t testing.TB, e environment, name string, args ...string) *program {
	t.Helper()
	p := &program{t: t, ended: make(chan struct{})}
	p.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join(os.Getenv(bin), name), args...)
	p.cmd.Dir, p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = t.TempDir(), e.environ(), &p.out, &p.err
	p.cmd.SysProcAttr = dyingWithParent()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the state tells
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("what %s said:\n%s", name, p.stderr())
		}
	})
	return p
}

// run runs a program to its end and gives its exit code.
func run(t testing.TB, e environment, name string, args ...string) (p *program, code int) {
	t.Helper()
	p = start(t, e, name, args...)
	return p, p.code()
}

// code waits for the end of the program and gives its exit code, -1 when it was
// killed.
func (p *program) code() int {
	p.t.Helper()
	testkit.Eventually(p.t, "the program has ended", p.hasEnded)
	return p.cmd.ProcessState.ExitCode()
}

// hasEnded tells whether the program has ended.
func (p *program) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// tell sends a signal.
func (p *program) tell(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// stdout is what the program printed; to be asked when it has ended.
func (p *program) stdout() string { return p.out.String() }

// stderr is what it has logged so far.
func (p *program) stderr() string { return p.err.String() }

// logged waits until a line of the log holds a text, and gives what the line
// says under a name.
func (p *program) logged(text, name string) (value string) {
	p.t.Helper()
	testkit.Eventually(p.t, "the program has logged "+text, func() bool {
		for line := range strings.Lines(p.stderr()) {
			if strings.Contains(line, text) {
				_, rest, _ := strings.Cut(line, `"`+name+`":"`)
				value, _, _ = strings.Cut(rest, `"`)
				return true
			}
		}
		if p.hasEnded() {
			p.t.Fatalf("the program ended before it logged %q", text)
		}
		return false
	})
	return value
}

// metrics is the URL of the program's metrics listener.
func (p *program) metrics() string { return "http://" + p.logged(`"msg":"started"`, "metrics") }

// api is the URL that the api serves.
func (p *program) api() string { return "http://" + p.logged(`"msg":"serving"`, "addr") }

// log is written by one and read by another.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write appends.
func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String is all of it.
func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
