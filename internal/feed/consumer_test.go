package feed_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/feed"
	"tenure/internal/testkit"
)

func TestWhatCanOnlyGoWrongIsRefused(t *testing.T) {
	t.Parallel()
	fold := func(context.Context, events.Batch) error { return nil }
	react := func(context.Context, pgx.Tx, events.Batch) error { return nil }
	resume := func(context.Context) (events.Mark, error) { return events.Mark{}, nil }
	good := feed.Consumer{Name: "good", Start: feed.FromBeginning, Fold: fold}
	f := newWorld(t).feed()
	for name, tt := range map[string]struct {
		consumers []feed.Consumer
		says      string
	}{
		"no start":               {[]feed.Consumer{{Name: "a", Fold: fold}}, "where it starts"},
		"no name":                {[]feed.Consumer{{Start: feed.FromHead, Fold: fold}}, "no name"},
		"a name with a dot":      {[]feed.Consumer{{Name: "a.b", Start: feed.FromHead, Fold: fold}}, "no name"},
		"neither fold nor react": {[]feed.Consumer{{Name: "a", Start: feed.FromHead}}, "one of Fold and React"},
		"both fold and react":    {[]feed.Consumer{{Name: "a", Start: feed.FromHead, Fold: fold, React: react}}, "one of Fold and React"},
		"a reaction that resumes": {
			[]feed.Consumer{{Name: "a", Start: feed.FromBeginning, React: react, Resume: resume}}, "no checkpoint",
		},
		"a projection from the head": {
			[]feed.Consumer{{Name: "a", Start: feed.FromHead, Fold: fold, Resume: resume}}, "contradict",
		},
		"types that are none": {
			[]feed.Consumer{{Name: "a", Start: feed.FromHead, Fold: fold, Types: []string{}}}, "names no event type",
		},
		"a type that is none": {
			[]feed.Consumer{{Name: "a", Start: feed.FromHead, Fold: fold, Types: []string{"user.craeted"}}}, "user.craeted",
		},
		"the same one twice": {[]feed.Consumer{good, good}, "runs here already"},
		"more than the pool can hold": {
			[]feed.Consumer{good, good, good, good, good, good, good, good}, "need a pool of at least 9",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := f.Run(t.Context(), tt.consumers...)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Run: %v, want %q", err, tt.says)
			}
		})
	}
}

func TestAConsumerRunsOnceInAProcess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m, f := &readModel{t: t}, w.feed()
	stop := w.run(f, m.consumer("users"))
	m.reaches(w.append(some(1)...))
	if err := f.Run(t.Context(), m.consumer("users")); err == nil {
		t.Error("it runs twice")
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	w.run(f, m.consumer("users"))
	m.reaches(w.append(some(1)...))
}

func TestTheFeedsSessionCanWriteItsOffsetsAndNotTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append(some(1)...)
	w.exec(`insert into feed_consumers values ('users')`)
	pool := testkit.OpenPostgres(t, w.url, eventlog.ReaderSession)
	for sql, allowed := range map[string]bool{
		`select count(*) from event_log`: true,
		`insert into event_log select position + 1, tenant_id, stream_type, stream_id, version + 1, event_id, type, schema, data, meta, recorded_at from event_log`: false,
		`update event_log set version = 2`:            false,
		`delete from event_log`:                       false,
		`update log_head set log_id = log_id`:         false,
		`insert into feed_consumers values ('a')`:     true,
		`select from feed_consumers for update`:       true,
		`update feed_consumers set name = name`:       false,
		`delete from feed_consumers`:                  false,
		`update feed_offsets set position = position`: false,
		`truncate feed_offsets`:                       false,
	} {
		if _, err := pool.Exec(t.Context(), sql); (err == nil) != allowed {
			t.Errorf("%s: %v, want allowed: %v", sql, err, allowed)
		}
	}
}
