package feed

import (
	"context"
	"errors"
	"testing"

	"tenure/internal/eventlog"
	"tenure/internal/testkit"
)

// Watermill commits when it is closed with a message in hand. The feed does not
// close it then; should it ever, what the consumer wrote is not kept.
func TestATurnThatWatermillGivesUpLeavesNoTrace(t *testing.T) {
	t.Parallel()
	url := testkit.PostgresURL(t)
	owner := testkit.OpenPostgres(t, url, nil)
	for _, sql := range []string{
		`create table jobs (position bigint)`,
		`grant insert on jobs to tenure_reader`,
		`insert into event_log values (1, 'platform', 'user', 'a', 1, gen_random_uuid(), 'user.deleted', 1,
			'{"user_id": "a"}', '{}', now())`,
	} {
		if _, err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	f := &Feed{Pool: testkit.OpenPostgres(t, url, eventlog.ReaderSession)}
	r := newRunner(f, Consumer{Name: "mails", Start: FromBeginning})
	running, end := context.WithCancel(t.Context())
	defer end()
	ts := &turns{runner: r, running: running, pace: newPace(running, r)}
	subscriber, err := ts.subscriber()
	if err != nil {
		t.Fatal(err)
	}
	messages, err := subscriber.Subscribe(t.Context(), eventlog.Channel)
	if err != nil {
		t.Fatal(err)
	}
	msg := <-messages
	this, ok := turnOf(msg)
	if !ok {
		t.Fatal("the message has no turn")
	}
	if _, err := this.tx.Exec(t.Context(), `insert into jobs values (1)`); err != nil {
		t.Fatal(err)
	}
	end()
	if err := subscriber.Close(); err != nil {
		t.Fatal(err)
	}
	var jobs, offset int
	err = owner.QueryRow(t.Context(), `select (select count(*) from jobs), (select max(position) from feed_offsets)`).Scan(&jobs, &offset)
	if err != nil || jobs != 0 || offset != 0 {
		t.Errorf("%d jobs and offset %d, want none (%v)", jobs, offset, err)
	}
}

func TestNothingIsDoneOutsideOfATurn(t *testing.T) {
	t.Parallel()
	var ts turns
	if _, err := ts.ExecContext(t.Context(), `select 1`); !errors.Is(err, errOutsideTurn) {
		t.Errorf("exec: %v", err)
	}
	if _, err := ts.QueryContext(t.Context(), `select 1`); !errors.Is(err, errOutsideTurn) {
		t.Errorf("query: %v", err)
	}
}
