package eventlog_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/testkit"
)

// A statement that is planned while a table is small, or while nobody has
// counted its rows, keeps its plan when the table has grown: the sessions of
// these tests live through that. They look at what the server counts: no table
// is scanned, and no index is read for more than the rows that were asked for.

// grown is how many events there are in the end; the other tables have a
// quarter as many rows.
const grown = 200_000

func TestNoStatementScansATableWhateverIsKnownOfIt(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		database        func(testing.TB) string
		prices, analyze string
	}{
		"that nobody analyzed":                    {testkit.PostgresURL, `random_page_cost = 4`, `select 1`},
		"that was analyzed while it was small":    {testkit.PostgresURL, `random_page_cost = 4`, `analyze event_log, claims, lookups, idempotency`},
		"that was, where lookups are priced high": {testkit.PostgresURL, `enable_memoize = off`, `analyze event_log, claims, lookups, idempotency`},
		// Superusers are bound by no policy; other owners are.
		"that nobody analyzed, of an owner who is bound by its policies": {testkit.OwnedPostgresURL, `random_page_cost = 4`, `select 1`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := openPoolsOn(t, tt.database(t), oneConnection)
			b.exec(t, fmt.Sprintf(`alter database %s set %s`, b.database(), tt.prices))
			for _, table := range tables {
				b.exec(t, fmt.Sprintf(`alter table %s set (autovacuum_enabled = off)`, table))
			}
			b.Appender = start(t, b.writer, eventlog.Config{Observe: b.gate.observe})
			reader := readers(t, b.url)
			w := workload{bench: b, reader: reader}
			w.run(t, 8, 1) // from empty tables on, and often enough for a plan that is kept
			b.exec(t, tt.analyze)
			w.run(t, 8, 1)
			b.grow(t)
			for _, n := range []int{1, 1, 500, 1} {
				w.wantNoMore(t, func() int64 { return w.append(t, n) + w.look(t) })
				w.wantNoMore(t, func() int64 { return w.read(t) })
			}
		})
	}
}

var tables = []string{"event_log", "claims", "lookups", "idempotency"}

// oneConnection makes a pool whose statements all meet the plans of the same
// session.
func oneConnection(config *pgxpool.Config) { config.MaxConns = 1 }

func readers(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.AfterConnect, config.MaxConns = eventlog.ReaderSession, 1
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// grow fills the tables before what is in them, and nobody counts: a plan that
// walks along an index to what it wants has a long way.
func (b bench) grow(t testing.TB) {
	t.Helper()
	b.exec(t, `insert into event_log select h.n + i, 'platform', 'user', '!grown ' || i % 50000, 1 + i / 50000, gen_random_uuid(),
		'user.renamed', 1, '{"user_id":"u","name":"n"}', '{"principal":"system","correlation_id":"c"}', clock_timestamp()
		from (select coalesce(max(position), 0) as n from event_log) h, generate_series(1, $1::integer) i`, grown)
	b.exec(t, `insert into claims select 'platform', 'email', '!grown ' || i, 'platform', 'user', '!grown ' || i
		from generate_series(1, $1::integer) i`, grown/4)
	b.exec(t, `insert into lookups select 'platform', 'team', '!grown ' || i / 4, 'platform', 'user', '!grown ' || i
		from generate_series(1, $1::integer) i`, grown/4)
	b.exec(t, `insert into idempotency select 'platform', 'ada', 'POST /users', '!grown ' || i, gen_random_uuid(), 'h', 'done', 1, now() + interval '1 day'
		from generate_series(1, $1::integer) i`, grown/4)
}

// workload is everything that this package asks a server for.
type workload struct {
	bench
	reader *pgxpool.Pool
}

// run does it all several times, with batches of n commands.
func (w workload) run(t testing.TB, times, n int) {
	t.Helper()
	for range times {
		w.append(t, n)
		w.look(t)
		w.read(t)
	}
}

// wantNoMore fails the test when what is done scans a table, or reads more rows
// of one than it asks for.
func (w workload) wantNoMore(t testing.TB, do func() (asked int64)) {
	t.Helper()
	before := w.counted(t)
	asked := do()
	for table, n := range w.counted(t) {
		if scans := n.scans - before[table].scans; scans != 0 {
			t.Errorf("%s was scanned %d times", table, scans)
		}
		if read := n.read - before[table].read; read > asked {
			t.Errorf("%s: %d rows were read from its indexes, for %d that were asked for", table, read, asked)
		}
	}
}

// append carries out n commands with all that a command can have, then more
// that release, remove, and fail for each reason. It tells how many rows it
// asked for at most, of any table, as the others do.
func (w workload) append(t testing.TB, n int) int64 {
	t.Helper()
	var first, second []eventlog.Command
	for range n {
		user := uuid.NewString()
		first = append(first, with(created(user), func(c *eventlog.Command) {
			c.Reads = []eventlog.Read{{Stream: stream("nobody")}}
			c.Take = []eventlog.Claim{claim(user, user), claim(user, user+" 2")}
			c.Add = []eventlog.Lookup{lookup(user, user)}
			c.Seen = []eventlog.Seen{seen(user+" 2", 0)}
			c.Idempotency = idempotency(user, "h")
		}))
		second = append(second, with(renamed(user, 1), func(c *eventlog.Command) {
			c.Release = []eventlog.Claim{claim(user, user)}
			c.Take = []eventlog.Claim{claim(user, user)}
			c.Remove = []eventlog.Lookup{lookup(user, user)}
			c.Seen = []eventlog.Seen{seen(user, 1)}
			c.Idempotency = idempotency(user+" 2", "h")
		}))
	}
	third := []eventlog.Command{
		first[0],                               // known again
		created(second[0].Writes[0].Stream.ID), // moved
		with(created(uuid.NewString()), func(c *eventlog.Command) { c.Idempotency = idempotency(first[0].Writes[0].Stream.ID, "h") }), // replayed
		with(created(uuid.NewString()), func(c *eventlog.Command) { c.Take = first[0].Take[1:] }),                                     // taken
		with(created(uuid.NewString()), func(c *eventlog.Command) { c.Seen = []eventlog.Seen{seen("nobody", 1)} }),
		with(created(uuid.NewString()), func(c *eventlog.Command) { c.Release = []eventlog.Claim{claim("nobody", "nobody")} }),
	}
	w.atOnce(t, first...)
	w.atOnce(t, second...)
	w.together(t, third...)
	return int64(12 * (n + len(third)))
}

// read reads in each of the ways there are.
func (w workload) read(t testing.TB) int64 {
	t.Helper()
	ctx := t.Context()
	head, err := eventlog.Head(ctx, w.reader)
	if err != nil {
		t.Fatal(err)
	}
	middle, err := eventlog.MarkAt(ctx, w.reader, head.Position/2)
	if err != nil {
		t.Fatal(err)
	}
	asked := 10
	for _, tt := range []struct {
		filter eventlog.Filter
		asked  int // a filter that few events match has to look at each position of its range
	}{
		{eventlog.Filter{}, eventlog.MaxEvents},
		{eventlog.Filter{Types: []string{"user.renamed"}}, 2 * eventlog.MaxEvents},
		{eventlog.Filter{Types: []string{"user.deleted"}}, eventlog.MaxPositions},
		{eventlog.Filter{Tenants: []events.TenantID{events.Platform}}, eventlog.MaxEvents},
		{eventlog.Filter{StreamType: events.UserStreams, StreamID: "!grown 7"}, eventlog.MaxPositions},
		{eventlog.Filter{Actor: "nobody"}, eventlog.MaxPositions},
		{eventlog.Filter{Limit: 5}, 5},
	} {
		for _, from := range []events.Mark{{}, middle, head} {
			if _, err := eventlog.ReadBatch(ctx, w.reader, from, tt.filter); err != nil {
				t.Fatal(err)
			}
			asked += tt.asked + 10
		}
	}
	return int64(asked)
}

// look asks what a command asks before it decides.
func (w workload) look(t testing.TB) int64 {
	t.Helper()
	ctx := t.Context()
	_, one := eventlog.ReadStreams(ctx, w.writer, []events.Stream{stream("!grown 7"), stream("nobody")})
	_, two := eventlog.ReadLookup(ctx, w.writer, events.Platform, "team", "!grown 7", 10)
	_, _, three := eventlog.ReadClaim(ctx, w.writer, events.Platform, "email", "!grown 7")
	_, _, four := eventlog.ReadIdempotency(ctx, w.writer, *idempotency("!grown 7", "h"), time.Now())
	_, five := eventlog.PositionAt(ctx, w.reader, time.Now().Add(-time.Second))
	_, six := eventlog.CountLookup(ctx, w.writer, events.Platform, "team", "!grown 7")
	for _, err := range []error{one, two, three, four, five, six} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return 100
}

// count is what a server counted of a table.
type count struct{ scans, read int64 }

// counted makes the sessions tell the server what they counted, and asks for it.
func (w workload) counted(t testing.TB) map[string]count {
	t.Helper()
	for _, pool := range []*pgxpool.Pool{w.writer, w.reader} {
		if _, err := pool.Exec(t.Context(), `select pg_stat_force_next_flush()`); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := w.owner.Query(t.Context(), `select relname, seq_scan,
			(select coalesce(sum(i.idx_tup_read), 0)::bigint from pg_stat_user_indexes i where i.relid = s.relid)
		from pg_stat_user_tables s where relname = any($1)`, tables)
	if err != nil {
		t.Fatal(err)
	}
	counts := make(map[string]count)
	var table string
	var n count
	if _, err := pgx.ForEachRow(rows, []any{&table, &n.scans, &n.read}, func() error {
		counts[table] = n
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return counts
}
