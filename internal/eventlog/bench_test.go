package eventlog_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/testkit"
)

// bench is one test's log: an appender, whose batches and whose network the
// test has in its hand, and a pool that may do anything.
type bench struct {
	*eventlog.Appender
	url    string
	writer *pgxpool.Pool
	owner  *pgxpool.Pool
	wire   *wire
	gate   *gate
}

func open(t testing.TB) bench {
	t.Helper()
	return openWith(t, eventlog.Config{}, nil)
}

// openWith opens a bench with an appender and a pool that differ from the usual.
func openWith(t testing.TB, config eventlog.Config, change func(*pgxpool.Config)) bench {
	t.Helper()
	b := openPools(t, change)
	config.Observe = b.gate.observe
	b.Appender = start(t, b.writer, config)
	t.Cleanup(b.gate.open)
	return b
}

// openPools opens a bench without an appender.
func openPools(t testing.TB, change func(*pgxpool.Config)) bench {
	t.Helper()
	return openPoolsOn(t, testkit.PostgresURL(t), change)
}

// openPoolsOn opens a bench on a database, as its owner.
func openPoolsOn(t testing.TB, url string, change func(*pgxpool.Config)) bench {
	t.Helper()
	b := bench{url: url, owner: testkit.OpenPostgres(t, url, nil), wire: new(wire), gate: new(gate)}
	b.writer = writerPool(t, url, func(config *pgxpool.Config) {
		b.wire.lay(config)
		if change != nil {
			change(config)
		}
	})
	return b
}

func writerPool(t testing.TB, url string, change func(*pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	eventlog.Configure(config)
	config.MaxConns = 4
	if change != nil {
		change(config)
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func start(t testing.TB, pool *pgxpool.Pool, config eventlog.Config) *eventlog.Appender {
	t.Helper()
	a := eventlog.NewAppender(pool, slog.New(slog.DiscardHandler), config)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := a.Close(ctx); err != nil {
			t.Errorf("close the appender: %v", err)
		}
	})
	return a
}

// created is a command that begins the stream of a user.
func created(user string) eventlog.Command {
	return next(user, 0, events.UserCreated{User: events.UserID(user), Email: user + "@example.com", Role: events.Viewer})
}

// renamed is a command that appends a further event to the stream of a user.
func renamed(user string, expected events.Version) eventlog.Command {
	return next(user, expected, events.UserRenamed{User: events.UserID(user), Name: "n"})
}

// next is a command that appends one event to a user's stream.
func next(user string, expected events.Version, p events.Payload) eventlog.Command {
	return eventlog.Command{Meta: meta(), Writes: []eventlog.Write{write(user, expected, p)}}
}

func meta() events.Meta {
	return events.Meta{Principal: events.BySystem, System: "test", CorrelationID: "c"}
}

func write(user string, expected events.Version, p events.Payload) eventlog.Write {
	return eventlog.Write{
		Stream: stream(user), Expected: expected,
		Events: []eventlog.Event{{ID: uuid.New(), Payload: p}},
	}
}

// with is c after a change.
func with(c eventlog.Command, change func(*eventlog.Command)) eventlog.Command {
	change(&c)
	return c
}

func stream(user string) events.Stream {
	return events.UserStream(events.Platform, events.UserID(user))
}

func claim(user, value string) eventlog.Claim {
	return eventlog.Claim{Tenant: events.Platform, Kind: "email", Value: value, Stream: stream(user)}
}

func lookup(user, value string) eventlog.Lookup {
	return eventlog.Lookup{Tenant: events.Platform, Kind: "team", Value: value, Stream: stream(user)}
}

func seen(value string, count int) eventlog.Seen {
	return eventlog.Seen{Tenant: events.Platform, Kind: "team", Value: value, Count: count}
}

func idempotency(key, hash string) *eventlog.Idempotency {
	return &eventlog.Idempotency{
		Tenant: events.Platform, Principal: "ada", Route: "POST /users", Key: key,
		RequestHash: hash, Response: "done", Expires: time.Now().Add(time.Hour),
	}
}

func (b bench) must(t testing.TB, c eventlog.Command) eventlog.Receipt {
	t.Helper()
	r, err := b.Append(t.Context(), c)
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	return r
}

// exec runs a statement as the owner.
func (b bench) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	if _, err := b.owner.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// all reads the whole log in batches.
func (b bench) all(t testing.TB) []events.Recorded {
	t.Helper()
	var all []events.Recorded
	var at events.Mark
	for {
		page, err := eventlog.ReadBatch(t.Context(), b.owner, at, eventlog.Filter{})
		if err != nil {
			t.Fatalf("read after %d: %v", at.Position, err)
		}
		all = append(all, page.Events...)
		if page.Through.Position == at.Position {
			return all
		}
		at = page.Through
	}
}

// result is what a caller was answered.
type result struct {
	receipt eventlog.Receipt
	err     error
}

// begin sends a command on its way and tells when it waits in the queue. It
// may be used only while the gate is shut, for then nothing leaves the queue.
func (b bench) begin(ctx context.Context, t testing.TB, c eventlog.Command) <-chan result {
	t.Helper()
	before := b.Pending()
	answer := make(chan result, 1)
	go func() {
		r, err := b.Append(ctx, c)
		answer <- result{r, err}
	}()
	testkit.Eventually(t, "the command waits in the queue", func() bool { return b.Pending() > before || len(answer) > 0 })
	return answer
}

// hold shuts the gate behind a command of no interest, so that what comes now
// waits and goes together when the gate is opened.
func (b bench) hold(t testing.TB) {
	t.Helper()
	b.gate.shut()
	go func() { _, _ = b.Append(context.WithoutCancel(t.Context()), created("plug "+uuid.NewString())) }()
	testkit.Eventually(t, "the appender stands at the gate", b.gate.reached)
}

// together appends commands in this order and as one batch, as far as they
// have nothing in common.
func (b bench) together(t testing.TB, commands ...eventlog.Command) []result {
	t.Helper()
	b.hold(t)
	answers := make([]<-chan result, len(commands))
	for i, c := range commands {
		answers[i] = b.begin(t.Context(), t, c)
	}
	b.gate.open()
	results := make([]result, len(commands))
	for i, answer := range answers {
		results[i] = <-answer
	}
	return results
}

// atOnce appends commands as one batch, as far as they have nothing in common,
// in any order, and wants all of them to pass.
func (b bench) atOnce(t testing.TB, commands ...eventlog.Command) {
	t.Helper()
	b.hold(t)
	answers := make(chan error, len(commands))
	for _, c := range commands {
		go func() {
			_, err := b.Append(t.Context(), c)
			answers <- err
		}()
	}
	testkit.Eventually(t, "the commands wait in the queue", func() bool { return b.Pending()+len(answers) == len(commands) })
	b.gate.open()
	for range commands {
		if err := <-answers; err != nil {
			t.Fatalf("append: %v", err)
		}
	}
}

// gate is where an appender comes by after each batch, before it answers.
type gate struct {
	mu      sync.Mutex
	closed  chan struct{} // nil when it is open
	waiting bool
	sizes   []int
}

func (g *gate) observe(batch eventlog.Batch) {
	g.mu.Lock()
	g.sizes = append(g.sizes, batch.Commands)
	closed := g.closed
	g.waiting = closed != nil
	g.mu.Unlock()
	if closed != nil {
		<-closed
	}
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed, g.waiting = make(chan struct{}), false
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed != nil {
		close(g.closed)
	}
	g.closed, g.waiting = nil, false
}

func (g *gate) reached() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.waiting
}

// batches are the sizes of the batches so far, those of resent ones once.
func (g *gate) batches() []int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]int(nil), g.sizes...)
}
