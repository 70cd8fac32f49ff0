package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

// denied is the SQLSTATE of insufficient privilege.
const denied = "42501"

func TestTheLogIsAppendOnlyForEverybody(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.must(t, created("ada"))
	owner, err := b.connect(t, func(context.Context, *pgx.Conn) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	writer, err := b.connect(t, eventlog.WriterSession)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := b.connect(t, eventlog.ReaderSession)
	if err != nil {
		t.Fatal(err)
	}
	before := b.rows(t)
	for name, conn := range map[string]*pgx.Conn{"the owner": owner, "the writer": writer, "the reader": reader} {
		for _, statement := range []string{
			`update event_log set data = '{}'`,
			`update event_log set position = 2`,
			`update event_log set recorded_at = now() where position = 1`,
			`delete from event_log`,
			`truncate event_log`,
			`truncate event_log, claims`,
			`insert into event_log select * from event_log on conflict (position) do update set type = 'x'`,
			`update log_head set log_id = gen_random_uuid()`,
			`delete from log_head`,
			`truncate log_head`,
		} {
			wantDenied(t, conn, name, statement)
		}
	}
	if after := b.rows(t); after != before {
		t.Errorf("the log was %s and is %s", before, after)
	}
}

func TestNobodyWritesBesideTheAppend(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.must(t, with(created("ada"), func(c *eventlog.Command) {
		c.Take = []eventlog.Claim{claim("ada", "v")}
		c.Add = []eventlog.Lookup{lookup("ada", "v")}
		c.Idempotency = idempotency("k", "h")
	}))
	before := b.rows(t)
	for name, session := range map[string]func(context.Context, *pgx.Conn) error{
		"the writer": eventlog.WriterSession, "the reader": eventlog.ReaderSession,
	} {
		conn, err := b.connect(t, session)
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"event_log", "log_head", "claims", "lookups", "idempotency"} {
			wantDenied(t, conn, name, fmt.Sprintf(`insert into %s select * from %[1]s`, table))
			wantDenied(t, conn, name, `delete from `+table)
			wantDenied(t, conn, name, `truncate `+table)
			wantDenied(t, conn, name, fmt.Sprintf(`do $$ begin lock table %s in exclusive mode; end $$`, table))
			wantDenied(t, conn, name, fmt.Sprintf(`create trigger t before insert on %s for each row execute function refuse_change()`, table))
		}
		wantDenied(t, conn, name, `select from log_head for update`)
		wantDenied(t, conn, name, `update claims set stream_id = 'bob'`)
		wantDenied(t, conn, name, `create table mine (n integer)`)
		wantDenied(t, conn, name, `create function append_commands() returns void language sql as ''`)
	}
	if after := b.rows(t); after != before {
		t.Errorf("the tables were %s and are %s", before, after)
	}
}

// What a reader of the log has no need of, he has no right to.
func TestAReaderSeesTheLogAlone(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.must(t, created("ada"))
	reader, err := b.connect(t, eventlog.ReaderSession)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"claims", "lookups", "idempotency"} {
		wantDenied(t, reader, "the reader", `select from `+table)
	}
	var call string
	if err := b.owner.QueryRow(t.Context(), `select format('select append_commands(%s)', string_agg(format('null::%s', format_type(a.type, null)), ', ' order by a.n))
		from pg_proc p, unnest(p.proargtypes) with ordinality as a(type, n) where p.proname = 'append_commands'`).Scan(&call); err != nil {
		t.Fatal(err)
	}
	wantDenied(t, reader, "the reader", call)
	if page, err := eventlog.ReadBatch(t.Context(), reader, events.Mark{}, eventlog.Filter{}); err != nil || len(page.Events) != 1 {
		t.Errorf("the reader reads %d events, %v", len(page.Events), err)
	}
}

func wantDenied(t testing.TB, conn *pgx.Conn, who, statement string) {
	t.Helper()
	_, err := conn.Exec(t.Context(), statement)
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != denied {
		t.Errorf("%s: %s: %v, want insufficient privilege", who, statement, err)
	}
}

// rows is all that is in the tables, as one text.
func (b bench) rows(t testing.TB) string {
	t.Helper()
	var all string
	if err := b.owner.QueryRow(t.Context(), `select concat(
		(select array_agg(e) from event_log e), (select array_agg(h) from log_head h), (select array_agg(c) from claims c),
		(select array_agg(l) from lookups l), (select array_agg(i) from idempotency i))`).Scan(&all); err != nil {
		t.Fatal(err)
	}
	return all
}
