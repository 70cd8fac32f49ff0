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
	f := &feed.Feed{Pool: opened.log, Logger: r.Logger, Grace: s.ShutdownTimeout / 2}
	projector := projections.NewProjector(opened.mongo, opened.redis, opened.head)
	projector.First = &projections.Rebuilder{
		Log: opened.whole(f), Mongo: opened.mongo, Redis: opened.redis,
		Told: func(s projections.Step) {
			if s.Note != "" {
				r.Logger.InfoContext(ctx, "a first generation is built", "note", s.Note)
			}
		},
	}
	if err := r.Insist(ctx, "mongo", func(ctx context.Context) error { return prepare(ctx, projector) }); err != nil {
		return err
	}
	consumers := consumers(projector.Consumers(), r.Telemetry)
	if s.Postgres.PoolSize <= len(consumers) {
		return fmt.Errorf("projector: %sPOSTGRES_POOL_SIZE is %d, and %d read models need %d: each holds a connection while it folds",
			boot.Prefix, s.Postgres.PoolSize, len(consumers), len(consumers)+1)
	}
	need(r, opened)
	if err := measure(r.Telemetry, opened); err != nil {
		return err
	}
	r.Ready.Up()
	r.Logger.InfoContext(ctx, "folding", "read_models", len(consumers))

	// What was folded last is announced before the announcements end.
	telling, silence := context.WithCancel(context.WithoutCancel(ctx))
	var announcing sync.WaitGroup
	announcing.Go(func() { projector.Run(telling) })
	err = serve(ctx, f, projector, r.Telemetry, func(set []feed.Consumer) {
		for _, c := range set {
			r.Ready.Need(boot.Check{Name: c.Name, Ask: func(ctx context.Context) error { return stopped(ctx, f, projector, c.Name) }})
		}
	})
	r.Ready.End()
	silence()
	announcing.Wait()
	if ctx.Err() != nil {
		return nil // why one of them was stopped before was logged then
	}
	return err
}

// serve feeds those generations that there are to fold, also when a rebuild or
// a switch makes them others. Known is told of each set; nil: nobody is.
func serve(ctx context.Context, f *feed.Feed, p *projections.Projector, t *boot.Telemetry, known func([]feed.Consumer)) error {
	ending, end := context.WithCancel(ctx)
	sets := make(chan []feed.Consumer)
	var telling sync.WaitGroup
	telling.Go(func() {
		for {
			set := consumers(p.Consumers(), t)
			if known != nil {
				known(set)
			}
			select {
			case sets <- set:
			case <-ending.Done():
				return
			}
			select {
			case <-p.Changed():
			case <-ending.Done():
				return
			}
		}
	})
	err := f.Serve(ctx, sets)
	end()
	telling.Wait()
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
// Without telemetry no batch is traced.
func consumers(folded []projections.Consumer, t *boot.Telemetry) []feed.Consumer {
	var all []feed.Consumer
	for _, c := range folded {
		fold := func(ctx context.Context, b events.Batch) error { return final(c.Fold(ctx, b)) }
		if t != nil {
			fold = t.TraceFold(c.Name, fold)
		}
		all = append(all, feed.Consumer{
			Name: c.Name, Types: c.Types, Start: feed.FromBeginning,
			Resume: func(ctx context.Context) (events.Mark, error) {
				at, err := c.Resume(ctx)
				return at, final(err)
			},
			Fold: fold,
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

// need says what the projector cannot do its work without.
func need(r *boot.Running, s *stores) {
	r.Ready.Need(boot.Check{Name: "postgres", Ask: s.log.Ping})
	r.Ready.Need(boot.Check{Name: "mongo", Ask: s.mongo.Ping})
	r.Ready.Need(boot.Check{Name: "redis", Ask: s.redis.Ping})
}

// stopped tells why a read model was stopped. That it cannot be asked is for
// the check of the store to tell. What is not folded any more is no concern.
func stopped(ctx context.Context, f *feed.Feed, p *projections.Projector, name string) error {
	if !slices.ContainsFunc(p.Consumers(), func(c projections.Consumer) bool { return c.Name == name }) {
		return nil
	}
	all, _ := f.Status(ctx) // none when Postgres is away, and another check says so
	i := slices.IndexFunc(all, func(s feed.ConsumerStatus) bool { return s.Name == name })
	if i >= 0 && all[i].Stopped {
		return fmt.Errorf("projector: %s is stopped: %w", name, all[i].LastError)
	}
	return nil
}
