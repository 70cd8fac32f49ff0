package eventlog_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"tenure/internal/eventlog"
)

// warnAtFirst makes the server warn during the first append, as it does when it
// gives up waiting for its replica.
func (b bench) warnAtFirst(t testing.TB) {
	t.Helper()
	var all, in, out string
	err := b.owner.QueryRow(t.Context(), `select pg_get_function_arguments(p.oid),
			string_agg('$' || a.n, ', ') filter (where a.mode = 'i'), string_agg(a.name, ', ') filter (where a.mode = 'o')
		from pg_proc p, unnest(p.proargnames, p.proargmodes) with ordinality as a(name, mode, n)
		where p.proname = 'append_commands' group by p.oid`).Scan(&all, &in, &out)
	if err != nil {
		t.Fatal(err)
	}
	b.exec(t, `create sequence appends`)
	b.exec(t, `create schema silent`)
	b.exec(t, `alter function append_commands set schema silent`)
	b.exec(t, fmt.Sprintf(`create function append_commands(%s) language plpgsql security definer as $$ begin
		if nextval('appends') = 1 then
			raise warning 'canceling wait for synchronous replication due to user request';
		end if;
		select %s into %s from silent.append_commands(%s) s;
	end $$`, all, "s."+strings.ReplaceAll(out, ", ", ", s."), out, in))
}

// What was acknowledged with a warning is on this server alone and goes down
// with it. It is not told to a caller until a further commit, which waits for
// the replica again, has found it in the log.
func TestAWarningIsNoAcknowledgement(t *testing.T) {
	t.Parallel()
	for name, setting := range map[string]string{
		"as usual":                               ``,
		"where warnings are not sent by default": `client_min_messages = error`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := openPools(t, nil)
			b.warnAtFirst(t)
			if setting != "" {
				b.exec(t, fmt.Sprintf(`alter database %s set %s`, b.database(), setting))
			}
			b.Appender = start(t, b.writer, eventlog.Config{})
			r := b.must(t, with(created("ada"), func(c *eventlog.Command) {
				c.Take = []eventlog.Claim{claim("ada", "v")}
				c.Idempotency = idempotency("k", "h")
			}))
			if r.First != 1 || r.Replayed {
				t.Errorf("got %+v, want the first receipt for position 1", r)
			}
			if got := b.wire.sent(); got != 2 {
				t.Errorf("sent %d times, want again after the warning", got)
			}
			if got := len(b.all(t)); got != 1 {
				t.Errorf("%d events in the log, want 1", got)
			}
			b.must(t, created("bob")) // the warning was that append's
			if got := b.wire.sent(); got != 3 {
				t.Errorf("the next append was sent %d times", got-2)
			}
		})
	}
}

// database is the name of the bench's own database.
func (b bench) database() string {
	return pgx.Identifier{b.owner.Config().ConnConfig.Database}.Sanitize()
}
