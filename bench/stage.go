package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"

	"tenure/internal/eventlog"
)

// stage is where one row is measured. It closes what was opened on it.
type stage struct {
	*bench
	closers []func(context.Context) error
}

func (s *stage) onClose(f func(context.Context) error) { s.closers = append(s.closers, f) }

// close closes the last first.
func (s *stage) close(ctx context.Context) error {
	ctx, cancel := ending(ctx)
	defer cancel()
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i](ctx))
	}
	return errors.Join(errs...)
}

// database gives the address of a copy of the loaded log.
func (s *stage) database(ctx context.Context) (string, error) {
	name, err := s.create(ctx, s.loaded)
	if err != nil {
		return "", err
	}
	s.onClose(func(ctx context.Context) error { return s.drop(ctx, name) })
	return s.at(name), nil
}

// pool opens so many connections, set up by configure unless it is nil.
func (s *stage) pool(ctx context.Context, address string, size int, configure func(*pgxpool.Config)) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, err
	}
	if configure != nil {
		configure(config)
	}
	config.MaxConns = int32(size)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	s.onClose(func(context.Context) error { pool.Close(); return nil })
	return pool, nil
}

// appender opens a log's appender as a process has one.
func (s *stage) appender(ctx context.Context, address string) (*eventlog.Appender, error) {
	pool, err := s.pool(ctx, address, 4, eventlog.Configure)
	if err != nil {
		return nil, err
	}
	a := eventlog.NewAppender(pool, slog.Default(), eventlog.Config{})
	s.onClose(a.Close)
	return a, nil
}
