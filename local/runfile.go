package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"tenure/local/internal/store"
)

// runFile is run.json, by which scripts learn what the console says. It is
// there exactly while everything is ready, and whoever reads it sees the whole
// of one state.
type runFile struct {
	path string
	mu   sync.Mutex
	now  func() running // nil while there is no file
}

// running is what it says.
type running struct {
	URL         string `json:"url"`
	MetricsURL  string `json:"metrics_url"`
	APIKey      string `json:"api_key"`
	PostgresURL string `json:"postgres_url"`
	MongoURL    string `json:"mongo_url"`
	RedisURL    string `json:"redis_url"`
	PIDs        pids   `json:"pids"`
}

// pids has no entry for a store that someone else runs. That of miniredis is
// our own.
type pids struct {
	API       int `json:"api"`
	Projector int `json:"projector"`
	Worker    int `json:"worker"`
	Postgres  int `json:"postgres,omitempty"`
	Mongo     int `json:"mongo,omitempty"`
	Redis     int `json:"redis,omitempty"`
}

// show writes it. From then on now must be safe to call.
func (f *runFile) show(now func() running) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = now
	return f.write()
}

// refresh writes the file again, if it is there, with the present pids.
func (f *runFile) refresh(say func(string, ...any)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.now == nil {
		return
	}
	if err := f.write(); err != nil {
		say("%v", err)
	}
}

func (f *runFile) remove() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = nil
	if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("local: %w", err)
	}
	return nil
}

// write is for the owner's eyes, because of the key.
func (f *runFile) write() error {
	text, err := json.MarshalIndent(f.now(), "", "  ")
	if err != nil {
		return fmt.Errorf("local: %w", err)
	}
	return store.ReplaceFile(f.path, append(text, '\n'), 0o600)
}

// running is what is true now.
func (s *stack) running() running {
	return running{
		URL: s.addr.url, MetricsURL: "http://" + s.api.metrics + "/metrics", APIKey: s.key,
		PostgresURL: s.stores.Postgres.URL, MongoURL: s.stores.Mongo.URL, RedisURL: s.stores.Redis.URL,
		PIDs: pids{
			API: s.api.kept.Pid(), Projector: s.projector.kept.Pid(), Worker: s.worker.kept.Pid(),
			Postgres: s.stores.Postgres.Pid(), Mongo: s.stores.Mongo.Pid(), Redis: s.stores.Redis.Pid(),
		},
	}
}
