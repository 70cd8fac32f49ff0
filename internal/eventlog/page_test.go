package eventlog_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

// fill puts events into the log as the owner: each one's type, tenant, stream,
// actor and size follow from its position.
func (b bench) fill(t testing.TB, n, size int) {
	t.Helper()
	b.exec(t, `insert into event_log select h.n + i, 'tenant ' || i % 3, case i % 5 when 0 then 'api_key' else 'user' end, 's' || i, 1, gen_random_uuid(),
			case i % 4 when 0 then 'user.disabled' else 'user.enabled' end, 1,
			json_build_object('user_id', i::text, 'reason', repeat('x', $2::integer)),
			json_build_object('principal', 'user', 'actor_id', 'a' || i % 7, 'correlation_id', 'c' || i),
			coalesce(h.at, '2026-01-01') + i * interval '1 second'
		from (select coalesce(max(position), 0) as n, max(recorded_at) as at from event_log) h, generate_series(1, $1::integer) i`, n, size)
}

// pages reads from a mark to the end.
func (b bench) pages(t testing.TB, f eventlog.Filter) []events.Batch {
	t.Helper()
	var pages []events.Batch
	var at events.Mark
	for {
		page, err := eventlog.ReadBatch(t.Context(), b.owner, at, f)
		if err != nil {
			t.Fatalf("read after %d: %v", at.Position, err)
		}
		if page.From.Position != at.Position || page.From.Event != at.Event {
			t.Fatalf("a page from %v begins at %v", at, page.From)
		}
		if page.Through == page.From {
			if len(page.Events) > 0 {
				t.Fatalf("%d events and no step", len(page.Events))
			}
			return pages
		}
		pages = append(pages, page)
		at = page.Through
	}
}

func TestAPageIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	b := open(t)
	const n, size, limit = 100, 200_000, 8 << 20
	b.fill(t, n, size)
	count := 0
	for i, page := range b.pages(t, eventlog.Filter{Raw: true}) {
		bytes := 0
		for _, e := range page.Events {
			bytes += len(e.Data)
		}
		count += len(page.Events)
		if last := count == n; bytes > limit+size+200 || !last && bytes < limit {
			t.Errorf("page %d has %d events of %d bytes", i, len(page.Events), bytes)
		}
		if got, want := page.Through.Position, page.Events[len(page.Events)-1].Position; got != want {
			t.Errorf("page %d goes through %d, its last event is %d", i, got, want)
		}
	}
	if count != n {
		t.Errorf("%d events were read, want %d", count, n)
	}
}

func TestAnEventThatIsLargerThanAPageIsAPage(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.fill(t, 2, 9<<20)
	for i, page := range b.pages(t, eventlog.Filter{}) {
		if len(page.Events) != 1 {
			t.Errorf("page %d has %d events, want 1", i, len(page.Events))
		}
	}
}

func TestAPageIsBoundedInEvents(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.fill(t, 1203, 1)
	for limit, want := range map[int][]int{
		0:                      {500, 500, 203},
		eventlog.MaxEvents + 1: {500, 500, 203},
		-1:                     {500, 500, 203},
		401:                    {401, 401, 401},
		1203:                   {500, 500, 203},
	} {
		var got []int
		for _, page := range b.pages(t, eventlog.Filter{Limit: limit}) {
			got = append(got, len(page.Events))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pages of %d (-want +got):\n%s", limit, diff)
		}
	}
}

// A reader moves on over ranges that hold nothing for it, without ever looking
// at more than one range at once.
func TestAPageIsBoundedInPositions(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.fill(t, 24_000, 1)
	b.exec(t, `insert into event_log select 24001, tenant_id, stream_type, 'last', 1, gen_random_uuid(), 'user.deleted', 1, '{}', meta, recorded_at
		from event_log where position = 24000`)
	var through []events.Position
	var found int
	for _, page := range b.pages(t, eventlog.Filter{Types: []string{"user.deleted"}}) {
		through = append(through, page.Through.Position)
		found += len(page.Events)
		var there events.EventID
		if err := b.owner.QueryRow(t.Context(), `select event_id from event_log where position = $1`, page.Through.Position).Scan(&there); err != nil || there != page.Through.Event {
			t.Errorf("through %d with event %v, the log has %v there (%v)", page.Through.Position, page.Through.Event, there, err)
		}
	}
	if diff := cmp.Diff([]events.Position{10_000, 20_000, 24_001}, through); diff != "" || found != 1 {
		t.Errorf("%d events found, through (-want +got):\n%s", found, diff)
	}
}

func TestAFilterChoosesEvents(t *testing.T) {
	t.Parallel()
	b := open(t)
	const n = 2100
	b.fill(t, n, 1)
	for name, tt := range map[string]struct {
		filter eventlog.Filter
		chosen func(i int) bool
	}{
		"nothing asked":     {eventlog.Filter{}, func(int) bool { return true }},
		"one type":          {eventlog.Filter{Types: []string{"user.disabled"}}, func(i int) bool { return i%4 == 0 }},
		"two types":         {eventlog.Filter{Types: []string{"user.disabled", "user.enabled"}}, func(int) bool { return true }},
		"no type":           {eventlog.Filter{Types: []string{}}, func(int) bool { return false }},
		"one tenant":        {eventlog.Filter{Tenants: []events.TenantID{"tenant 1"}}, func(i int) bool { return i%3 == 1 }},
		"two tenants":       {eventlog.Filter{Tenants: []events.TenantID{"tenant 1", "tenant 2"}}, func(i int) bool { return i%3 > 0 }},
		"no tenant":         {eventlog.Filter{Tenants: []events.TenantID{}}, func(int) bool { return false }},
		"an empty tenant":   {eventlog.Filter{Tenants: []events.TenantID{""}}, func(int) bool { return false }},
		"a stream's type":   {eventlog.Filter{StreamType: events.APIKeyStreams}, func(i int) bool { return i%5 == 0 }},
		"a stream":          {eventlog.Filter{StreamID: "s77"}, func(i int) bool { return i == 77 }},
		"an actor":          {eventlog.Filter{Actor: "a3"}, func(i int) bool { return i%7 == 3 }},
		"all of it":         {eventlog.Filter{Types: []string{"user.enabled"}, Tenants: []events.TenantID{"tenant 1"}, StreamType: events.UserStreams, Actor: "a3"}, func(i int) bool { return i%4 > 0 && i%3 == 1 && i%5 > 0 && i%7 == 3 }},
		"an actor's SQL":    {eventlog.Filter{Actor: "' or true --"}, func(int) bool { return false }},
		"in small portions": {eventlog.Filter{Actor: "a3", Limit: 7}, func(i int) bool { return i%7 == 3 }},
	} {
		var want, got []events.Position
		for i := range n {
			if tt.chosen(i + 1) {
				want = append(want, events.Position(i+1))
			}
		}
		for _, page := range b.pages(t, tt.filter) {
			for _, e := range page.Events {
				got = append(got, e.Position)
				if data := (events.UserEnabled{User: events.UserID(fmt.Sprint(e.Position)), Reason: "x"}); e.Position%4 > 0 && e.Payload != data {
					t.Fatalf("at %d: %+v", e.Position, e.Payload)
				}
				if e.Meta.CorrelationID != fmt.Sprint("c", e.Position) || e.Data != nil {
					t.Fatalf("at %d: meta %+v, data %q", e.Position, e.Meta, e.Data)
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestRawEventsKeepTheirBytes(t *testing.T) {
	t.Parallel()
	b := open(t)
	const text = `{ "user_id" : "a",  "reason":"\u00e9", "more": [1.0, 1e2] }`
	b.fill(t, 3, 1)
	b.exec(t, `insert into event_log select 4, tenant_id, stream_type, 'raw', 1, gen_random_uuid(), 'user.enabled', 1, $1::text::json, meta, recorded_at
		from event_log where position = 3`, text)
	b.fill(t, 0, 1)
	pages := b.pages(t, eventlog.Filter{Raw: true})
	if got := string(pages[0].Events[3].Data); got != text {
		t.Errorf("got  %s\nwant %s", got, text)
	}
	if got := pages[0].Events[3].Payload; got != (events.UserEnabled{User: "a", Reason: "é"}) {
		t.Errorf("got %+v", got)
	}
	if got := string(pages[0].Events[0].Data); !strings.Contains(got, `"1"`) {
		t.Errorf("the first event's bytes are %s", got)
	}
}

func TestAnEmptyLogHasNothingToRead(t *testing.T) {
	t.Parallel()
	b := open(t)
	page, err := eventlog.ReadBatch(t.Context(), b.owner, events.Mark{}, eventlog.Filter{})
	if err != nil || page.Through != page.From || page.Through.Position != 0 || page.Through.Log == (events.LogID{}) || len(page.Events) > 0 {
		t.Errorf("got %+v, %v", page, err)
	}
	head, err := eventlog.Head(t.Context(), b.owner)
	if err != nil || head != page.Through {
		t.Errorf("the head is %+v, want %+v (%v)", head, page.Through, err)
	}
}

// The two statements of a read have a snapshot each. What is appended between
// them belongs to the page, and the page's end to the page.
func TestWhatIsAppendedDuringAReadIsNotLost(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx, stop := context.WithCancel(t.Context())
	writing := make(chan error, 1)
	go func() {
		var err error
		for i := 0; err == nil && ctx.Err() == nil; i++ {
			_, err = b.Append(t.Context(), created(fmt.Sprint("u", i)))
		}
		writing <- err
	}()
	reader, err := b.connect(t, eventlog.ReaderSession)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]eventlog.Filter{"all": {}, "none": {Types: []string{"user.deleted"}}, "in twos": {Limit: 2}} {
		var at events.Mark
		seen := events.Position(0)
		for range 150 {
			page, err := eventlog.ReadBatch(ctx, reader, at, f)
			if err != nil {
				t.Fatalf("%s, after %d: %v", name, at.Position, err)
			}
			for _, e := range page.Events {
				if seen++; e.Position != seen || e.Position > page.Through.Position {
					t.Fatalf("%s: position %d, want %d, through %d", name, e.Position, seen, page.Through.Position)
				}
			}
			if name != "none" && page.Through.Position != seen {
				t.Fatalf("%s: through %d, seen up to %d", name, page.Through.Position, seen)
			}
			at = page.Through
		}
	}
	stop()
	if err := <-writing; err != nil {
		t.Error(err)
	}
}

// There are more positions than fit in 32 bits.
func TestAPositionHasMoreThan32Bits(t *testing.T) {
	t.Parallel()
	b := open(t)
	const far = 5_000_000_000
	b.exec(t, `insert into event_log values ($1, 'platform', 'user', 'ada', 1, gen_random_uuid(), 'user.enabled', 1, '{}', '{}', now())`, int64(far))
	if r := b.must(t, with(created("bob"), func(c *eventlog.Command) { c.Idempotency = idempotency("k", "h") })); r.First != far+1 {
		t.Errorf("position %d, want %d", r.First, far+1)
	}
	from, err := eventlog.MarkAt(t.Context(), b.owner, far)
	if err != nil {
		t.Fatal(err)
	}
	page, err := eventlog.ReadBatch(t.Context(), b.owner, from, eventlog.Filter{})
	if err != nil || len(page.Events) != 1 || page.Through.Position != far+1 {
		t.Errorf("got %+v, %v", page, err)
	}
	if a, _ := b.answered(t, "k"); a.Position != far+1 {
		t.Errorf("the answer is stored at %d", a.Position)
	}
}

func TestAReadWorksInATransactionToo(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.must(t, created("ada"))
	err := pgx.BeginFunc(t.Context(), b.owner, func(tx pgx.Tx) error {
		page, err := eventlog.ReadBatch(t.Context(), tx, events.Mark{}, eventlog.Filter{})
		if err == nil && len(page.Events) != 1 {
			t.Errorf("%d events, want 1", len(page.Events))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
