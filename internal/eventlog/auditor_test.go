package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/testkit"
)

// Two tenants that are asked for, and one that is not.
const (
	one   = events.TenantID("0190b6f0-0000-7000-8000-000000000001")
	two   = events.TenantID("0190b6f0-0000-7000-8000-000000000002")
	three = events.TenantID("0190b6f0-0000-7000-8000-000000000003")
)

var everything = eventlog.Sight{All: true}

// of is the sight of those who see some tenants.
func of(tenants ...events.TenantID) eventlog.Sight { return eventlog.Sight{Tenants: tenants} }

// audited opens a log in which tenants have taken turns, and an auditor on a
// single connection, so that whoever comes next meets what was left there.
func audited(t testing.TB, turns int) (bench, *eventlog.Auditor, *pgxpool.Pool) {
	t.Helper()
	b := open(t)
	for i := range turns {
		for _, tenant := range []events.TenantID{one, two, events.Platform, three} {
			b.must(t, inTenant(tenant, fmt.Sprintf("u%d", i)))
		}
	}
	a, pool := auditors(t, b.url)
	return b, a, pool
}

func auditors(t testing.TB, url string) (*eventlog.Auditor, *pgxpool.Pool) {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.AfterConnect, config.MaxConns = eventlog.AuditorSession, 1
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return &eventlog.Auditor{Pool: pool}, pool
}

// inTenant is a command that begins the stream of a user in a tenant.
func inTenant(tenant events.TenantID, user string) eventlog.Command {
	return with(created(user), func(c *eventlog.Command) { c.Writes[0].Stream.Tenant = tenant })
}

func positionsOf(all []events.Recorded) []events.Position {
	var found []events.Position
	for _, e := range all {
		found = append(found, e.Position)
	}
	return found
}

func TestAnAuditorSeesTheTenantsThatWereNamed(t *testing.T) {
	t.Parallel()
	b, a, _ := audited(t, 3) // one at 1, 5, 9; two at 2, 6, 10; the platform at 3, 7, 11; three at 4, 8, 12
	for name, tt := range map[string]struct {
		sight eventlog.Sight
		want  []events.Position
	}{
		"one":                      {of(one), []events.Position{1, 5, 9}},
		"the other":                {of(two), []events.Position{2, 6, 10}},
		"two of them":              {of(two, one), []events.Position{1, 2, 5, 6, 9, 10}},
		"one, named twice":         {of(one, one), []events.Position{1, 5, 9}},
		"the platform":             {of(events.Platform), []events.Position{3, 7, 11}},
		"all":                      {everything, []events.Position{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
		"none":                     {eventlog.Sight{}, nil},
		"none, and not nil":        {of(), nil},
		"one that is unknown":      {of("nobody"), nil},
		"one with a quote":         {of(`' or true --`), nil},
		"what would mean all":      {of("*"), nil},
		"one in braces, as a list": {of(`{` + one + `}`), nil},
	} {
		page, err := a.Page(t.Context(), tt.sight, 0, eventlog.Filter{})
		if err != nil || !reflect.DeepEqual(positionsOf(page.Events), tt.want) {
			t.Errorf("%s: %v, %v, want %v", name, positionsOf(page.Events), err, tt.want)
		}
		var last events.Position
		if len(tt.want) > 0 {
			last = tt.want[len(tt.want)-1]
		}
		head, err := a.Head(t.Context(), tt.sight)
		if err != nil || head.Position != last || page.Through != last {
			t.Errorf("%s: the head is %d, and the page goes to %d, %v, want %d", name, head.Position, page.Through, err, last)
		}
		for p := events.Position(1); p <= 12; p++ {
			_, found, err := a.Event(t.Context(), tt.sight, p, false)
			if err != nil || found != slices.Contains(tt.want, p) {
				t.Errorf("%s: the event at %d: %t, %v", name, p, found, err)
			}
		}
	}
	for _, tenants := range [][]events.TenantID{{one + "," + two}, {one, ""}, {"a\x00"}} {
		if _, err := a.Page(t.Context(), of(tenants...), 0, eventlog.Filter{}); !errors.Is(err, eventlog.ErrRefused) {
			t.Errorf("%q: %v, want it refused", tenants, err)
		}
	}
	if _, err := a.Page(t.Context(), of(one), 0, eventlog.Filter{Tenants: []events.TenantID{two}}); !errors.Is(err, eventlog.ErrRefused) {
		t.Errorf("a filter of tenants: %v, want it refused", err)
	}
	b.isDense(t)
}

func TestAnAuditorsFilterAndPlaces(t *testing.T) {
	t.Parallel()
	b, a, _ := audited(t, 3)
	b.must(t, with(renamed("u1", 1), func(c *eventlog.Command) { c.Writes[0].Stream.Tenant, c.Meta.Actor = one, "ada" })) // 13
	for name, tt := range map[string]struct {
		sight  eventlog.Sight
		after  events.Position
		filter eventlog.Filter
		want   []events.Position
	}{
		"after one of his own":      {of(one), 5, eventlog.Filter{}, []events.Position{9, 13}},
		"after another's":           {of(one), 6, eventlog.Filter{}, []events.Position{9, 13}},
		"after the last":            {of(one), 13, eventlog.Filter{}, nil},
		"far behind the log":        {of(one), 1 << 53, eventlog.Filter{}, nil},
		"behind what there can be":  {everything, 1<<63 - 1, eventlog.Filter{}, nil},
		"before the first":          {of(one), -1, eventlog.Filter{Limit: 1}, []events.Position{1}},
		"a few":                     {of(two, one), 1, eventlog.Filter{Limit: 2}, []events.Position{2, 5}},
		"of a type":                 {of(two, one), 0, eventlog.Filter{Types: []string{"user.renamed"}}, []events.Position{13}},
		"of another's type":         {of(two), 0, eventlog.Filter{Types: []string{"user.renamed"}}, nil},
		"of a stream":               {of(two, one), 0, eventlog.Filter{StreamType: events.UserStreams, StreamID: "u1"}, []events.Position{5, 6, 13}},
		"of an actor":               {of(two, one), 0, eventlog.Filter{Actor: "ada"}, []events.Position{13}},
		"of an actor, who sees all": {everything, 0, eventlog.Filter{Actor: "ada"}, []events.Position{13}},
		"of a stream, who sees all": {everything, 5, eventlog.Filter{StreamID: "u1"}, []events.Position{6, 7, 8, 13}},
	} {
		page, err := a.Page(t.Context(), tt.sight, tt.after, tt.filter)
		if err != nil || !reflect.DeepEqual(positionsOf(page.Events), tt.want) {
			t.Errorf("%s: %v, %v, want %v", name, positionsOf(page.Events), err, tt.want)
		}
	}
	for p, want := range map[events.Position]events.Position{0: 0, 4: 1, 5: 5, 12: 9, 1 << 53: 13} {
		if m, err := a.MarkAt(t.Context(), of(one), p); err != nil || m.Position != want {
			t.Errorf("the mark at %d is at %d, %v, want %d", p, m.Position, err, want)
		}
	}
	for p := events.Position(1); p <= 13; p++ {
		e, _, err := a.Event(t.Context(), everything, p, true)
		if err != nil || len(e.Data) == 0 {
			t.Fatalf("the event at %d: %v", p, err)
		}
		for name, s := range map[string]eventlog.Sight{"all": everything, "one": of(one), "two of them": of(three, two), "none": {}} {
			divides(t, a, name, s, e.RecordedAt)
			divides(t, a, name, s, e.RecordedAt.Add(time.Microsecond))
		}
	}
}

// divides proves that a time's position has all that was recorded before it
// on one side, and all else on the other.
func divides(t *testing.T, a *eventlog.Auditor, name string, s eventlog.Sight, at time.Time) {
	t.Helper()
	p, err := a.PositionAt(t.Context(), s, at)
	if err != nil {
		t.Fatal(err)
	}
	all, err := a.Page(t.Context(), s, 0, eventlog.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all.Events {
		if (e.Position <= p) != e.RecordedAt.Before(at) {
			t.Errorf("%s: %d stands for %v, and %d was recorded at %v", name, p, at, e.Position, e.RecordedAt)
		}
	}
}

// Whatever is asked of the server in a session of the auditors, it shows only
// the tenants that were named in the transaction.
func TestTheServerShowsAnAuditorNoOtherTenant(t *testing.T) {
	t.Parallel()
	_, a, pool := audited(t, 2)
	page, err := a.Page(t.Context(), of(one), 0, eventlog.Filter{})
	if err != nil || len(page.Events) != 2 {
		t.Fatalf("%d events, %v", len(page.Events), err)
	}
	direct := []string{
		`select tenant_id from event_log`,
		`select tenant_id from event_log where true or tenant_id = '` + string(two) + `'`,
		`select tenant_id from event_log where tenant_id = '` + string(two) + `'`,
		`select tenant_id from event_log where position > 0 order by position`,
		`select tenant_id from event_log where position = 2`,
		`select tenant_id from event_log where stream_type = 'user' and stream_id = 'u1'`,
		`select tenant_id from event_log where type = 'user.created' and data::text like '%u%'`,
		`select tenant_id from event_log where recorded_at > '2000-01-01'`,
		`select l.tenant_id from log_head h cross join event_log l`,
		`select o.tenant_id from event_log l join event_log o on o.stream_id = l.stream_id`,
		`select max(tenant_id) from event_log having count(*) > 0`,
		`select tenant_id from event_log group by tenant_id`,
		`with w as materialized (select * from event_log) select tenant_id from w`,
		`select l.tenant_id from generate_series(1, 8) p cross join lateral (select * from event_log where position = p) l`,
		`select most_common_vals::text from pg_stats where tablename = 'event_log'`,
	}
	for name, tt := range map[string]struct {
		set  string // what stands in the setting; "-": nothing was set
		want events.TenantID
	}{
		"nothing was set":         {"-", ""},
		"it is empty":             {"", ""},
		"a comma":                 {",", ""},
		"the first":               {string(one), one},
		"the second, after it":    {string(two), two},
		"another one's, quoted":   {`'` + string(two) + `'`, ""},
		"a condition":             {`x' or true or 'x' = '`, ""},
		"all, as one might think": {"*", ""},
		"a pattern":               {"%", ""},
		"a part of one":           {string(one[:35]), ""},
	} {
		for _, statement := range direct {
			for _, tenant := range inOneTransaction(t, pool, tt.set, statement) {
				if events.TenantID(tenant) != tt.want {
					t.Errorf("%s: %s shows %q", name, statement, tenant)
				}
			}
		}
		want := 0
		if tt.want != "" {
			want = 2
		}
		if got := inOneTransaction(t, pool, tt.set, direct[0]); len(got) != want {
			t.Errorf("%s: %d events, want %d", name, len(got), want)
		}
	}
	if got := inOneTransaction(t, pool, string(one)+","+string(two), direct[0]); len(got) != 4 {
		t.Errorf("two tenants have %d events, want 4", len(got))
	}
}

// inOneTransaction asks for texts after the setting was set, as an auditor's
// transaction does it.
func inOneTransaction(t *testing.T, pool *pgxpool.Pool, set, statement string) (found []string) {
	t.Helper()
	err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		if set != "-" {
			if _, err := tx.Exec(t.Context(), `select set_config('tenure.tenant', $1, true)`, set); err != nil {
				return err
			}
		}
		rows, err := tx.Query(t.Context(), statement)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return found
}

// A connection that never heard of the setting, and one where a transaction had
// it, are alike: neither shows anything.
func TestWithoutATenantThereIsNothing(t *testing.T) {
	t.Parallel()
	b, _, _ := audited(t, 1)
	fresh, err := b.connect(t, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `set role tenure_auditor`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	count := func() (n int) {
		if err := fresh.QueryRow(t.Context(), `select count(*) from event_log`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(); n != 0 {
		t.Errorf("%d events where nothing was ever set", n)
	}
	for _, end := range []string{`commit`, `rollback`} {
		for _, statement := range []string{`begin`, `select set_config('tenure.tenant', '` + string(one) + `', true)`} {
			if _, err := fresh.Exec(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		if n := count(); n != 1 {
			t.Errorf("%d events of the one tenant", n)
		}
		if _, err := fresh.Exec(t.Context(), end); err != nil {
			t.Fatal(err)
		}
		if n := count(); n != 0 {
			t.Errorf("%d events after the %s", n, end)
		}
	}
}

// An auditor's read that fails on its way leaves nothing either.
func TestAReadThatFailsLeavesNoTenantBehind(t *testing.T) {
	t.Parallel()
	b, a, pool := audited(t, 1)
	b.exec(t, `insert into event_log select 5, $1, 'user', 'x', 1, gen_random_uuid(), 'user.exploded', 1, '{}', meta, recorded_at from event_log where position = 4`, string(one))
	for name, s := range map[string]eventlog.Sight{"one": of(one), "all": everything} {
		if _, err := a.Page(t.Context(), s, 0, eventlog.Filter{}); !errors.Is(err, eventlog.ErrUndecodable) {
			t.Errorf("%s: %v, want ErrUndecodable", name, err)
		}
		var role, set string
		var n int
		err := pool.QueryRow(t.Context(), `select current_user, current_setting('tenure.tenant', true), (select count(*) from event_log)`).Scan(&role, &set, &n)
		if err != nil || role != "tenure_auditor" || set != "" || n != 0 {
			t.Errorf("%s: afterwards the role is %s, the setting %q, and there are %d events, %v", name, role, set, n, err)
		}
	}
}

func TestAnAuditorChangesNothing(t *testing.T) {
	t.Parallel()
	b, _, pool := audited(t, 1)
	for _, role := range []string{"tenure_auditor", "tenure_overseer"} {
		for _, statement := range []string{
			`insert into event_log select position + 100, tenant_id, stream_type, stream_id, version + 1, gen_random_uuid(), type, schema, data, meta, recorded_at from event_log`,
			`update event_log set type = 'user.deleted'`, `delete from event_log`, `truncate event_log`,
			`update log_head set log_id = gen_random_uuid()`, `select * from log_head for update`, `select * from event_log for update`,
			`select * from claims`, `select * from lookups`, `select * from idempotency`, `select * from feed_offsets`, `select * from feed_consumers`,
			`alter table event_log disable row level security`, `drop policy event_log_is_audited on event_log`, `create table mine (n integer)`,
			`set local session_replication_role = replica`, callOfAppend(),
		} {
			err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
				for _, s := range []string{`set transaction read write`, `set local role ` + role, `select set_config('tenure.tenant', '` + string(one) + `', true)`, statement} {
					if _, err := tx.Exec(t.Context(), s); err != nil {
						return err
					}
				}
				return nil
			})
			var pg *pgconn.PgError
			if !errors.As(err, &pg) || pg.Code != "42501" { // insufficient_privilege
				t.Errorf("%s: %s: %v, want it refused", role, statement, err)
			}
		}
	}
	// Without the rows: with "off" the server refuses instead of hiding.
	if _, err := pool.Exec(t.Context(), `set row_security = off; select * from event_log`); err == nil || !strings.Contains(err.Error(), "row-level security") {
		t.Errorf("without row security: %v", err)
	}
	var owned, member, attributes int
	err := b.owner.QueryRow(t.Context(), `select
		(select count(*) from pg_shdepend d join pg_roles r on r.oid = d.refobjid where d.deptype = 'o'  and r.rolname in ('tenure_auditor', 'tenure_overseer')),
		(select count(*) from pg_auth_members m join pg_roles r on r.oid = m.member where r.rolname in ('tenure_auditor', 'tenure_overseer')),
		(select count(*) from pg_roles where rolname in ('tenure_auditor', 'tenure_overseer') and (rolsuper or rolbypassrls or rolcanlogin or rolcreaterole or rolcreatedb or rolreplication))`).
		Scan(&owned, &member, &attributes)
	if err != nil || owned+member+attributes != 0 {
		t.Errorf("the roles own %d, are members of %d, and %d may more than they should: %v", owned, member, attributes, err)
	}
}

// callOfAppend calls append_commands with nothing in it.
func callOfAppend() string {
	return `select append_commands(0` + strings.Repeat(`, null`, 59) + `)`
}

// The owner of the tables is bound by the policies as well, unless he is a
// superuser. What runs in his name goes on.
func TestAnOwnerWhoIsNoSuperuserAppends(t *testing.T) {
	t.Parallel()
	url := testkit.OwnedPostgresURL(t)
	b := openPoolsOn(t, url, nil)
	var super, bypass bool
	if err := b.owner.QueryRow(t.Context(), `select rolsuper, rolbypassrls from pg_roles where rolname = current_user`).Scan(&super, &bypass); err != nil || super || bypass {
		t.Fatalf("the owner is a superuser: %t, is not bound: %t, %v", super, bypass, err)
	}
	b.Appender = start(t, b.writer, eventlog.Config{})
	a, pool := auditors(t, url)
	for i := range 3 {
		for _, tenant := range []events.TenantID{one, two} {
			b.must(t, inTenant(tenant, fmt.Sprintf("u%d", i)))
		}
	}
	b.isDense(t)
	if page, err := eventlog.ReadBatch(t.Context(), readers(t, url), events.Mark{}, eventlog.Filter{}); err != nil || len(page.Events) != 6 {
		t.Errorf("a reader sees %d events, %v", len(page.Events), err)
	}
	if page, err := a.Page(t.Context(), of(two), 0, eventlog.Filter{}); err != nil || !reflect.DeepEqual(positionsOf(page.Events), []events.Position{2, 4, 6}) {
		t.Errorf("an auditor sees %v, %v", positionsOf(page.Events), err)
	}
	if got := inOneTransaction(t, pool, "-", `select tenant_id from event_log`); len(got) != 0 {
		t.Errorf("without a tenant: %v", got)
	}
	b.exec(t, `alter table event_log add column later text`) // as a migration would
	var n int
	if err := b.owner.QueryRow(t.Context(), `select count(*) from event_log where later is null`).Scan(&n); err != nil || n != 6 {
		t.Errorf("the owner sees %d events, %v", n, err)
	}
	// A dump by such an owner says so, instead of leaving something out.
	_, err := b.owner.Exec(t.Context(), `set row_security = off; select * from event_log`)
	if err == nil || !strings.Contains(err.Error(), "row-level security") {
		t.Errorf("with row_security off: %v", err)
	}
}

// A log of which nothing was enabled, or not forced, would show everything.
func TestTheLogIsGuarded(t *testing.T) {
	t.Parallel()
	var enabled, forced bool
	err := testkit.Postgres(t).QueryRow(t.Context(), `select relrowsecurity, relforcerowsecurity from pg_class where oid = 'event_log'::regclass`).Scan(&enabled, &forced)
	if err != nil || !enabled || !forced {
		t.Errorf("enabled %t, forced %t, %v", enabled, forced, err)
	}
}

// A page is bounded by what it looks at, by its events and by its bytes, and
// the pages together are everything, once and in order.
func TestAnAuditorsPagesAreBoundedAndWhole(t *testing.T) {
	t.Parallel()
	b, a, _ := audited(t, 1)
	b.exec(t, `insert into event_log select 4 + i, (array[$1, $2, $3])[1 + (i / 7) % 3], 'user', 'x' || i, 1, gen_random_uuid(), 'user.renamed', 1,
		'{"user_id":"u","name":"n"}', '{"principal":"system","correlation_id":"c"}', clock_timestamp() from generate_series(1, 31500) i`, string(one), string(two), string(three))
	for name, tt := range map[string]struct {
		sight  eventlog.Sight
		filter eventlog.Filter
		want   int // of the events
		pages  int // at most
	}{
		"all":                            {everything, eventlog.Filter{Limit: 5000}, 31504, 33},
		"one":                            {of(one), eventlog.Filter{Limit: 1000}, 10501, 12},
		"two of them":                    {of(one, three), eventlog.Filter{Limit: 1000}, 21002, 24},
		"of a type that there is not":    {everything, eventlog.Filter{Types: []string{"user.deleted"}}, 0, 4},
		"of one, of no such type":        {of(one), eventlog.Filter{Types: []string{"user.deleted"}}, 0, 2},
		"of three, of no such type":      {of(one, two, three), eventlog.Filter{Types: []string{"user.deleted"}}, 0, 4},
		"of one and some without events": {of(one, "a", "b", "c"), eventlog.Filter{Types: []string{"user.created"}}, 1, 6},
	} {
		var after events.Position
		n, pages := 0, 0
		for {
			page, err := a.Page(t.Context(), tt.sight, after, tt.filter)
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Events) > eventlog.MaxAudited {
				t.Fatalf("%s: a page of %d", name, len(page.Events))
			}
			for _, e := range page.Events {
				if e.Position <= after {
					t.Fatalf("%s: %d after %d", name, e.Position, after)
				}
				after = e.Position
			}
			if n += len(page.Events); page.Through < after || pages > tt.pages {
				t.Fatalf("%s: page %d goes through %d after %d", name, pages, page.Through, after)
			}
			if page.Through == after && len(page.Events) == 0 {
				break
			}
			after = page.Through
			pages++
		}
		if n != tt.want || pages > tt.pages {
			t.Errorf("%s: %d events in %d pages, want %d in %d", name, n, pages, tt.want, tt.pages)
		}
	}
}

func TestAnAuditorsPageIsCutWhereItIsLarge(t *testing.T) {
	t.Parallel()
	b, a, _ := audited(t, 1)
	b.exec(t, `insert into event_log select 4 + i, $1, 'user', 'x' || i, 1, gen_random_uuid(), 'user.renamed', 1,
		json_build_object('user_id', 'u', 'name', repeat('n', 3 << 20)), '{"principal":"system","correlation_id":"c"}', clock_timestamp() from generate_series(1, 5) i`, string(one))
	for name, s := range map[string]eventlog.Sight{"all": everything, "one": of(one)} {
		page, err := a.Page(t.Context(), s, 4, eventlog.Filter{})
		if err != nil || len(page.Events) != 3 || page.Through != 7 {
			t.Errorf("%s: %d events through %d, %v", name, len(page.Events), page.Through, err)
		}
	}
}

// What a session of the auditors is.
func TestAnAuditorsSessionIsBounded(t *testing.T) {
	t.Parallel()
	b := openPools(t, nil)
	b.exec(t, fmt.Sprintf(`alter database %s set tenure.tenant = '%s'`, b.database(), one))
	conn, err := b.connect(t, eventlog.AuditorSession)
	if err != nil {
		t.Fatal(err)
	}
	for setting, want := range map[string]string{
		"role": "tenure_auditor", "statement_timeout": "30s", "idle_in_transaction_session_timeout": "1min",
		"default_transaction_read_only": "on", "tenure.tenant": "", "enable_seqscan": "off", "jit": "off",
	} {
		var got string
		if err := conn.QueryRow(t.Context(), `select current_setting($1)`, setting).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, want %q (%v)", setting, got, want, err)
		}
	}
	if _, err := conn.Exec(t.Context(), `create temporary table mine (n integer)`); err == nil {
		t.Error("a transaction may write")
	}
}

// No read of an auditor passes over other tenants' events, whatever the server
// knows of the table when it first plans one.
func TestAnAuditorsReadsGoAlongHisOwnEvents(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ empty, small string }{
		"that nobody analyzed":                         {`select 1`, `select 1`},
		"that was analyzed while it was empty":         {`analyze event_log`, `select 1`},
		"that was analyzed while it was of one tenant": {`select 1`, `analyze event_log`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := openWith(t, eventlog.Config{}, oneConnection)
			b.exec(t, `alter table event_log set (autovacuum_enabled = off)`)
			a, pool := auditors(t, b.url)
			b.exec(t, tt.empty)
			audit := func(s eventlog.Sight) int64 { return auditAll(t, a, s) }
			for range 8 { // often enough for a plan that is kept
				audit(of(one))
				audit(of(one, two))
			}
			for i := range 300 {
				b.must(t, inTenant(one, fmt.Sprintf("u%d", i)))
			}
			b.exec(t, tt.small)
			for range 8 {
				audit(of(one))
				audit(of(one, two))
			}
			b.grow(t) // by events of the platform
			w := workload{bench: b, reader: pool}
			for _, s := range []eventlog.Sight{of(one), of(one, two), of(two), everything} {
				w.wantNoMore(t, func() int64 { return audit(s) })
			}
			b.exec(t, `analyze event_log`)
			for _, s := range []eventlog.Sight{of(one), of(one, two), of(two), everything, of(events.Platform)} {
				w.wantNoMore(t, func() int64 { return audit(s) })
			}
		})
	}
}

// auditAll reads in each of the ways there are, and tells how many rows it
// asked for at most.
func auditAll(t testing.TB, a *eventlog.Auditor, s eventlog.Sight) (asked int64) {
	t.Helper()
	head, err := a.Head(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	own := int64(600) // what one tenant has, looked at twice
	if s.All || slices.Contains(s.Tenants, events.Platform) {
		own = 2 * eventlog.MaxPositions
	}
	for _, f := range []eventlog.Filter{{}, {Limit: 5}, {Types: []string{"user.deleted"}}, {StreamID: "u7"}, {Actor: "nobody"}} {
		for _, after := range []events.Position{0, head.Position / 2, head.Position - 3, head.Position} {
			if _, err := a.Page(t.Context(), s, after, f); err != nil {
				t.Fatal(err)
			}
			asked += own + 20
		}
	}
	_, _, one := a.Event(t.Context(), s, head.Position, false)
	_, two := a.MarkAt(t.Context(), s, head.Position/2)
	_, three := a.PositionAt(t.Context(), s, time.Now().Add(-time.Minute))
	if err := errors.Join(one, two, three); err != nil {
		t.Fatal(err)
	}
	return asked + 200
}
