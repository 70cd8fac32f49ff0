package eventlog_test

import (
	"testing"
	"time"

	"tenure/internal/eventlog"
	"tenure/internal/testkit"
)

// More than fit in one transaction go, and what a repetition may still ask for
// stays; the events stay in any case.
func TestExpiredAnswersAreForgotten(t *testing.T) {
	t.Parallel()
	b := open(t)
	for name, expires := range map[string]time.Time{"old": time.Now().Add(-2 * time.Hour), "just over": time.Now().Add(-time.Minute), "kept": time.Now().Add(time.Hour)} {
		c := keyed(name, name, "h")
		c.Idempotency.Expires = expires
		b.must(t, c)
	}
	b.exec(t, `insert into idempotency
		select tenant_id, principal, route, key || i, attempt, request_hash, response, position, expires_at
		from idempotency, generate_series(1, 2500) i where key = 'old'`)
	n, err := eventlog.Forget(t.Context(), b.writer)
	if n != 2501 || err != nil {
		t.Errorf("%d forgotten, %v, want 2501", n, err)
	}
	if _, there := b.answered(t, "kept"); !there {
		t.Error("one that is still valid is gone")
	}
	var left int
	if err := b.writer.QueryRow(t.Context(), `select count(*) from idempotency`).Scan(&left); err != nil || left != 2 || len(b.all(t)) != 3 {
		t.Errorf("%d answers are left, %v, and %d events", left, err, len(b.all(t)))
	}
	reader := testkit.OpenPostgres(t, b.url, eventlog.ReaderSession)
	if n, err := eventlog.Forget(t.Context(), reader); err == nil {
		t.Errorf("a reader may forget %d", n)
	}
}
