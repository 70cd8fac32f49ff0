package eventlog_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/uuid"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

func TestACheckpointOfAnotherHistoryIsFound(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.must(t, created("ada"))
	b.must(t, created("bob"))
	here, err := eventlog.MarkAt(t.Context(), b.owner, 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		from   events.Mark
		forked bool
	}{
		"this log's":                      {here, false},
		"this log's, which is not named":  {events.Mark{Position: 1, Event: here.Event}, false},
		"the beginning":                   {events.Mark{Log: here.Log}, false},
		"another log's":                   {events.Mark{Log: events.LogID(uuid.New()), Position: 1, Event: here.Event}, true},
		"the beginning of another log":    {events.Mark{Log: events.LogID(uuid.New())}, true},
		"with another event there":        {events.Mark{Log: here.Log, Position: 1, Event: uuid.New()}, true},
		"with no event there":             {events.Mark{Log: here.Log, Position: 1}, true},
		"with the event of another place": {events.Mark{Log: here.Log, Position: 2, Event: here.Event}, true},
		"beyond the end":                  {events.Mark{Log: here.Log, Position: 3, Event: here.Event}, true},
		"far beyond the end":              {events.Mark{Log: here.Log, Position: 1 << 50, Event: here.Event}, true},
		"at the end of all numbers":       {events.Mark{Log: here.Log, Position: math.MaxInt64, Event: here.Event}, true},
		"before the beginning":            {events.Mark{Log: here.Log, Position: -1, Event: here.Event}, true},
	} {
		page, err := eventlog.ReadBatch(t.Context(), b.owner, tt.from, eventlog.Filter{})
		if got := errors.Is(err, eventlog.ErrForked); got != tt.forked || !got && err != nil {
			t.Errorf("%s: %v, want forked %t", name, err, tt.forked)
		}
		if tt.forked && len(page.Events) > 0 {
			t.Errorf("%s: %d events were read", name, len(page.Events))
		}
		if !tt.forked && page.From.Log != here.Log {
			t.Errorf("%s: the page is of log %s", name, page.From.Log)
		}
	}
	if _, err := eventlog.MarkAt(t.Context(), b.owner, 3); !errors.Is(err, eventlog.ErrForked) {
		t.Errorf("a mark beyond the end: %v, want ErrForked", err)
	}
	if m, err := eventlog.MarkAt(t.Context(), b.owner, 0); err != nil || m != (events.Mark{Log: here.Log}) {
		t.Errorf("the mark at the beginning is %+v, %v", m, err)
	}
}

func TestAnEventThatIsUnknownHereIsNamed(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"another type":        `type = 'user.teleported'`,
		"a newer shape":       `schema = 99`,
		"no shape":            `schema = 0`,
		"something else":      `data = '[]'`,
		"a number for a text": `data = '{"user_id": 7}'`,
		"a meta of no kind":   `meta = '[]'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			b.must(t, created("ada"))
			b.must(t, created("bob"))
			b.exec(t, `alter table event_log disable trigger all`)
			b.exec(t, `update event_log set `+change+` where position = 2`)
			_, err := eventlog.ReadBatch(t.Context(), b.owner, events.Mark{}, eventlog.Filter{})
			if !errors.Is(err, eventlog.ErrUndecodable) || !strings.Contains(err.Error(), "position 2") {
				t.Errorf("the log: %v, want ErrUndecodable at position 2", err)
			}
			_, err = eventlog.ReadStream(t.Context(), b.owner, stream("bob"))
			if !errors.Is(err, eventlog.ErrUndecodable) || !strings.Contains(err.Error(), "position 2") {
				t.Errorf("its stream: %v, want ErrUndecodable at position 2", err)
			}
			if got, err := eventlog.ReadStream(t.Context(), b.owner, stream("ada")); err != nil || len(got) != 1 {
				t.Errorf("another stream: %d events, %v", len(got), err)
			}
		})
	}
}
