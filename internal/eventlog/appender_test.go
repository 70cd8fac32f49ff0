package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/testkit"
)

// bench is one test's log, with a pool for the appender and one that may do
// anything.
type bench struct {
	*eventlog.Appender
	url    string
	writer *pgxpool.Pool
	owner  *pgxpool.Pool
}

func open(t testing.TB) bench {
	t.Helper()
	b := openPools(t)
	b.Appender = start(t, b.writer, eventlog.Config{})
	return b
}

func openPools(t testing.TB) bench {
	t.Helper()
	url := testkit.PostgresURL(t)
	return bench{url: url, writer: writerPool(t, url, nil), owner: testkit.OpenPostgres(t, url, nil)}
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

// next is a command that appends one event to a user's stream.
func next(user string, expected events.Version, p events.Payload) eventlog.Command {
	return eventlog.Command{
		Meta: events.Meta{Principal: events.BySystem, System: "test", CorrelationID: "c"},
		Writes: []eventlog.Write{{
			Stream: stream(user), Expected: expected,
			Events: []eventlog.Event{{ID: uuid.New(), Payload: p}},
		}},
	}
}

func stream(user string) events.Stream {
	return events.UserStream(events.Platform, events.UserID(user))
}

func claim(user, value string) eventlog.Claim {
	return eventlog.Claim{Tenant: events.Platform, Kind: "email", Value: value, Stream: stream(user)}
}

func (b bench) must(t testing.TB, c eventlog.Command) eventlog.Receipt {
	t.Helper()
	r, err := b.Append(t.Context(), c)
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	return r
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
		if page.Through == at || page.Through.Position == at.Position {
			return all
		}
		at = page.Through
	}
}

func TestAnAppendIsReadBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	b := open(t)
	c := created("ada")
	r := b.must(t, c)
	if r.First != 1 || r.Last != 1 {
		t.Errorf("positions %d to %d, want 1", r.First, r.Last)
	}
	got, err := eventlog.ReadStream(t.Context(), b.owner, stream("ada"))
	if err != nil || len(got) != 1 {
		t.Fatalf("stream: %d events, %v", len(got), err)
	}
	e := got[0]
	if e.Position != 1 || e.Version != 1 || e.ID != c.Writes[0].Events[0].ID || e.Stream != stream("ada") ||
		e.Payload != c.Writes[0].Events[0].Payload || e.Meta.System != "test" || !e.RecordedAt.Equal(r.RecordedAt) {
		t.Errorf("read back %+v", e)
	}
}

func TestWritersOnManyStreamsGetDensePositionsInOrder(t *testing.T) {
	t.Parallel()
	b := open(t)
	second := start(t, writerPool(t, b.url, nil), eventlog.Config{}) // as another process
	const writers, each, streams = 16, 60, 5
	reader := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	go func() { reader <- tail(ctx, b.owner, writers*each) }()
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			appender := b.Appender
			if w%2 == 1 {
				appender = second
			}
			for i := range each {
				if err := appendNext(ctx, appender, b.owner, fmt.Sprintf("u%d", (w+i)%streams)); err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
			}
		})
	}
	group.Wait()
	if err := <-reader; err != nil {
		t.Errorf("the reader that tailed: %v", err)
	}
	versions := map[events.Stream]events.Version{}
	var before time.Time
	for i, e := range b.all(t) {
		if e.Position != events.Position(i+1) {
			t.Fatalf("event %d is at position %d", i+1, e.Position)
		}
		if versions[e.Stream]++; e.Version != versions[e.Stream] {
			t.Fatalf("at %d: version %d of %v, want %d", e.Position, e.Version, e.Stream, versions[e.Stream])
		}
		if e.RecordedAt.Before(before) {
			t.Fatalf("at %d: time went back", e.Position)
		}
		before = e.RecordedAt
	}
}

// appendNext appends one event to a stream that others write too, however
// often it loses the race.
func appendNext(ctx context.Context, a *eventlog.Appender, q eventlog.Querier, user string) error {
	for {
		past, err := eventlog.ReadStream(ctx, q, stream(user))
		if err != nil {
			return err
		}
		_, err = a.Append(ctx, next(user, events.Version(len(past)), events.UserRenamed{User: events.UserID(user), Name: "n"}))
		if !errors.Is(err, eventlog.ErrMoved) {
			return err
		}
	}
}

// tail reads while others write, and fails when a position comes late.
func tail(ctx context.Context, q eventlog.Querier, until events.Position) error {
	var at events.Mark
	for at.Position < until {
		page, err := eventlog.ReadBatch(ctx, q, at, eventlog.Filter{})
		if err != nil {
			return err
		}
		for i, e := range page.Events {
			if want := at.Position + events.Position(i) + 1; e.Position != want {
				return fmt.Errorf("position %d where %d was to be", e.Position, want)
			}
		}
		at = page.Through
	}
	return nil
}

func TestAmongGoodCommandsABadOneFailsAlone(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.must(t, func() eventlog.Command {
		c := created("first")
		c.Take = []eventlog.Claim{claim("first", "taken")}
		c.Idempotency = idempotency("k", "h1")
		return c
	}())
	type bad struct {
		command eventlog.Command
		want    error
	}
	with := func(c eventlog.Command, change func(*eventlog.Command)) eventlog.Command { change(&c); return c }
	spoilers := map[string]bad{
		"a NUL":              {next("nul", 0, events.UserRenamed{Name: "a\x00b"}), eventlog.ErrRefused},
		"invalid UTF-8":      {next("utf", 0, events.UserRenamed{Name: "a\xff"}), eventlog.ErrRefused},
		"a NUL in an id":     {next("a\x00b", 0, events.UserRenamed{}), eventlog.ErrRefused},
		"a claim of 6 KB":    {with(created("big"), func(c *eventlog.Command) { c.Take = []eventlog.Claim{claim("big", strings.Repeat("x", 6<<10))} }), eventlog.ErrRefused},
		"a huge event":       {next("huge", 0, events.UserRenamed{Name: strings.Repeat("x", 300<<10)}), eventlog.ErrRefused},
		"a reused key":       {with(created("key"), func(c *eventlog.Command) { c.Idempotency = idempotency("k", "h2") }), eventlog.ErrKeyReused},
		"a stale version":    {next("first", 0, events.UserRenamed{}), eventlog.ErrMoved},
		"a stale read":       {with(created("read"), func(c *eventlog.Command) { c.Reads = []eventlog.Read{{Stream: stream("first"), Version: 7}} }), eventlog.ErrMoved},
		"a taken claim":      {with(created("take"), func(c *eventlog.Command) { c.Take = []eventlog.Claim{claim("take", "taken")} }), eventlog.ErrTaken},
		"a claim not held":   {with(created("rel"), func(c *eventlog.Command) { c.Release = []eventlog.Claim{claim("rel", "taken")} }), eventlog.ErrNotHeld},
		"a set that changed": {with(created("seen"), func(c *eventlog.Command) { c.Seen = []eventlog.Seen{{Tenant: events.Platform, Kind: "k", Value: "v", Count: 3}} }), eventlog.ErrSetChanged},
	}
	var group sync.WaitGroup
	for name, s := range spoilers {
		group.Go(func() {
			if _, err := b.Append(t.Context(), s.command); !errors.Is(err, s.want) {
				t.Errorf("%s: got %v, want %v", name, err, s.want)
			}
		})
	}
	for i := range 200 {
		group.Go(func() {
			c := created(fmt.Sprintf("good%d", i))
			c.Take = []eventlog.Claim{claim(fmt.Sprintf("good%d", i), fmt.Sprintf("v%d", i))}
			if _, err := b.Append(t.Context(), c); err != nil {
				t.Errorf("good command %d: %v", i, err)
			}
		})
	}
	group.Wait()
	if got := len(b.all(t)); got != 201 {
		t.Errorf("%d events in the log, want 201", got)
	}
}

func idempotency(key, hash string) *eventlog.Idempotency {
	return &eventlog.Idempotency{
		Tenant: events.Platform, Principal: "ada", Route: "POST /users", Key: key,
		RequestHash: hash, Response: "done", Expires: time.Now().Add(time.Hour),
	}
}

func TestARaceForAClaimHasOneWinner(t *testing.T) {
	t.Parallel()
	b := open(t)
	var group sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range 50 {
		group.Go(func() {
			user := fmt.Sprintf("u%d", i)
			c := created(user)
			c.Take = []eventlog.Claim{claim(user, "wanted")}
			_, err := b.Append(t.Context(), c)
			switch {
			case err == nil:
				mu.Lock()
				won++
				mu.Unlock()
			case !errors.Is(err, eventlog.ErrTaken):
				t.Errorf("%s: %v", user, err)
			}
		})
	}
	group.Wait()
	if won != 1 || len(b.all(t)) != 1 {
		t.Errorf("%d won, %d events; want 1 and 1", won, len(b.all(t)))
	}
}
