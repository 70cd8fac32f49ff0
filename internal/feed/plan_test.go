package feed

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"tenure/internal/testkit"
)

// While statistics are young, and while a long snapshot keeps what was pruned,
// the newest offset is found at the end of the index, also by a plan that was
// made when there was none.
func TestTheNewestOffsetIsFoundAtTheEndOfTheIndex(t *testing.T) {
	t.Parallel()
	tx, err := testkit.Postgres(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	for _, sql := range []string{
		`set local plan_cache_mode = force_generic_plan`,
		`prepare newest (text) as ` + newestOffset,
		`prepare move (text, bigint, uuid, uuid, bigint) as ` + moveOffset,
		`insert into feed_consumers values ('users')`,
		`execute newest ('users')`,
		`execute move ('users', 0, gen_random_uuid(), gen_random_uuid(), null)`,
		`insert into feed_offsets select 'users', n, gen_random_uuid(), gen_random_uuid() from generate_series(1, 5000) n`,
	} {
		if _, err := tx.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for _, statement := range []string{
		`newest ('users')`,
		`move ('users', 5001, gen_random_uuid(), gen_random_uuid(), 5000)`,
	} {
		rows, _ := tx.Query(t.Context(), `explain (analyze, costs off, timing off) execute `+statement)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		plan := strings.Join(lines, "\n")
		if err != nil || !strings.Contains(plan, "Index Scan Backward") && !strings.Contains(plan, "Index Only Scan Backward") {
			t.Errorf("%s: %v\n%s", statement, err, plan)
		}
	}
}
