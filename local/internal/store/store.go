// Package store finds and runs the three stores that Tenure needs: Postgres,
// MongoDB and Redis, each from a URL, from a program on the machine or from a
// pinned download, in this order. It never changes the system it runs on, it
// listens on loopback only, and it knows nothing of what is kept in the stores.
//
// The stores ask for no password: whoever may open a connection on this
// machine may read them. They are for development and tests.
package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"tenure/local/internal/proc"
)

// Setup says where and how stores are run.
type Setup struct {
	Data  string // their data
	Bin   string // downloads
	Log   string // what they print
	Ports *Ports // the ports they had before

	// Scratch stores are for one run of tests: their data is thrown away, they
	// take more connections, and they are killed rather than stopped.
	Scratch bool

	Guard   *proc.Guard
	Machine Machine
	Say     func(format string, args ...any)
	Changed func() // called when a store was started again
}

// URLs name stores; an empty one is a store to be found.
type URLs struct{ Postgres, Mongo, Redis string }

// Server is a store that answers.
type Server struct {
	Name string // postgres, mongo or redis
	URL  string
	From string // where it was taken from, for people
	Mini bool   // it is miniredis, inside this process

	kept  *proc.Kept // nil when it is not a child of ours
	pid   int        // of a store that is inside this process
	close func()
}

// Pid is the process that serves the store now; 0 for one we were only told of.
func (s *Server) Pid() int {
	if s.kept != nil {
		return s.kept.Pid()
	}
	return s.pid
}

func (s *Server) stop(scratch bool) {
	switch {
	case s.kept != nil && scratch:
		s.kept.Kill()
	case s.kept != nil:
		s.kept.Stop(30 * time.Second)
	case s.close != nil:
		s.close()
	}
}

// Stores are the three of them.
type Stores struct {
	Postgres, Mongo, Redis *Server
	scratch                bool
}

// All lists them.
func (s *Stores) All() []*Server {
	all := []*Server{}
	for _, server := range []*Server{s.Postgres, s.Mongo, s.Redis} {
		if server != nil {
			all = append(all, server)
		}
	}
	return all
}

// Stop stops those that are ours, all at once: none needs another.
func (s *Stores) Stop() {
	done := make(chan struct{})
	for _, server := range s.All() {
		go func() { server.stop(s.scratch); done <- struct{}{} }()
	}
	for range s.All() {
		<-done
	}
}

// Open finds and starts what given does not name, side by side. When one store
// cannot be had, none is left running.
func Open(ctx context.Context, s Setup, given URLs) (*Stores, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := os.MkdirAll(s.Log, 0o755); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	stores := &Stores{scratch: s.Scratch}
	failed := make(chan error)
	open := func(into **Server, from func(context.Context, Setup, string) (*Server, error), url string) {
		server, err := from(ctx, s, url)
		if err == nil {
			*into = server
			s.Say("%-8s %s, %s", server.Name, server.URL, server.From)
		}
		failed <- err
	}
	go open(&stores.Postgres, openPostgres, given.Postgres)
	go open(&stores.Mongo, openMongo, given.Mongo)
	go open(&stores.Redis, openRedis, given.Redis)
	var errs []error
	for range 3 {
		if err := <-failed; err != nil {
			errs = append(errs, err)
			cancel() // the others need not go on
		}
	}
	if len(errs) > 0 {
		stores.Stop()
		return nil, firstCause(errs)
	}
	return stores, nil
}

// firstCause drops the errors of those that were only told to give up.
func firstCause(errs []error) error {
	own := []error{}
	for _, err := range errs {
		if !errors.Is(err, context.Canceled) {
			own = append(own, err)
		}
	}
	if len(own) == 0 {
		return errs[0]
	}
	return errors.Join(own...)
}

// named is a store that someone else runs.
func named(name, url string) *Server {
	return &Server{Name: name, URL: url, From: "named in the environment"}
}

func (s Setup) data(name string) string { return filepath.Join(s.Data, name) }
