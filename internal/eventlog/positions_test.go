package eventlog_test

import (
	"errors"
	"testing"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

func TestEventsAreReadByTheirPositions(t *testing.T) {
	t.Parallel()
	b := open(t)
	for _, id := range []string{"ada", "bob", "eve", "tom"} {
		b.must(t, created(id))
	}
	got, err := eventlog.ReadAt(t.Context(), b.owner, []events.Position{2, 4})
	if err != nil || len(got) != 2 || got[0].Position != 2 || got[1].Stream.ID != "tom" {
		t.Errorf("got %v, %v, want the second and the fourth", got, err)
	}
	if got, err := eventlog.ReadAt(t.Context(), b.owner, nil); got != nil || err != nil {
		t.Errorf("of no positions: %v, %v", got, err)
	}
	for name, positions := range map[string][]events.Position{
		"beyond the end": {5}, "the last is beyond": {4, 5}, "the first is not there": {0, 1},
	} {
		got, err := eventlog.ReadAt(t.Context(), b.owner, positions)
		if name == "the last is beyond" && err == nil && len(got) == 1 {
			_, err = eventlog.ReadAt(t.Context(), b.owner, positions[1:]) // as one does for the rest
		}
		if !errors.Is(err, eventlog.ErrForked) {
			t.Errorf("%s: %v, %v, want ErrForked", name, got, err)
		}
	}
}

func TestOneReadOfPositionsIsBounded(t *testing.T) {
	t.Parallel()
	b := open(t)
	var positions []events.Position
	for n := range eventlog.MaxEvents + 1 {
		positions = append(positions, events.Position(n+1))
	}
	b.exec(t, `insert into event_log select n, 'platform', 'user', 'ada', n, gen_random_uuid(), 'user.renamed', 1,
		json_build_object('user_id', 'ada', 'name', 'x'), '{}', '2026-01-01' from generate_series(1, $1::int) n`, eventlog.MaxEvents+1)
	got, err := eventlog.ReadAt(t.Context(), b.owner, positions)
	if err != nil || len(got) != eventlog.MaxEvents {
		t.Errorf("got %d events, %v, want %d", len(got), err, eventlog.MaxEvents)
	}
	b.exec(t, `insert into event_log select n, 'platform', 'user', 'bob', n, gen_random_uuid(), 'user.renamed', 1,
		json_build_object('user_id', 'bob', 'name', (select string_agg(md5(n::text || i::text), '') from generate_series(1, 8000) i)), '{}', '2026-01-01'
		from generate_series($1::int, $1::int + 99) n`, eventlog.MaxEvents+2)
	positions = nil
	for n := range 100 {
		positions = append(positions, events.Position(eventlog.MaxEvents+2+n))
	}
	got, err = eventlog.ReadAt(t.Context(), b.owner, positions)
	if err != nil || len(got) == 0 || len(got) == 100 {
		t.Errorf("got %d events of %d bytes, %v, want some and not all", len(got), 8000*32, err)
	}
}
