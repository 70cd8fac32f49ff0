package boot_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"tenure/cmd/internal/boot"
	"tenure/internal/testkit"
)

// postgres is the settings of a migrated database, changed.
func postgres(t *testing.T, change func(*url.URL)) boot.Postgres {
	t.Helper()
	u, err := url.Parse(testkit.PostgresURL(t))
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(u)
	}
	return boot.Postgres{URL: boot.Secret(u.String()), PoolSize: 2}
}

// owner runs statements as the owner of a database.
func owner(t *testing.T, s boot.Postgres, statements ...string) {
	t.Helper()
	pool := testkit.OpenPostgres(t, string(s.URL), nil)
	for _, statement := range statements {
		if _, err := pool.Exec(context.WithoutCancel(t.Context()), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// login makes a user who may do nothing, and gives the settings of a database
// that he logs in to.
func login(t *testing.T) (s, his boot.Postgres, name string) {
	t.Helper()
	s = postgres(t, nil)
	name = "tenure_test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	owner(t, s, `create role `+name+` login password 'hunter2'`)
	t.Cleanup(func() { owner(t, s, `drop role `+name) })
	u, err := url.Parse(string(s.URL))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(name, "hunter2")
	return s, boot.Postgres{URL: boot.Secret(u.String()), PoolSize: 2}, name
}

// The user of the processes needs no more than membership in the roles.
func TestAMemberOfTheRolesIsEnough(t *testing.T) {
	t.Parallel()
	s, his, name := login(t)
	o := boot.Opener{Name: "test"}
	if _, err := o.Writer(t.Context(), his); err == nil || !strings.Contains(err.Error(), "grant tenure_writer, tenure_reader, tenure_auditor and tenure_overseer") {
		t.Errorf("without the roles: %v", err)
	}
	owner(t, s, `grant tenure_writer, tenure_reader, tenure_auditor, tenure_overseer to `+name)
	for what, open := range map[string]func(context.Context, boot.Postgres) (*boot.Pool, error){"writer": o.Writer, "reader": o.Reader, "auditor": o.Auditor} {
		pool, err := open(t.Context(), his)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		pool.Close()
	}
	owner(t, s, `alter role `+name+` set synchronous_commit = off`)
	if _, err := o.Writer(t.Context(), his); err == nil || !strings.Contains(err.Error(), "not set up to keep a log") {
		t.Errorf("without durability: %v", err)
	}
}

func TestADatabaseThatIsOlderIsRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ statement, says string }{
		"half of the migrations": {`delete from goose_db_version where version_id > 1`, "is at migration 1 and this program needs"},
		"none":                   {`drop table goose_db_version`, "is not migrated"},
	} {
		s := postgres(t, nil)
		owner(t, s, tt.statement)
		_, err := (boot.Opener{Name: "test"}).Reader(t.Context(), s)
		if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "tenure migrate up") {
			t.Errorf("%s: %v", name, err)
		}
	}
	newer := postgres(t, nil)
	owner(t, newer, `insert into goose_db_version (version_id, is_applied) values (99999, true)`)
	pool, err := (boot.Opener{Name: "test"}).Reader(t.Context(), newer)
	if err != nil {
		t.Fatalf("a newer one, as during a deployment: %v", err)
	}
	pool.Close()
}

// A store that is away is waited for, said once, and taken when it is there.
func TestAStoreThatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	var server string
	closed := reserve(t)
	s := postgres(t, func(u *url.URL) { server, u.Host = u.Host, closed })
	var out safe
	r, err := boot.Start(t.Context(), boot.Process{ServiceName: "test", MetricsAddr: "127.0.0.1:0"}, boot.Environment{}, &out)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(t.Context())
	opened := make(chan error, 1)
	go func() {
		pool, err := r.Reader(t.Context(), s)
		if err == nil {
			pool.Close()
		}
		opened <- err
	}()
	testkit.Eventually(t, "it is said that it waits", func() bool { return strings.Contains(out.String(), "trying again until it can") })
	if state := r.Ready.Ask(t.Context()); state.Checks["postgres"] != "down" {
		t.Errorf("readiness: %+v", state)
	}
	forward(t, closed, server)
	if err := <-opened; err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "trying again until it can"); n != 1 {
		t.Errorf("it was said %d times", n)
	}
	if !strings.Contains(out.String(), "the store is there") {
		t.Error("that it came was not said")
	}
}

// reserve is an address where nobody listens.
func reserve(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// forward hands on connections from one address to another.
func forward(t *testing.T, from, to string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := (&net.Dialer{}).DialContext(context.WithoutCancel(t.Context()), "tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			go func() { _, _ = io.Copy(out, in); out.Close() }()
			go func() { _, _ = io.Copy(in, out); in.Close() }()
		}
	}()
}

// safe is written by one and read by another.
type safe struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *safe) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *safe) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}
