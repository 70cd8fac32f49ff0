package eventlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"tenure/internal/events"
)

// Auditor reads the log for those who audit it, as roles to whom the server
// itself shows no events but those of the tenants that were named. It stands
// beside the other readers, which see everything and leave it to a filter.
type Auditor struct {
	// Pool has sessions of AuditorSession.
	Pool Beginner
}

// Beginner is what a pool and a connection have in common.
type Beginner interface {
	BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error)
}

// Sight is whose events are shown. The zero sight shows none.
type Sight struct {
	// All shows every event, whatever Tenants says.
	All     bool
	Tenants []events.TenantID
}

// The settings of an auditor's session. Where more than one index serves, the
// server shall take the one that gives the order: see tenantsFrom.
const auditorSettings = settings + `set default_transaction_read_only = on; set enable_sort = off; set enable_incremental_sort = off;
	set statement_timeout = '30s'; set idle_in_transaction_session_timeout = '60s'; set tenure.tenant = '';
	set role tenure_overseer; set role tenure_auditor`

// AuditorSession makes a new connection an auditor's: AfterConnect of its pool.
// Outside the reads of an Auditor it sees no event.
func AuditorSession(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, auditorSettings); err != nil {
		return fmt.Errorf("eventlog: begin an auditor's session: %w", err)
	}
	return nil
}

// oneSnapshot is what each read sees: the log as it was at one moment.
func oneSnapshot() pgx.TxOptions {
	return pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
}

// read runs one bounded read in a transaction of its own, within which alone
// the server knows whose events to show. However the transaction ends, that
// ends with it, so whoever has the connection next sees nothing of it.
func (a *Auditor) read(ctx context.Context, s Sight, what string, do func(context.Context, pgx.Tx, []string) error) (err error) {
	named, err := s.names()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, maxRead)
	defer cancel()
	tx, err := a.Pool.BeginTx(ctx, oneSnapshot())
	if err != nil {
		return unread(err, "%s", what)
	}
	defer func() {
		// Nothing was written: to end it by a rollback is as good.
		if ended := tx.Rollback(ctx); err == nil && ended != nil && !errors.Is(ended, pgx.ErrTxClosed) {
			err = unread(ended, "%s", what)
		}
	}()
	if s.All {
		_, err = tx.Exec(ctx, `set local role tenure_overseer`)
	} else {
		_, err = tx.Exec(ctx, `select set_config('tenure.tenant', $1, true)`, strings.Join(named, ","))
	}
	if err != nil {
		return unread(err, "%s", what)
	}
	return do(ctx, tx, named)
}

// names are the tenants in order, each once; nil for all of them. An id that
// would be read as two is refused.
func (s Sight) names() ([]string, error) {
	if s.All {
		return nil, nil
	}
	named := make([]string, 0, len(s.Tenants))
	for _, id := range s.Tenants {
		if id == "" || strings.ContainsAny(string(id), ",\x00") {
			return nil, refuse("a tenant without an id, or with a comma or a NUL in it")
		}
		named = append(named, string(id))
	}
	slices.Sort(named)
	return slices.Compact(named), nil
}

// Head is the last event in sight; position 0 when there is none.
func (a *Auditor) Head(ctx context.Context, s Sight) (m events.Mark, err error) {
	err = a.read(ctx, s, "read an auditor's head", func(ctx context.Context, tx pgx.Tx, named []string) error {
		m, err = lastUpTo(ctx, tx, named, endOfTime)
		return err
	})
	return m, err
}

// MarkAt is the last event in sight at p or before; position 0 when there is
// none.
func (a *Auditor) MarkAt(ctx context.Context, s Sight, p events.Position) (m events.Mark, err error) {
	err = a.read(ctx, s, "read an auditor's mark", func(ctx context.Context, tx pgx.Tx, named []string) error {
		m, err = lastUpTo(ctx, tx, named, p)
		return err
	})
	return m, err
}

// PositionAt is a position up to which all events in sight were recorded before
// t, and after which none was. It looks at one event for each halving of the
// log.
func (a *Auditor) PositionAt(ctx context.Context, s Sight, t time.Time) (low events.Position, err error) {
	err = a.read(ctx, s, "find a time in the log", func(ctx context.Context, tx pgx.Tx, named []string) error {
		head, err := lastUpTo(ctx, tx, named, endOfTime)
		for high := head.Position; err == nil && low < high; {
			middle := low + (high-low+1)/2
			var before bool
			if before, err = recordedBefore(ctx, tx, named, middle, t); before {
				low = middle
			} else {
				high = middle - 1
			}
		}
		return err
	})
	return low, err
}
