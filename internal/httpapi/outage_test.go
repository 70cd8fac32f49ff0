package httpapi

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tenure/internal/docstore"
	"tenure/internal/eventlog"
	"tenure/internal/projections"
	"tenure/internal/testkit"
)

// goneMongo is a store that went away.
func goneMongo(t *testing.T) *docstore.Mongo {
	t.Helper()
	mongo, err := docstore.OpenMongo(t.Context(), testkit.MongoURL(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := mongo.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return mongo
}

// goneLog is a database that nobody answers for.
func goneLog(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool, err := openPool(t, "postgres://nobody@127.0.0.1:1/none?connect_timeout=1", eventlog.Configure)
	if err != nil {
		t.Fatal(err)
	}
	return pool
}

// TestReadModelsAway: what needs them says so, and never that nothing is there.
func TestReadModelsAway(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	shop := k.supplier("Shop")
	mongo := goneMongo(t)
	k.Server = k.serve(&Server{
		Identity: k.identity.Principal, Commands: k.commands, Log: k.log, Audit: k.audit, Visible: k.wait, Projections: k.progress.Status,
		Users: &projections.UserQueries{Mongo: mongo, Live: k.live}, Memberships: &projections.MembershipQueries{Mongo: mongo, Live: k.live}, Suppliers: &projections.SupplierQueries{Mongo: mongo, Live: k.live}, Keys: &projections.APIKeyQueries{Mongo: mongo, Live: k.live},
	}, nil)
	for _, path := range []string{
		"/me", "/users/me", "/users", "/users/" + string(k.rootID), "/users/" + k.newID(), "/suppliers", "/suppliers/me", "/suppliers/" + shop,
		"/api-keys", "/api-keys/" + k.newID(),
	} {
		if got := k.as(k.root, "GET", path, "", 503); got.header.Get("Retry-After") == "" {
			t.Errorf("%s does not say when to come back", path)
		}
	}
	k.as(k.root, "GET", "/tenants/me", "", 503, "X-Tenant-ID", shop)
	k.as(k.root, "GET", "/tenants/me", "", 200)
	k.as(k.root, "GET", "/audit/events", "", 200)

	// A command that is durable is answered all the same.
	made := k.as(k.root, "POST", "/users", `{"email":"ada@example.com"}`, 201)
	made.wants(t, map[string]any{"email": "ada@example.com", "created_by": "root@example.com", "version": 1.0})
	shopped := k.as(k.root, "POST", "/suppliers", `{"name":"Other"}`, 201)
	shopped.wants(t, map[string]any{"slug": "other"})
	for _, got := range []response{made, shopped} {
		if got.header.Get("Visible") != "false" {
			t.Errorf("it does not say that it is not visible: %s", got.text)
		}
	}
}

// TestLogAway: commands and auditors wait for it, reading does not.
func TestLogAway(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	gone := *k.commands
	gone.Reader = goneLog(t)
	gone.Appender = eventlog.NewAppender(goneLog(t), discard(), eventlog.Config{GiveUp: 50 * time.Millisecond})
	t.Cleanup(func() { _ = gone.Appender.Close(context.Background()) })
	k.Server = k.serve(&Server{
		Identity: k.identity.Principal, Commands: &gone, Log: goneLog(t), Audit: &eventlog.Auditor{Pool: goneLog(t)}, Visible: k.wait, Projections: k.progress.Status,
		Users: &projections.UserQueries{Mongo: k.mongo, Live: k.live}, Memberships: &projections.MembershipQueries{Mongo: k.mongo, Live: k.live}, Suppliers: &projections.SupplierQueries{Mongo: k.mongo, Live: k.live}, Keys: &projections.APIKeyQueries{Mongo: k.mongo, Live: k.live},
	}, nil)
	k.as(k.root, "GET", "/me", "", 200)
	k.as(k.root, "GET", "/users", "", 200)
	for path, body := range map[string]string{
		"POST /users": `{"email":"ada@example.com"}`, "POST /suppliers": `{"name":"x"}`, "POST /me/api-key": "", "PATCH /users/" + k.newID(): `{}`,
		"DELETE /users/" + k.newID(): "", "GET /audit/events": "", "GET /audit/events/1": "",
	} {
		method, where, _ := strings.Cut(path, " ")
		if got := k.as(k.root, method, where, body, 503); got.header.Get("Retry-After") == "" {
			t.Errorf("%s does not say when to come back", path)
		}
	}
	got := k.as(k.root, "GET", "/operations/projections", "", 200)
	for _, item := range got.json["items"].([]any) {
		if item.(map[string]any)["last_error"] == nil {
			t.Errorf("a lag that nobody knows is told: %s", got.text)
		}
	}
}

// TestIdentityAway: it is no wrong key.
func TestIdentityAway(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	_, redis := openStores(t) // empty: no partition of it is complete
	away := *k.identity
	authentication := &projections.Authentication{Redis: redis, Live: k.live}
	away.Lookup.ByKey, away.Lookup.ByUser = authentication.ByKey, authentication.ByUser
	k.Server = k.serve(&Server{
		Identity: away.Principal, Commands: k.commands, Log: k.log, Audit: k.audit, Visible: k.wait, Projections: k.progress.Status,
		Users: &projections.UserQueries{Mongo: k.mongo, Live: k.live}, Memberships: &projections.MembershipQueries{Mongo: k.mongo, Live: k.live}, Suppliers: &projections.SupplierQueries{Mongo: k.mongo, Live: k.live}, Keys: &projections.APIKeyQueries{Mongo: k.mongo, Live: k.live},
	}, nil)
	if got := k.as(k.root, "GET", "/me", "", 503); got.header.Get("Retry-After") == "" {
		t.Error("it does not say when to come back")
	}
	k.as("tnr_x", "GET", "/me", "", 401)
	k.as("", "GET", "/me", "", 401)
}

// TestUnknownOutcome is an outage, not a failure.
func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		eventlog.ErrUnknownOutcome, eventlog.ErrUnavailable, docstore.ErrUnavailable, context.DeadlineExceeded,
	} {
		p := newProblem(faultOf(err), "r")
		if p.Status != http.StatusServiceUnavailable || p.headers.Get("Retry-After") == "" {
			t.Errorf("%v: got %d", err, p.Status)
		}
	}
}
