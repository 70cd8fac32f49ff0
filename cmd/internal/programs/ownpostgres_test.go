package programs_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tenure/internal/testkit"
)

// ownPostgres is a server of the test's own, which can be killed without taking
// anybody else's. It is the one of `make run`, with its data on a disk and
// fsync on: `local` finds the program, runs it as somebody who may, starts it
// again whenever it dies, and ends it when the test ends, however that does.
type ownPostgres struct {
	url   string
	local *program
	home  string // of its data, which may be elsewhere when its account cannot enter the test's directory
	last  int    // the pid of the server that was killed last
}

func startPostgres(t *testing.T, e environment) *ownPostgres {
	t.Helper()
	root := filepath.Dir(strings.TrimSpace(output(t, "go", "env", "GOMOD")))
	binary := filepath.Join(os.Getenv(bin), "local")
	output(t, "go", "build", "-C", filepath.Join(root, "local"), "-buildvcs=false", "-o", binary, ".")
	dir := openDir(t)
	shareDownloads(t, root, dir)
	p := &program{t: t, ended: make(chan struct{})}
	p.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), binary, "--follow-parent", "stores")
	p.cmd.Dir = root
	p.cmd.Env = environment{
		"TENURE_LOCAL_DIR": dir, "TENURE_MONGO_URL": e["TENURE_MONGO_URL"], "TENURE_REDIS_URL": e["TENURE_REDIS_URL"],
	}.environ()
	var printed log
	p.cmd.Stdout, p.cmd.Stderr = &printed, &p.err
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the state tells
		close(p.ended)
	}()
	o := &ownPostgres{local: p}
	t.Cleanup(func() { o.stop(t) })
	testkit.Within(t, time.Minute, "Postgres has started", func() bool {
		if p.hasEnded() {
			t.Fatalf("no Postgres: %s", p.stderr())
		}
		_, rest, found := strings.Cut(printed.String(), "TENURE_POSTGRES_URL='")
		o.url, _, found = cutIf(found, rest, "'")
		return found
	})
	o.mustKeep(t)
	return o
}

func cutIf(found bool, s, sep string) (before, after string, ok bool) {
	before, after, ok = strings.Cut(s, sep)
	return before, after, ok && found
}

// output is what a program prints that must succeed.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("%s: %v: %s", name, err, exit.Stderr)
		}
		t.Fatalf("%s: %v", name, err)
	}
	return string(out)
}

// openDir is a directory that whoever runs Postgres for root can enter.
func openDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, closed := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(closed, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// shareDownloads makes what was downloaded for this checkout serve here too.
func shareDownloads(t *testing.T, root, dir string) {
	t.Helper()
	from := filepath.Join(root, ".local")
	if named := os.Getenv("TENURE_LOCAL_DIR"); named != "" {
		from = named
	}
	err := os.MkdirAll(filepath.Join(from, "bin"), 0o755)
	if err := errors.Join(err, os.Symlink(filepath.Join(from, "bin"), filepath.Join(dir, "bin"))); err != nil {
		t.Fatal(err)
	}
}

// mustKeep fails the test on a server that forgets by design.
func (o *ownPostgres) mustKeep(t *testing.T) {
	t.Helper()
	var syncs, pages, commits, data string
	err := o.ask(t, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `select current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit'),
			current_setting('data_directory')`).Scan(&syncs, &pages, &commits, &data)
	})
	if err != nil || syncs != "on" || pages != "on" || commits != "on" {
		t.Fatalf("fsync is %q, full_page_writes %q, synchronous_commit %q, %v", syncs, pages, commits, err)
	}
	o.home = filepath.Dir(data)
}

// ask asks on a connection of its own, within two seconds.
func (o *ownPostgres) ask(t *testing.T, question func(context.Context, *pgx.Conn) error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, o.url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // the server may be killed by now
	return question(ctx, conn)
}

// killInDoubt kills the server when it has made an append durable and has not
// said so. It is made to wait there for a replica that there is none of, since
// the moment is too short to be hit; what it finds when it starts again does
// not make it wait.
func (o *ownPostgres) killInDoubt(t *testing.T) {
	t.Helper()
	testkit.Eventually(t, "Postgres waits for a replica", func() bool {
		return o.ask(t, func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, `alter system set synchronous_standby_names = 'nobody'`)
			if err == nil {
				_, err = conn.Exec(ctx, `select pg_reload_conf()`)
			}
			for waits := false; err == nil && !waits; {
				err = conn.QueryRow(ctx, `select count(*) > 0 from pg_stat_activity
					where application_name = 'tenure-api writer' and wait_event = 'SyncRep'`).Scan(&waits)
			}
			if err == nil {
				_, err = conn.Exec(ctx, `alter system reset synchronous_standby_names`)
			}
			return err
		}) == nil
	})
	o.kill(t)
}

// kill kills the server with all its processes at once, as far as one can: what
// it had in memory is gone. It waits for one that is still starting.
func (o *ownPostgres) kill(t *testing.T) {
	t.Helper()
	testkit.Eventually(t, "there is a Postgres to kill", func() bool {
		var file string
		var processes []int
		err := o.ask(t, func(ctx context.Context, conn *pgx.Conn) error {
			return conn.QueryRow(ctx, `select pg_read_file('postmaster.pid'), (select array_agg(pid) from pg_stat_activity)`).Scan(&file, &processes)
		})
		if err != nil {
			return false
		}
		first, _, _ := strings.Cut(file, "\n")
		if o.last, err = strconv.Atoi(first); err != nil {
			t.Fatal(err)
		}
		for _, pid := range slices.Insert(processes, 0, o.last) {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				t.Fatal(err)
			}
		}
		return true
	})
}

// killBackend kills a process that carries out appends, when there is one: the
// server then ends all others itself, and recovers.
func (o *ownPostgres) killBackend(t *testing.T) {
	t.Helper()
	var pid int
	err := o.ask(t, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `select pid from pg_stat_activity where application_name = 'tenure-api writer' order by random() limit 1`).Scan(&pid)
	})
	if err != nil {
		return // it is away already, or nobody appends
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatal(err)
	}
}

// stop ends the server, and proves that nothing of it is left.
func (o *ownPostgres) stop(t *testing.T) {
	t.Helper()
	_ = o.local.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	timeout := time.NewTimer(30 * time.Second)
	defer timeout.Stop()
	select {
	case <-o.local.ended:
	case <-timeout.C:
		t.Error("the stores did not end when they were told to")
		_ = o.local.cmd.Process.Kill() // its guard ends the server
		<-o.local.ended
	}
	if o.last != 0 && syscall.Kill(o.last, 0) == nil {
		t.Errorf("the server that was killed, %d, is still there", o.last)
	}
	if o.home != "" {
		if err := os.RemoveAll(o.home); err != nil {
			t.Error(err)
		}
		_ = os.Remove(filepath.Dir(o.home)) // unless something else is in it
	}
	if t.Failed() {
		t.Logf("what the stores said:\n%s", o.local.stderr())
	}
}
