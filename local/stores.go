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
	h, err := openHome(ctx, at, sayTo(os.Stderr))
	if err != nil {
		return err
	}
	for _, line := range append(storeEnv(h.stores), testEnv(h.stores)...) {
		fmt.Println("export", quoted(line))
	}
	<-ctx.Done()
	return h.close()
}

// home is the stores in our directory, which keep their data.
type home struct {
	place
	self   string
	guard  *proc.Guard
	ports  *store.Ports
	stores *store.Stores
}

func openHome(ctx context.Context, at place, say func(string, ...any)) (*home, error) {
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
	if h.ports, err = store.LoadPorts(at.file("ports.json")); err != nil {
		return nil, errors.Join(err, h.close())
	}
	h.stores, err = store.Open(ctx, store.Setup{
		Data: at.file("data"), Bin: at.bin(), Log: at.log(), Ports: h.ports,
		Guard: h.guard, Machine: store.ThisMachine(h.self), Say: say,
	}, store.URLs{
		Postgres: os.Getenv("TENURE_POSTGRES_URL"),
		Mongo:    os.Getenv("TENURE_MONGO_URL"),
		Redis:    os.Getenv("TENURE_REDIS_URL"),
	})
	if err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
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
