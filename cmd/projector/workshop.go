package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"

	"tenure/cmd/internal/boot"
	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/feed"
	"tenure/internal/projections"
)

// terminal is where an operator sits.
type terminal struct {
	environ        []string
	stdout, stderr io.Writer
}

// workshop is where an operator rebuilds read models and chooses among their
// generations.
type workshop struct {
	*terminal
	*projections.Rebuilder
	stores *stores
	feed   *feed.Feed
}

// enter opens a workshop, works in it and closes it.
func (t *terminal) enter(ctx context.Context, name string, work func(*workshop) error) (err error) {
	environment, err := boot.ReadEnvironment(".", t.environ)
	if err != nil {
		return err
	}
	var s boot.ReadModels
	if err := boot.Load(&s, environment); err != nil {
		return err
	}
	opened, err := open(ctx, boot.Opener{Name: "projector " + name}, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.close(ctx)) }()
	logger := slog.New(slog.NewTextHandler(t.stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	w := &workshop{terminal: t, stores: opened, feed: &feed.Feed{Pool: opened.log, Logger: logger}}
	w.Rebuilder = &projections.Rebuilder{Log: opened.whole(w.feed), Mongo: opened.mongo, Redis: opened.redis}
	return work(w)
}

// whole is the log as a rebuild needs it.
func (s *stores) whole(f *feed.Feed) projections.Log {
	return projections.Log{
		Head: s.head,
		At: func(ctx context.Context, p events.Position) (events.Mark, error) {
			if p == 0 {
				head, err := s.head(ctx)
				return events.Mark{Log: head.Log}, err
			}
			return eventlog.MarkAt(ctx, s.log, p)
		},
		Read: func(ctx context.Context, from events.Mark, types []string, most int) (events.Batch, error) {
			return eventlog.ReadBatch(ctx, s.log, from, eventlog.Filter{Types: types, Raw: true, Limit: most})
		},
		Begin: f.Begin, Hold: f.Hold, Alone: f.Alone,
	}
}

// folding folds what a projector has while work works.
func (w *workshop) folding(ctx context.Context, p *projections.Projector, work func(context.Context) error) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	if err := p.Prepare(ctx); err != nil {
		return err
	}
	var running sync.WaitGroup
	running.Go(func() { p.Run(ctx) })
	running.Go(func() { end(serve(ctx, w.feed, p, nil, nil)) }) // that it is stopped for good ends the work too
	err := work(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	end(nil)
	running.Wait()
	return err
}
