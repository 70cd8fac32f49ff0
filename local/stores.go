package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"tenure/local/internal/proc"
	"tenure/local/internal/store"
)

type storesCommand struct{}

// Run starts the stores of `make run` and nothing else.
func (storesCommand) Run(ctx context.Context) error {
	at, err := findPlace()
	if err != nil {
		return err
	}
	h, err := lockHome(at)
	if err != nil {
		return err
	}
	err = h.open(ctx, sayTo(os.Stderr), func() {})
	if err == nil {
		for _, line := range append(storeEnv(h.stores), testEnv(h.stores)...) {
			fmt.Println("export", quoted(line))
		}
		<-ctx.Done()
	}
	if ctx.Err() != nil {
		err = nil // we were told to end
	}
	return errors.Join(err, h.close())
}

// home is our directory, which is ours alone while we run, and the stores that
// keep their data in it.
type home struct {
	place
	self   string
	guard  *proc.Guard
	ports  *store.Ports
	stores *store.Stores
}

func lockHome(at place) (*home, error) {
	lock, err := lockDir(at.dir)
	if err != nil {
		return nil, err
	}
	h := &home{place: at}
	if h.self, err = os.Executable(); err != nil {
		return nil, fmt.Errorf("local: %w", err)
	}
	if h.guard, err = proc.NewGuard([]string{h.self, "guard"}, lock); err != nil {
		return nil, err
	}
	// Left by a stack that was killed together with its guard, it would lie.
	err = (&runFile{path: at.path("run.json")}).remove()
	h.guard.Remove(at.path("run.json"))
	if err == nil {
		h.ports, err = store.LoadPorts(at.path("ports.json"))
	}
	if err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

// open starts the stores. It calls changed when one had to be started again.
func (h *home) open(ctx context.Context, say func(string, ...any), changed func()) error {
	var err error
	h.stores, err = store.Open(ctx, store.Setup{
		Data: h.path("data"), Bin: h.bin(), Log: h.log(), Ports: h.ports,
		Guard: h.guard, Machine: store.ThisMachine(h.self), Say: say, Changed: changed,
	}, store.URLs{
		Postgres: os.Getenv("TENURE_POSTGRES_URL"),
		Mongo:    os.Getenv("TENURE_MONGO_URL"),
		Redis:    os.Getenv("TENURE_REDIS_URL"),
	})
	return err
}

func (h *home) close() error {
	if h.stores != nil {
		h.stores.Stop()
	}
	return h.guard.Close()
}

// storeEnv tells the stores to the product.
func storeEnv(s *store.Stores) []string {
	env := []string{
		"TENURE_POSTGRES_URL=" + s.Postgres.URL,
		"TENURE_MONGO_URL=" + s.Mongo.URL,
		"TENURE_REDIS_URL=" + s.Redis.URL,
	}
	if s.Redis.Mini {
		env = append(env, "TENURE_REDIS_MINIREDIS=true")
	}
	return env
}
