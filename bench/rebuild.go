package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"tenure/internal/docstore"
	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/feed"
	"tenure/internal/projections"
)

func rebuild(o options) row {
	return row{
		key: "rebuild", name: fmt.Sprintf("rebuild of users, %d events over %d users", o.rebuilt, max(1, o.rebuilt/eventsEach)),
		against: "reading them with the driver, then insertMany of the finished documents, then the same indexes, one after the other",
		unit:    "events/s", goal: always(0.8),
		open: func(ctx context.Context, s *stage) (pair, error) {
			m, err := s.mill(ctx)
			if err != nil {
				return pair{}, err
			}
			if err := m.build(ctx); err != nil { // the peer's documents are the finished ones
				return pair{}, err
			}
			live, err := m.finished(ctx)
			if err != nil {
				return pair{}, err
			}
			if err := m.rebuilder.Cancel(ctx, projections.Users.Name); err != nil {
				return pair{}, err
			}
			runtime.GC()
			m.before, _ = heap()
			m.peakAlive, m.peak = 0, 0
			return pair{ours: m.ours, peer: m.inserting(live), found: m.found}, nil
		},
	}
}

// eventsEach is how many events each user has.
const eventsEach = 10

// mill is a log that is rebuilt from, and the stores it is rebuilt in.
type mill struct {
	events    int
	address   string
	one       *pgxpool.Pool // the peer's connection
	db        *mongo.Database
	mongo     *docstore.Mongo
	rebuilder *projections.Rebuilder
	// The heap, in bytes: before the first round, with the peer's documents in
	// it, and the most there was while it was built.
	before, peakAlive, peak uint64
}

// mill loads the log, once for all rounds.
func (s *stage) mill(ctx context.Context) (m *mill, err error) {
	m = &mill{events: s.rebuilt}
	if m.address, err = s.empty(ctx); err != nil {
		return nil, err
	}
	say("rebuild: loading %d events", m.events)
	if err := m.load(ctx); err != nil {
		return nil, fmt.Errorf("load the log: %w", err)
	}
	readers, err := s.pool(ctx, m.address, 8, func(c *pgxpool.Config) { c.AfterConnect = eventlog.ReaderSession })
	if err != nil {
		return nil, err
	}
	if m.one, err = s.pool(ctx, m.address, 1, nil); err != nil {
		return nil, err
	}
	documents, err := s.documents(ctx)
	if err != nil {
		return nil, err
	}
	db, closeDB, err := openDocuments(documents)
	if err != nil {
		return nil, err
	}
	m.db = db
	s.onClose(closeDB)
	if m.mongo, err = docstore.OpenMongo(ctx, documents, nil); err != nil {
		return nil, err
	}
	s.onClose(m.mongo.Close)
	server, prefix, err := s.keys()
	if err != nil {
		return nil, err
	}
	redis, err := docstore.OpenRedis(ctx, server, docstore.RedisOptions{Prefix: prefix})
	if err != nil {
		return nil, err
	}
	s.onClose(func(context.Context) error { return redis.Close() })
	m.rebuilder = &projections.Rebuilder{Log: wholeLog(readers), Mongo: m.mongo, Redis: redis}
	return m, nil
}

// load fills the log as it would have become: every user is created, and then
// renamed again and again, one after the other.
func (m *mill) load(ctx context.Context) (err error) {
	users, err := newCallers(max(1, m.events/eventsEach))
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, m.address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	now := time.Now()
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"event_log"}, eventColumns, pgx.CopyFromSlice(m.events, func(i int) ([]any, error) {
		user := users[i%len(users)]
		if i < len(users) {
			return user.eventRow(int64(i)+1, now), nil
		}
		return user.renamed(int64(i)+1, now)
	})); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, `vacuum analyze`)
	return err
}

// renamed is the caller's next event, another name.
func (c *caller) renamed(position int64, at time.Time) ([]any, error) {
	name, schema, data, err := events.Encode(events.UserRenamed{User: c.payload.User, Name: fmt.Sprint("Grace Hopper the ", c.version)})
	other := *c
	other.name, other.schema, other.data = name, schema, data
	row := other.eventRow(position, at)
	c.version = other.version
	return row, err
}

// wholeLog is the log as a rebuild needs it.
func wholeLog(pool *pgxpool.Pool) projections.Log {
	f := &feed.Feed{Pool: pool, Logger: slog.Default()}
	return projections.Log{
		Head: func(ctx context.Context) (events.Mark, error) { return eventlog.Head(ctx, pool) },
		At: func(ctx context.Context, p events.Position) (events.Mark, error) {
			return eventlog.MarkAt(ctx, pool, p)
		},
		Read: func(ctx context.Context, from events.Mark, types []string, most int) (events.Batch, error) {
			return eventlog.ReadBatch(ctx, pool, from, eventlog.Filter{Types: types, Raw: true, Limit: most})
		},
		Begin: f.Begin, Hold: f.Hold, Alone: f.Alone,
	}
}

// ours rebuilds once, however long that takes, and drops what was built.
func (m *mill) ours(ctx context.Context, _ time.Duration) (float64, error) {
	began := time.Now()
	if err := m.build(ctx); err != nil {
		return 0, err
	}
	took := time.Since(began)
	return float64(m.events) / took.Seconds(), m.rebuilder.Cancel(ctx, projections.Users.Name)
}

// build rebuilds, and notes how high the heap came.
func (m *mill) build(ctx context.Context) error {
	watching, end := context.WithCancel(ctx)
	var all sync.WaitGroup
	all.Go(func() {
		for until(watching, time.Now().Add(20*time.Millisecond)) {
			alive, all := heap()
			m.peakAlive, m.peak = max(m.peakAlive, alive), max(m.peak, all)
		}
	})
	err := m.rebuilder.Build(ctx, projections.Users.Name)
	end()
	all.Wait()
	return err
}

// heap is how much memory objects hold: those that were alive when garbage was
// last collected, and all of them, dead ones among them.
func heap() (alive, all uint64) {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64()
}

// found tells how high the heap came in all rebuilds.
func (m *mill) found() string {
	return fmt.Sprintf("the heap came to %d MiB, and to %d with garbage; before it was %d", m.peakAlive>>20, m.peak>>20, m.before>>20)
}

// finished are the documents that were built, as they are stored.
func (m *mill) finished(ctx context.Context) (docs []any, err error) {
	names, err := m.db.ListCollectionNames(ctx, bson.D{})
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if !strings.HasPrefix(name, projections.Users.Name+"-v") {
			continue
		}
		found, err := m.db.Collection(name).Find(ctx, bson.D{})
		if err != nil {
			return nil, err
		}
		var raw []bson.Raw
		if err := found.All(ctx, &raw); err != nil {
			return nil, err
		}
		for _, d := range raw {
			docs = append(docs, d)
		}
	}
	if len(docs) != max(1, m.events/eventsEach) {
		return nil, fmt.Errorf("%d documents were built of %d users", len(docs), m.events/eventsEach)
	}
	return docs, nil
}

// inserting reads the log and then inserts what it knows beforehand.
func (m *mill) inserting(docs []any) side {
	return func(ctx context.Context, _ time.Duration) (float64, error) {
		model := docstore.Model{Projection: "peer-" + uuid.NewString(), Version: 1, Generation: 1}
		began := time.Now()
		n, _, err := byDriver(m.one)(ctx)
		if err == nil && n != m.events {
			err = fmt.Errorf("read %d events of %d", n, m.events)
		}
		if err != nil {
			return 0, err
		}
		if _, err := m.db.Collection(model.String()).InsertMany(ctx, docs); err != nil {
			return 0, err
		}
		if err := docstore.In[projections.User](m.mongo, model).Prepare(ctx, projections.Users.Indexes); err != nil {
			return 0, err
		}
		took := time.Since(began)
		return float64(m.events) / took.Seconds(), m.db.Collection(model.String()).Drop(ctx)
	}
}
