package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"tenure/cmd/internal/boot"
	"tenure/internal/docstore"
	"tenure/internal/events"
	"tenure/internal/feed"
	"tenure/internal/projections"
)

// fold folds the log into the read models until ctx ends, and then what is in
// hand. If the process dies, or is killed because that takes too long, the
// batch in hand is folded again by the next one, which changes nothing.
func fold(ctx context.Context, r *boot.Running, s boot.Projector) (err error) {
	opened, err := open(ctx, r.Opener, s.ReadModels)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.close(ctx)) }()
	projector := projections.NewProjector(opened.mongo, opened.redis, opened.head)
	if err := r.Insist(ctx, "mongo", func(ctx context.Context) error { return prepare(ctx, projector) }); err != nil {
		return err
	}
	f := &feed.Feed{Pool: opened.log, Logger: r.Logger, Grace: s.ShutdownTimeout / 2}
	consumers := consumers(projector, r.Telemetry)
	if s.Postgres.PoolSize <= len(consumers) {
		return fmt.Errorf("projector: %sPOSTGRES_POOL_SIZE is %d, and %d read models need %d: each holds a connection while it folds",
			boot.Prefix, s.Postgres.PoolSize, len(consumers), len(consumers)+1)
	}
	need(r, opened, f, consumers)
	if err := measure(r.Telemetry, opened); err != nil {
		return err
	}
	r.Ready.Up()
	r.Logger.InfoContext(ctx, "folding", "read_models", len(consumers))

	// What was folded last is announced before the announcements end.
	telling, silence := context.WithCancel(context.WithoutCancel(ctx))
	var announcing sync.WaitGroup
	announcing.Go(func() { projector.Run(telling) })
	err = f.Run(ctx, consumers...)
	r.Ready.End()
	silence()
	announcing.Wait()
	if ctx.Err() != nil {
		return nil // why one of them was stopped before was logged then
	}
	return err
}

// prepare makes what the stores need. Only a store that is away is worth
// another try.
func prepare(ctx context.Context, p *projections.Projector) error {
	err := p.Prepare(ctx)
	if err != nil && !errors.Is(err, docstore.ErrUnavailable) {
		return boot.Hopeless(err)
	}
	return err
}

// consumers gives the read models to the feed. An event that cannot be applied,
// and a log that is another, stop a read model for good: no retry mends them.
func consumers(p *projections.Projector, t *boot.Telemetry) []feed.Consumer {
	var all []feed.Consumer
	for _, c := range p.Consumers() {
		all = append(all, feed.Consumer{
			Name: c.Name, Types: c.Types, Start: feed.FromBeginning,
			Resume: func(ctx context.Context) (events.Mark, error) {
				at, err := c.Resume(ctx)
				return at, final(err)
			},
			Fold: t.TraceFold(c.Name, func(ctx context.Context, b events.Batch) error { return final(c.Fold(ctx, b)) }),
		})
	}
	return all
}

func final(err error) error {
	if errors.Is(err, projections.ErrPoison) || errors.Is(err, projections.ErrForked) {
		return feed.Stop(err)
	}
	return err
}

// need says what the projector cannot do its work without: the stores, and
// each of the read models.
func need(r *boot.Running, s *stores, f *feed.Feed, consumers []feed.Consumer) {
	r.Ready.Need(boot.Check{Name: "postgres", Ask: s.log.Ping})
	r.Ready.Need(boot.Check{Name: "mongo", Ask: s.mongo.Ping})
	r.Ready.Need(boot.Check{Name: "redis", Ask: s.redis.Ping})
	for _, c := range consumers {
		r.Ready.Need(boot.Check{Name: c.Name, Ask: func(ctx context.Context) error { return stopped(ctx, f, c.Name) }})
	}
}

// stopped tells why a read model was stopped. That it cannot be asked is for
// the check of the store to tell.
func stopped(ctx context.Context, f *feed.Feed, name string) error {
	all, err := f.Status(ctx)
	if err != nil {
		return nil //nolint:nilerr // Postgres is away, and another check says so
	}
	i := slices.IndexFunc(all, func(s feed.ConsumerStatus) bool { return s.Name == name })
	if i >= 0 && all[i].Stopped {
		return fmt.Errorf("projector: %s is stopped: %w", name, all[i].LastError)
	}
	return nil
}
