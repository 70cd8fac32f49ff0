package feed_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"tenure/internal/testkit"
)

func TestOldOffsetsArePruned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := &readModel{t: t}
	w.run(w.feed(), m.consumer("users"))
	const batches = 300
	for range batches {
		m.reaches(w.append(some(1)...))
	}
	testkit.Eventually(t, "the offset follows", func() bool { return w.offset("users") == batches })
	if got := w.number(`select count(*) from feed_offsets`); got > 130 {
		t.Errorf("%d offsets are left of %d batches", got, batches)
	}
}

// While statistics are young, and while a long snapshot keeps what was pruned,
// the newest offset is found at the end of the index.
func TestTheNewestOffsetIsFoundByTheIndexInATableNobodyAnalyzed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	tx, err := w.owner.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(ctx) }()
	for _, sql := range []string{
		`set local plan_cache_mode = force_generic_plan`,
		`prepare newest (text) as select position, log_id, event_id from feed_offsets where consumer = $1 order by position desc limit 1`,
		`insert into feed_offsets select 'users', n, gen_random_uuid(), gen_random_uuid() from generate_series(1, 5000) n`,
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	var plan json.RawMessage
	if err := tx.QueryRow(ctx, `explain (format json, analyze) execute newest ('users')`).Scan(&plan); err != nil {
		t.Fatal(err)
	}
	if got := string(plan); !strings.Contains(got, `"Scan Direction": "Backward"`) || strings.Contains(got, `"Sort"`) {
		t.Errorf("the plan: %s", got)
	}
}
