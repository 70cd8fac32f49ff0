package feed

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"

	"tenure/internal/events"
)

// ConsumerStatus is how a consumer fares. All but Name and Position is what
// this process knows of it, and zero when it does not run here.
type ConsumerStatus struct {
	Name     string
	Position events.Position // its newest offset
	// LastError is why its turns fail at present, or why it was stopped.
	LastError error
	// Stopped is set when it was stopped for good.
	Stopped bool
	// CommitErrors counts the turns whose commit failed or was not answered.
	CommitErrors int64
}

// Status tells of all consumers that were ever here, by name.
func (f *Feed) Status(ctx context.Context) ([]ConsumerStatus, error) {
	rows, err := f.Pool.Query(ctx, `
		select c.name, coalesce(o.position, 0) from feed_consumers c left join lateral (
			select o.position from feed_offsets o where o.consumer = c.name
			order by o.position desc limit 1) o on true
		order by c.name`)
	if err != nil {
		return nil, fmt.Errorf("feed: status: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s ConsumerStatus, err error) {
		return s, row.Scan(&s.Name, &s.Position)
	})
	if err != nil {
		return nil, fmt.Errorf("feed: status: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range all {
		if r := f.runners[all[i].Name]; r != nil {
			r.health.tell(&all[i])
		}
	}
	return all, nil
}

// health is what a process knows of a consumer that runs in it.
type health struct {
	mu           sync.Mutex
	lastError    error
	isStopped    bool
	commitErrors int64
}

// fails notes an error and tells whether it is another one than before. All
// there is to know two errors apart is what they say.
func (h *health) fails(err error) (another bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	another = h.lastError == nil || h.lastError.Error() != err.Error()
	h.lastError = err
	return another
}

// recovered notes that a turn went well, and tells whether that is news.
func (h *health) recovered() (news bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	news = h.lastError != nil
	h.lastError = nil
	return news
}

func (h *health) stopped(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lastError, h.isStopped = err, true
}

func (h *health) uncommitted() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.commitErrors++
}

func (h *health) tell(s *ConsumerStatus) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.LastError, s.Stopped, s.CommitErrors = h.lastError, h.isStopped, h.commitErrors
}
