package feed_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/feed"
	"tenure/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a database with a log, its owner, and feeds on it.
type world struct {
	t     testing.TB
	url   string
	owner *pgxpool.Pool
	logs  *logs
}

func newWorld(t testing.TB) *world {
	t.Helper()
	url := testkit.PostgresURL(t)
	l := &logs{}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the feeds logged:\n%s", l.text.String())
		}
	})
	return &world{t: t, url: url, owner: testkit.OpenPostgres(t, url, asOwner), logs: l}
}

// asOwner names the owner's connections, so that they are not cut off with the
// feed's.
func asOwner(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `set application_name = 'owner'`)
	return err
}

// feed makes a feed as a process has one, with a pool of its own. It polls so
// seldom that only announcements wake it.
func (w *world) feed() *feed.Feed {
	w.t.Helper()
	return &feed.Feed{
		Pool:   testkit.OpenPostgres(w.t, w.url, eventlog.ReaderSession),
		Logger: slog.New(slog.NewTextHandler(w.logs, nil)),
		Poll:   time.Hour,
	}
}

// run starts f and gives what stops it and tells what Run returned. It is
// stopped at the end of the test at the latest.
func (w *world) run(f *feed.Feed, consumers ...feed.Consumer) (stop func() error) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	returned := make(chan error, 1)
	go func() { returned <- f.Run(ctx, consumers...) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-returned
	})
	w.t.Cleanup(func() { _ = stop() })
	return stop
}

// append adds events to the log in the appender's manner and announces them.
func (w *world) append(payloads ...events.Payload) events.Position {
	w.t.Helper()
	last := w.appendSilently(payloads...)
	w.announce(last)
	return last
}

func (w *world) announce(head events.Position) {
	w.t.Helper()
	w.exec(`select pg_notify($1, $2)`, eventlog.Channel, strconv.FormatInt(int64(head), 10))
}

// appendSilently adds events whose announcement is lost.
func (w *world) appendSilently(payloads ...events.Payload) (last events.Position) {
	w.t.Helper()
	ctx := context.Background()
	err := pgx.BeginFunc(ctx, w.owner, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select from log_head for update`); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, `select coalesce(max(position), 0) from event_log`).Scan(&last); err != nil {
			return err
		}
		var rows [][]any
		for _, p := range payloads {
			last++
			name, schema, data, err := events.Encode(p)
			if err != nil {
				return err
			}
			rows = append(rows, []any{
				int64(last), "platform", "user", strconv.FormatInt(int64(last), 10), int64(1), uuid.New(),
				name, int32(schema), data, meta, time.Now(),
			})
		}
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"event_log"}, columns, pgx.CopyFromRows(rows))
		return err
	})
	if err != nil {
		w.t.Errorf("append: %v", err)
	}
	return last
}

var columns = []string{
	"position", "tenant_id", "stream_type", "stream_id", "version", "event_id",
	"type", "schema", "data", "meta", "recorded_at",
}

var meta = func() []byte {
	b, err := json.Marshal(events.Meta{
		Actor: events.UserID(uuid.NewString()), Principal: events.ByAPIKey,
		CorrelationID: uuid.NewString(), RequestID: uuid.NewString(), IP: "127.0.0.1", UserAgent: "curl/8.5.0",
		Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		AllowedBy:   &events.AllowedBy{Permission: "users.create", Role: "super_admin"},
	})
	if err != nil {
		panic(err)
	}
	return b
}()

// some are n events of which every third is of another type.
func some(n int) []events.Payload {
	all := make([]events.Payload, n)
	for i := range all {
		all[i] = events.UserCreated{User: events.UserID(uuid.NewString()), Email: "ada@example.com", Role: events.Viewer}
		if i%3 == 2 {
			all[i] = events.UserRenamed{User: events.UserID(uuid.NewString()), Name: "Ada"}
		}
	}
	return all
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.owner.Exec(context.Background(), sql, args...); err != nil {
		w.t.Errorf("%s: %v", sql, err)
	}
}

// number asks the database for a number.
func (w *world) number(sql string, args ...any) (n int) {
	w.t.Helper()
	if err := w.owner.QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		w.t.Errorf("%s: %v", sql, err)
	}
	return n
}

func (w *world) offset(consumer string) events.Position {
	w.t.Helper()
	return events.Position(w.number(`select coalesce(max(position), -1) from feed_offsets where consumer = $1`, consumer))
}

// at is the place of an event in the log.
func (w *world) at(p events.Position) events.Mark {
	w.t.Helper()
	m, err := eventlog.MarkAt(context.Background(), w.owner, p)
	if err != nil {
		w.t.Errorf("the mark at %d: %v", p, err)
	}
	return m
}

func (w *world) status(f *feed.Feed, consumer string) feed.ConsumerStatus {
	w.t.Helper()
	all, err := f.Status(context.Background())
	if err != nil {
		w.t.Errorf("status: %v", err)
	}
	i := slices.IndexFunc(all, func(s feed.ConsumerStatus) bool { return s.Name == consumer })
	if i < 0 {
		return feed.ConsumerStatus{}
	}
	return all[i]
}

// readModel is what a projection writes: a fold that skips what it has, and a
// checkpoint. It outlives the feeds, as a store does.
type readModel struct {
	t          testing.TB
	mu         sync.Mutex
	checkpoint events.Mark
	seen       []events.Position
	batches    int
	folding    bool
	restored   bool // the checkpoint went back while the feed runs
}

func (m *readModel) resume(context.Context) (events.Mark, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.checkpoint, nil
}

// fold applies what is new. It fails the test when the batch leaves a gap, or
// comes while another is folded.
func (m *readModel) fold(_ context.Context, b events.Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.folding {
		m.t.Error("two turns of one consumer at the same time")
	}
	switch gap := b.From.Position > m.checkpoint.Position; {
	case gap && m.restored:
		// The turn had asked for the checkpoint before the restore. A read
		// model refuses such a batch, and the next turn asks again.
		return errors.New("the batch begins above the checkpoint")
	case gap:
		m.t.Errorf("a gap: the batch begins after %d, the checkpoint is at %d", b.From.Position, m.checkpoint.Position)
	}
	for _, e := range b.Events {
		if e.Position > m.checkpoint.Position {
			m.seen = append(m.seen, e.Position)
		}
	}
	if b.Through.Position > m.checkpoint.Position {
		m.checkpoint = b.Through
	}
	m.batches++
	return nil
}

func (m *readModel) position() events.Position {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.checkpoint.Position
}

func (m *readModel) consumer(name string) feed.Consumer {
	return feed.Consumer{Name: name, Start: feed.FromBeginning, Resume: m.resume, Fold: m.fold}
}

// reaches waits until the read model shows the log up to p.
func (m *readModel) reaches(p events.Position) {
	m.t.Helper()
	testkit.Eventually(m.t, "the read model has reached "+strconv.FormatInt(int64(p), 10), func() bool { return m.position() >= p })
}

// isComplete checks that each event was seen once, in order.
func (m *readModel) isComplete(last events.Position) {
	m.t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, p := range m.seen {
		if p != events.Position(i+1) {
			m.t.Fatalf("event %d came in place %d", p, i+1)
		}
	}
	if got := events.Position(len(m.seen)); got != last {
		m.t.Errorf("saw %d events, want %d", got, last)
	}
}

// logs is where feeds log to.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// count tells how often something was logged.
func (l *logs) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Count(l.text.Bytes(), []byte(what))
}
