package main

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"tenure/cmd/internal/boot"
	"tenure/internal/docstore"
	"tenure/internal/eventlog"
	"tenure/internal/events"
)

// stores are the log and what is folded from it.
type stores struct {
	log   *boot.Pool
	mongo *docstore.Mongo
	redis *docstore.Redis
}

// open opens all of them at once, so that of two that are away or wrong both
// are told.
func open(ctx context.Context, o boot.Opener, s boot.ReadModels) (*stores, error) {
	var all stores
	group, opening := errgroup.WithContext(ctx)
	group.Go(func() (err error) { all.log, err = o.Reader(opening, s.Postgres); return err })
	group.Go(func() (err error) { all.mongo, err = o.Mongo(opening, s.Mongo); return err })
	group.Go(func() (err error) { all.redis, err = o.Redis(opening, s.Redis); return err })
	if err := group.Wait(); err != nil {
		return nil, errors.Join(err, all.close(ctx))
	}
	return &all, nil
}

// openFor opens them for a command of an operator.
func openFor(ctx context.Context, name string, environ []string) (*stores, error) {
	environment, err := boot.ReadEnvironment(".", environ)
	if err != nil {
		return nil, err
	}
	var s boot.ReadModels
	if err := boot.Load(&s, environment); err != nil {
		return nil, err
	}
	return open(ctx, boot.Opener{Name: name}, s)
}

// letGo is how long the stores may take to let go of us.
const letGo = time.Second

// close closes those that were opened.
func (s *stores) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), letGo)
	defer cancel()
	var errs []error
	if s.log != nil {
		errs = append(errs, boot.ClosePool(ctx, s.log))
	}
	if s.mongo != nil {
		errs = append(errs, s.mongo.Close(ctx))
	}
	if s.redis != nil {
		errs = append(errs, s.redis.Close())
	}
	return errors.Join(errs...)
}

// head is the newest place of the log.
func (s *stores) head(ctx context.Context) (events.Mark, error) { return eventlog.Head(ctx, s.log) }
