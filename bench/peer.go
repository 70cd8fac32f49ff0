package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// peer is who does the same without Tenure, on tables and indexes that are the
// same, in a database of his own. The positions of his events come from a
// counter beside the database, which costs him nothing.
type peer struct {
	address string
	callers []*caller
	last    atomic.Int64
}

func (s *stage) peer(ctx context.Context, callers int) (*peer, error) {
	address, err := s.database(ctx)
	if err != nil {
		return nil, err
	}
	all, err := newCallers(callers)
	p := &peer{address: address, callers: all}
	p.last.Store(int64(s.events))
	return p, err
}

// peerWork is what a peer's callers do over a pool.
type peerWork func(p *peer, pool *pgxpool.Pool) work

// best gives a peer the number of connections that serves him best.
func (s *stage) best(ctx context.Context, p *peer, do peerWork, connections []int) (fastest side, n int, err error) {
	most := 0.0
	for _, size := range connections {
		pool, err := s.pool(ctx, p.address, size, nil)
		if err != nil {
			return nil, 0, err
		}
		this := perSecond(p.callers, do(p, pool))
		if _, err := this(ctx, s.d()/4); err != nil { // opens the connections
			return nil, 0, err
		}
		rate, err := this(ctx, s.d()/2)
		if err != nil {
			return nil, 0, err
		}
		say("the peer does %s/s over %d connections", figure(rate), size)
		if rate > most {
			fastest, n, most = this, size, rate
		}
	}
	return fastest, n, nil
}

const insertEvent = `insert into event_log
	(position, tenant_id, stream_type, stream_id, version, event_id, type, schema, data, meta, recorded_at)
	values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`

// insert is one row in one transaction of one round trip, and no check.
func insert(p *peer, pool *pgxpool.Pool) work {
	return func(ctx context.Context, c *caller) error {
		_, err := pool.Exec(ctx, insertEvent, c.eventRow(p.last.Add(1), time.Now())...)
		return err
	}
}

// transaction is the usual way to append with a check and a claim: five round
// trips.
func transaction(p *peer, pool *pgxpool.Pool) work {
	return func(ctx context.Context, c *caller) error {
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			if err := checkVersion(ctx, tx, c); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `insert into claims (tenant_id, kind, value, stream_tenant, stream_type, stream_id)
				values ($1, $2, $3, $4, $5, $6)`, c.claimRow()...); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, insertEvent, c.eventRow(p.last.Add(1), time.Now())...)
			return err
		})
	}
}

func checkVersion(ctx context.Context, tx pgx.Tx, c *caller) error {
	var version int64
	err := tx.QueryRow(ctx, `select version from event_log
		where tenant_id = $1 and stream_type = $2 and stream_id = $3 order by version desc limit 1`,
		string(c.stream.Tenant), string(c.stream.Type), c.stream.ID).Scan(&version)
	switch {
	case err != nil && !errors.Is(err, pgx.ErrNoRows):
		return err
	case version != int64(c.version):
		return fmt.Errorf("the stream is at %d, not at %d", version, c.version)
	}
	return nil
}

// perCommit is how many rows a COPY has.
const perCommit = 500

// copier writes the same rows by COPY.
func (s *stage) copier(ctx context.Context) (side, string, error) {
	p, err := s.peer(ctx, 256)
	if err != nil {
		return nil, "", err
	}
	pool, err := s.pool(ctx, p.address, 1, nil)
	if err != nil {
		return nil, "", err
	}
	return func(ctx context.Context, d time.Duration) (float64, error) {
		began, total := time.Now(), int64(0)
		for time.Since(began) < d {
			n, err := p.copy(ctx, pool)
			if err != nil {
				return 0, err
			}
			total += n
		}
		return float64(total) / time.Since(began).Seconds(), nil
	}, "1 connection", nil
}

func (p *peer) copy(ctx context.Context, pool *pgxpool.Pool) (int64, error) {
	now := time.Now()
	return pool.CopyFrom(ctx, pgx.Identifier{"event_log"}, eventColumns, pgx.CopyFromSlice(perCommit, func(int) ([]any, error) {
		position := p.last.Add(1)
		return p.callers[int(position)%len(p.callers)].eventRow(position, now), nil
	}))
}
