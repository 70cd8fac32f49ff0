package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

func appendUnderSnapshot(age time.Duration) row {
	return row{
		key: "snapshot", name: fmt.Sprintf("append with an open long snapshot in the cluster, after %.0f s", age.Seconds()),
		against: "without it",
		unit:    "appends/s", goal: always(0.9),
		open: func(ctx context.Context, s *stage) (pair, error) {
			with, err := s.underSnapshot(ctx)
			if err != nil {
				return pair{}, err
			}
			without, err := s.ours(ctx, 256, false)
			if err != nil {
				return pair{}, err
			}
			say("snapshot: appending to both logs for %s", age)
			return pair{ours: with, peer: without}, grow(ctx, age, with, without)
		},
	}
}

// underSnapshot is Tenure on a log in whose database somebody holds a snapshot.
func (s *stage) underSnapshot(ctx context.Context) (side, error) {
	address, err := s.database(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return nil, err
	}
	s.onClose(conn.Close)
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, `select from log_head`); err != nil { // it begins here
		return nil, err
	}
	do, callers, err := s.appendingTo(ctx, address, 256, false)
	if err != nil {
		return nil, err
	}
	work := perSecond(callers, do)
	return func(ctx context.Context, d time.Duration) (float64, error) {
		rate, err := work(ctx, d)
		if err != nil {
			return 0, err
		}
		_, err = tx.Exec(ctx, `select from log_head`) // it is still there
		return rate, err
	}, nil
}

// grow lets all sides work at once.
func grow(ctx context.Context, d time.Duration, sides ...side) error {
	var all sync.WaitGroup
	errs := make([]error, len(sides))
	for i, work := range sides {
		all.Go(func() { _, errs[i] = work(ctx, d) })
	}
	all.Wait()
	return errors.Join(errs...)
}
