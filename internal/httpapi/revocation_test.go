package httpapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"tenure/internal/events"
	"tenure/internal/identity"
	"tenure/internal/projections"
	"tenure/internal/testkit"
)

// keeping starts an API process beside the stack's own, which keeps what it
// knows of its callers.
func (k *stack) keeping() (*httptest.Server, *projections.AuthorityCache) {
	k.t.Helper()
	revocations := projections.NewRevocations(k.redis, projections.RevocationOptions{
		Bound: projections.MaxRevocationBound, Process: uuid.New(), Now: time.Now,
	})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { revocations.Run(ctx) })
	k.t.Cleanup(func() {
		stop()
		running.Wait()
	})
	known := &projections.Authentication{Redis: k.redis, Live: k.live, Cache: revocations.Cache()}
	who := &identity.Identity{
		Secrets: k.secrets, Now: time.Now, Lookup: identity.Lookup{ByKey: known.ByKey, ByUser: known.ByUser},
	}
	return k.serve(&Server{
		Identity: who.Principal, Commands: k.commands, Log: k.log, Audit: k.audit, Projections: k.progress.Status,
		Visible: func(ctx context.Context, log events.LogID, p events.Position, shown []events.Recorded) bool {
			return k.wait(ctx, log, p, shown) && revocations.Wait(ctx, log, p, projections.TypesOf(shown))
		},
		Users: &projections.UserQueries{Mongo: k.mongo, Live: k.live}, Memberships: &projections.MembershipQueries{Mongo: k.mongo, Live: k.live}, Suppliers: &projections.SupplierQueries{Mongo: k.mongo, Live: k.live}, Keys: &projections.APIKeyQueries{Mongo: k.mongo, Live: k.live},
	}, nil), revocations.Cache()
}

// TestNoProcessHonoursTheFormerAuthority: the next request of who lost it is
// refused, whichever process it comes to.
func TestNoProcessHonoursTheFormerAuthority(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	one, kept := k.keeping()
	two, keptToo := k.keeping()
	id, ada := k.user("ada@example.com", "super_admin")
	shop := k.supplier("Shop")
	asked := func(server *httptest.Server, key, path string) int {
		q := request{path: "/api/v1" + path, as: key}
		if path == "/users" {
			q.header = map[string]string{"X-Tenant-ID": shop}
		}
		return q.send(t, server).status
	}
	warm := func(key, path string) {
		t.Helper()
		for server, cache := range map[*httptest.Server]*projections.AuthorityCache{one: kept, two: keptToo} {
			testkit.Eventually(t, "it keeps who calls", func() bool {
				hits, misses := cache.Counts()
				status := asked(server, key, path)
				nowHits, nowMisses := cache.Counts()
				return status == http.StatusOK && nowHits > hits && nowMisses == misses
			})
		}
	}
	over := func(what, key, path string, want int, got response) {
		t.Helper()
		if got.header.Get("Visible") != "" {
			t.Errorf("%s: it is not visible, with all parties well", what)
		}
		for i, server := range []*httptest.Server{one, two} {
			if status := asked(server, key, path); status != want {
				t.Errorf("%s: process %d answers %d, want %d", what, i+1, status, want)
			}
		}
	}
	k.Server = one

	made := k.as(ada, "POST", "/api-keys", `{"name":"x"}`, 201)
	plain := made.json["api_key"].(string)
	warm(plain, "/me")
	over("a revoked key", plain, "/me", http.StatusUnauthorized, k.as(ada, "DELETE", "/api-keys/"+made.json["id"].(string), "", 204))
	warm(ada, "/suppliers")
	over("a demoted user", ada, "/suppliers", http.StatusForbidden, k.as(k.root, "PATCH", "/users/"+id, `{"role":"viewer"}`, 200))
	over("a promoted user", ada, "/suppliers", http.StatusOK, k.as(k.root, "PATCH", "/users/"+id, `{"role":"super_admin"}`, 200))
	warm(ada, "/me")
	over("a disabled user", ada, "/me", http.StatusUnauthorized, k.as(k.root, "POST", "/users/"+id+"/disable", "", 200))
	over("an enabled user", ada, "/me", http.StatusOK, k.as(k.root, "POST", "/users/"+id+"/enable", "", 200))

	bobID, bob := k.user("bob@example.com", "viewer")
	entry := "/users/" + bobID + "/memberships/supplier/" + shop
	join := func() response { return k.as(k.root, "PUT", entry, `{"role":"supplier_admin"}`, 200) }
	over("a new member", bob, "/users", http.StatusOK, join())
	warm(bob, "/users")
	over("one who is no member any more", bob, "/users", http.StatusForbidden, k.as(k.root, "DELETE", entry, "", 204))
	over("a member again", bob, "/users", http.StatusOK, join())
	warm(bob, "/users")
	over("a member of what is closed", bob, "/users", http.StatusForbidden, k.as(k.root, "PATCH", "/suppliers/"+shop, `{"is_active":false}`, 200))
}
