package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"tenure/internal/eventlog"
	"tenure/internal/testkit"
)

// connect opens a connection to the bench's database and makes a session of it.
func (b bench) connect(t testing.TB, session func(context.Context, *pgx.Conn) error) (*pgx.Conn, error) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), b.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn, session(t.Context(), conn)
}

func TestAServerThatMayForgetIsRefused(t *testing.T) {
	t.Parallel()
	b := openPools(t, nil)
	b.exec(t, fmt.Sprintf(`alter database %s set synchronous_commit = off`, b.database()))
	if _, err := b.connect(t, eventlog.WriterSession); !errors.Is(err, eventlog.ErrNotDurable) || !strings.Contains(err.Error(), "synchronous_commit") {
		t.Errorf("a writer's session: %v, want ErrNotDurable for synchronous_commit", err)
	}
	if _, err := b.connect(t, eventlog.ReaderSession); err != nil {
		t.Errorf("a reader's session: %v", err)
	}
	// An appender that meets it says so at once: to wait does not help.
	b.Appender = start(t, b.writer, eventlog.Config{})
	if _, err := b.Append(t.Context(), created("ada")); !errors.Is(err, eventlog.ErrNotDurable) {
		t.Errorf("append: %v, want ErrNotDurable", err)
	}
}

func TestALoginThatMayForgetIsRefused(t *testing.T) {
	t.Parallel()
	b := openPools(t, nil)
	// The setting is of the login in this database alone, since roles are the cluster's.
	b.exec(t, fmt.Sprintf(`alter role current_user in database %s set synchronous_commit = off`, b.database()))
	if _, err := b.connect(t, eventlog.WriterSession); !errors.Is(err, eventlog.ErrNotDurable) {
		t.Errorf("a writer's session: %v, want ErrNotDurable", err)
	}
}

func TestSessionsAreBoundedAndTakeTheirRoleOn(t *testing.T) {
	t.Parallel()
	b := openPools(t, nil)
	for name, s := range map[string]struct {
		session func(context.Context, *pgx.Conn) error
		want    map[string]string
	}{
		"a writer's": {eventlog.WriterSession, map[string]string{
			"role": "tenure_writer", "lock_timeout": "5s", "statement_timeout": "20s", "idle_in_transaction_session_timeout": "10s", "synchronous_commit": "on", "jit": "off",
		}},
		"a reader's": {eventlog.ReaderSession, map[string]string{
			"role": "tenure_reader", "statement_timeout": "30s", "synchronous_commit": "off", "jit": "off",
		}},
	} {
		conn, err := b.connect(t, s.session)
		if err != nil {
			t.Fatalf("%s session: %v", name, err)
		}
		for setting, want := range s.want {
			var got string
			if err := conn.QueryRow(t.Context(), `select current_setting($1)`, setting).Scan(&got); err != nil || got != want {
				t.Errorf("%s session has %s %s, want %s (%v)", name, setting, got, want, err)
			}
		}
	}
}

// A transaction that keeps one snapshot takes it before it has the lock: what
// was appended while it waited would not be seen.
func TestAppendsTakeTurnsWhateverTheDatabaseHasForDefaults(t *testing.T) {
	t.Parallel()
	for _, defaults := range []string{
		`default_transaction_isolation = 'repeatable read'`,
		`default_transaction_isolation = 'serializable'`,
		`default_transaction_read_only = on`,
	} {
		t.Run(defaults, func(t *testing.T) {
			t.Parallel()
			b := openPools(t, nil)
			b.exec(t, fmt.Sprintf(`alter database %s set %s`, b.database(), defaults))
			b.Appender = start(t, b.writer, eventlog.Config{})
			second := start(t, writerPool(t, b.url, nil), eventlog.Config{})
			const each = 60
			done := make(chan error, 2)
			for i, a := range []*eventlog.Appender{b.Appender, second} {
				go func() {
					var err error
					for n := 0; n < each && err == nil; n++ {
						_, err = a.Append(t.Context(), created(fmt.Sprintf("u%d %d", i, n)))
					}
					done <- err
				}()
			}
			if err := errors.Join(<-done, <-done); err != nil {
				t.Error(err)
			}
			reader := testkit.OpenPostgres(t, b.url, eventlog.ReaderSession)
			head, err := eventlog.Head(t.Context(), reader)
			if err != nil || head.Position != 2*each {
				t.Errorf("the head is %d (%v), want %d", head.Position, err, 2*each)
			}
		})
	}
}
