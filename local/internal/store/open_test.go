package store

import (
	"os"
	"syscall"
	"testing"
)

// TestDataAndPortsOutliveARestart: also one in which every store was killed.
func TestDataAndPortsOutliveARestart(t *testing.T) {
	t.Parallel()
	s := setup(t)
	first := open(t, s)
	if _, err := query(t, first.Postgres.URL, "create table kept (x int)"); err != nil {
		t.Fatal(err)
	}
	if got, err := redis(t, first.Redis.URL, "SET kept 1"); err != nil || got != "+OK" {
		t.Fatal(got, err)
	}
	first.Stop()
	for _, store := range first.All() {
		if alive(store.Pid()) {
			t.Errorf("%s is there after it was stopped", store.Name)
		}
	}
	second := open(t, s)
	for i, store := range second.All() {
		if got, want := store.URL, first.All()[i].URL; got != want {
			t.Errorf("got %s, want %s as before", got, want)
		}
		store.kept.Kill() // which is no good end for any of them
	}
	third := open(t, s)
	if _, err := query(t, third.Postgres.URL, "select x from kept"); err != nil {
		t.Errorf("Postgres forgot: %v", err)
	}
	if got, err := redis(t, third.Redis.URL, "GET kept"); err != nil || got != "1" {
		t.Errorf("Redis forgot: got %q, %v", got, err)
	}
	if !mongoReady(t.Context(), 0, portOf(t, third.Mongo.URL)) {
		t.Error("MongoDB does not answer")
	}
}

func TestStoreThatDiesIsStartedAgainOnItsPort(t *testing.T) {
	t.Parallel()
	s := setup(t)
	changed := make(chan struct{}, 10)
	s.Changed = func() { changed <- struct{}{} }
	stores := open(t, s)
	for _, store := range stores.All() {
		old := store.Pid()
		if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-changed
		if store.Pid() == old {
			t.Errorf("%s has the pid of the one that was killed", store.Name)
		}
	}
	eventually(t, "Postgres answers again", func() bool {
		_, err := query(t, stores.Postgres.URL, "select 1")
		return err == nil
	})
	eventually(t, "MongoDB answers again", func() bool {
		return mongoReady(t.Context(), 0, portOf(t, stores.Mongo.URL))
	})
	eventually(t, "Redis answers again", func() bool {
		got, err := redis(t, stores.Redis.URL, "PING")
		return err == nil && got == "+PONG"
	})
}

// TestStoresAreWhatTheProductAsksFor: it refuses others.
func TestStoresAreWhatTheProductAsksFor(t *testing.T) {
	t.Parallel()
	for name, scratch := range map[string]bool{"run": false, "test": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setup(t)
			s.Scratch = scratch
			stores := open(t, s)
			for setting, want := range map[string]string{
				"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
				"listen_addresses": "127.0.0.1", "server_encoding": "UTF8", "timezone": "UTC",
			} {
				if got, err := query(t, stores.Postgres.URL, "show "+setting); err != nil || got != want {
					t.Errorf("%s: got %q, %v, want %q", setting, got, err, want)
				}
			}
			if got, err := redis(t, stores.Redis.URL, "CONFIG GET maxmemory-policy"); err != nil || got != "noeviction" {
				t.Errorf("maxmemory-policy: got %q, %v", got, err)
			}
		})
	}
}

func TestRootDoesNotRunPostgres(t *testing.T) {
	t.Parallel()
	stores := open(t, setup(t))
	uid, ok := owner(procDir(stores.Postgres.Pid()))
	switch {
	case !ok:
		t.Log("this system has no /proc")
	case uid == 0:
		t.Error("Postgres runs as root")
	case os.Geteuid() != 0 && int(uid) != os.Geteuid():
		t.Errorf("got uid %d, want our own", uid)
	}
}

// TestNamedStoresAreTaken starts nothing: there is nothing to start it with.
func TestNamedStoresAreTaken(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.Machine = Machine{}
	given := URLs{Postgres: "postgres://a/b", Mongo: "mongodb://c/d", Redis: "redis://e/0"}
	stores, err := Open(t.Context(), s, given)
	if err != nil {
		t.Fatal(err)
	}
	stores.Stop()
	got := URLs{stores.Postgres.URL, stores.Mongo.URL, stores.Redis.URL}
	if got != given || stores.Postgres.Pid() != 0 {
		t.Errorf("got %+v with pid %d, want %+v with none", got, stores.Postgres.Pid(), given)
	}
}

// TestNoneIsLeftWhereOneCannotBeHad: and the error says what to do.
func TestNoneIsLeftWhereOneCannotBeHad(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.Machine.Python, s.Machine.Path = "", ""
	stores, err := Open(t.Context(), s, URLs{Redis: "redis://e/0"})
	if err == nil {
		stores.Stop()
		t.Fatal("MongoDB was found where there is none")
	}
	mustSay(t, err.Error(), "no MongoDB", "there is no mongod on the PATH", "docker compose up -d postgres mongo redis", "TENURE_MONGO_URL")
	if _, err := os.ReadFile(s.Data + "/postgres/data/postmaster.pid"); err == nil {
		t.Error("Postgres was left running")
	}
}
