package httpapi

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenure/internal/authz"
	"tenure/internal/commands"
	"tenure/internal/docstore"
	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/feed"
	"tenure/internal/identity"
	"tenure/internal/projections"
	"tenure/internal/testkit"
)

// stack is the whole system on stores of the test's own: log, feed, read
// models, identity and the API before them.
type stack struct {
	*httptest.Server
	t        *testing.T
	commands *commands.Handler
	log      eventlog.Querier
	audit    *eventlog.Auditor
	secrets  identity.Secrets
	wait     func(context.Context, events.LogID, events.Position, []events.Recorded) bool
	identity *identity.Identity
	progress *projections.Progress
	mongo    *docstore.Mongo
	redis    *docstore.Redis
	live     projections.Live
	// root is a super_admin's key, and rootID his user.
	root   string
	rootID events.UserID
}

// startStack starts everything; change may be nil, and has the last word on
// the server's settings.
func startStack(t *testing.T, change func(*Server)) *stack {
	t.Helper()
	k := &stack{t: t}
	url := testkit.PostgresURL(t)
	reader, err := openPool(t, url, func(c *pgxpool.Config) { c.AfterConnect = eventlog.ReaderSession })
	if err != nil {
		t.Fatal(err)
	}
	writer, err := openPool(t, url, eventlog.Configure)
	if err != nil {
		t.Fatal(err)
	}
	k.log = reader
	k.audit = &eventlog.Auditor{Pool: testkit.OpenPostgres(t, url, eventlog.AuditorSession)}
	if k.secrets, err = identity.ParseSecrets(base64.StdEncoding.EncodeToString(make([]byte, 32))); err != nil {
		t.Fatal(err)
	}
	mongo, redis := openStores(t)
	k.mongo, k.redis, k.identity = mongo, redis, &identity.Identity{Secrets: k.secrets, Now: time.Now}
	generations := projections.NewGenerations(mongo, redis)
	k.live = generations.Live
	authentication := &projections.Authentication{Redis: redis, Live: k.live}
	k.identity.Lookup.ByKey, k.identity.Lookup.ByUser = authentication.ByKey, authentication.ByUser

	appender := eventlog.NewAppender(writer, discard(), eventlog.Config{})
	t.Cleanup(func() {
		if err := appender.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	k.commands = &commands.Handler{
		Appender: appender, Reader: writer, Digest: k.secrets.Digests, Reload: k.identity.Reload,
		Now: time.Now, NewID: func() uuid.UUID { return uuid.Must(uuid.NewV7()) },
	}
	progress := projections.NewProgress(generations)
	k.wait, k.progress = progress.Wait, progress
	k.project(mongo, redis, progress, &feed.Feed{Pool: reader, Logger: discard()})
	k.makeRoot()
	k.Server = k.serve(&Server{
		Identity: k.identity.Principal, Commands: k.commands, Log: reader, Audit: k.audit, Visible: progress.Wait, Projections: progress.Status,
		Users: &projections.UserQueries{Mongo: mongo, Live: k.live}, Memberships: &projections.MembershipQueries{Mongo: mongo, Live: k.live}, Suppliers: &projections.SupplierQueries{Mongo: mongo, Live: k.live}, Keys: &projections.APIKeyQueries{Mongo: mongo, Live: k.live},
	}, change)
	testkit.Eventually(t, "the read models of an empty Redis are complete", func() bool {
		return request{path: "/api/v1/me", as: k.root}.send(t, k.Server).status == http.StatusOK
	})
	return k
}

// openPool opens a pool with room for every consumer.
func openPool(t *testing.T, url string, configure func(*pgxpool.Config)) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	configure(config)
	config.MaxConns = 8
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err == nil {
		t.Cleanup(pool.Close)
	}
	return pool, err
}

// openStores opens the stores of the read models.
func openStores(t *testing.T) (*docstore.Mongo, *docstore.Redis) {
	t.Helper()
	mongo, err := docstore.OpenMongo(t.Context(), testkit.MongoURL(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mongo.Close(context.Background()) })
	url, prefix := testkit.RedisURL(t)
	redis, err := docstore.OpenRedis(t.Context(), url, docstore.RedisOptions{Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = redis.Close() })
	return mongo, redis
}

// project keeps the read models up to date until the test ends.
func (k *stack) project(mongo *docstore.Mongo, redis *docstore.Redis, progress *projections.Progress, f *feed.Feed) {
	k.t.Helper()
	projector := projections.NewProjector(mongo, redis, func(ctx context.Context) (events.Mark, error) { return eventlog.Head(ctx, k.log) })
	if err := projector.Prepare(k.t.Context()); err != nil {
		k.t.Fatal(err)
	}
	var consumers []feed.Consumer
	for _, c := range projector.Consumers() {
		consumers = append(consumers, feed.Consumer{Name: c.Name, Types: c.Types, Start: feed.FromBeginning, Resume: c.Resume, Fold: c.Fold})
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { projector.Run(ctx) })
	running.Go(func() { progress.Run(ctx) })
	running.Go(func() {
		if err := f.Run(ctx, consumers...); err != nil {
			k.t.Error(err)
		}
	})
	k.t.Cleanup(func() {
		stop()
		running.Wait()
	})
}

// serve puts the API before the rest.
func (k *stack) serve(s *Server, change func(*Server)) *httptest.Server {
	k.t.Helper()
	plain := testServer(io.Discard)
	s.Logger, s.Traces, s.Meters, s.Propagator = plain.Logger, plain.Traces, plain.Meters, plain.Propagator
	s.NewKey, s.Now, s.NewID = k.secrets.NewKey, time.Now, func() uuid.UUID { return uuid.Must(uuid.NewV7()) }
	s.Shown, s.Reached = k.progress.Shown, k.progress.WaitFor
	s.Limit = func(context.Context, identity.Act, string) error { return nil } // what is counted is tried in its own test
	s.Wait = 10 * time.Second                                                  // so that a slow machine is no slow projector
	if change != nil {
		change(s)
	}
	h, err := s.Handler()
	if err != nil {
		k.t.Fatal(err)
	}
	server := httptest.NewServer(h)
	k.t.Cleanup(server.Close)
	return server
}

// makeRoot makes a super_admin with a key, as an operator does.
func (k *stack) makeRoot() {
	k.t.Helper()
	k.rootID = events.UserID(k.newID())
	k.root = k.issue(k.must(k.commands.CreateUser(k.t.Context(), authz.System("test"), commands.CreateUser{
		ID: k.rootID, Email: "root@example.com", Name: "Root", Role: events.SuperAdmin, Active: true,
	})), k.rootID)
}

// issue gives a user a key.
func (k *stack) issue(_ commands.Receipt, owner events.UserID) string {
	k.t.Helper()
	key := k.secrets.NewKey()
	r := k.must(k.commands.IssueAPIKey(k.t.Context(), authz.System("test"), commands.IssueAPIKey{
		ID: events.KeyID(k.newID()), Owner: owner, Name: "test", Secret: secretOf(key),
	}))
	// On a machine that is busy elsewhere a wait may be given up early.
	testkit.Eventually(k.t, "the key is visible", func() bool { return k.wait(k.t.Context(), r.Log, r.Position, nil) })
	return key.Plain
}

func (k *stack) must(r commands.Receipt, err error) commands.Receipt {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
	return r
}

func (k *stack) newID() string { return uuid.Must(uuid.NewV7()).String() }

// as sends a request with a key, and fails unless it is answered so.
func (k *stack) as(key, method, path, body string, status int, header ...string) response {
	k.t.Helper()
	q := request{method: method, path: "/api/v1" + path, body: body, as: key, header: map[string]string{}}
	for i := 0; i+1 < len(header); i += 2 {
		q.header[header[i]] = header[i+1]
	}
	got := q.send(k.t, k.Server)
	if got.status != status {
		k.t.Fatalf("%s %s %s: got %d %s, want %d", method, path, body, got.status, got.text, status)
	}
	if status >= 400 && method != http.MethodHead {
		mustProblem(k.t, got, status)
	}
	return got
}

// user makes a user over HTTP, with a key that is not.
func (k *stack) user(email, role string) (id, key string) {
	k.t.Helper()
	got := k.as(k.root, "POST", "/users", `{"email":"`+email+`","role":"`+role+`"}`, 201)
	id, _ = got.json["id"].(string)
	return id, k.issue(commands.Receipt{}, events.UserID(id))
}

// supplier makes a supplier over HTTP.
func (k *stack) supplier(name string) string {
	k.t.Helper()
	id, _ := k.as(k.root, "POST", "/suppliers", `{"name":"`+name+`"}`, 201).json["id"].(string)
	return id
}

// wants checks members of an answer. A dot leads into objects.
func (r response) wants(t *testing.T, want map[string]any) {
	t.Helper()
	for path, value := range want {
		var got any = r.json
		for name := range strings.SplitSeq(path, ".") {
			object, _ := got.(map[string]any)
			got = object[name]
		}
		if got != value {
			t.Errorf("%s is %v, want %v in %s", path, got, value, r.text)
		}
	}
}
