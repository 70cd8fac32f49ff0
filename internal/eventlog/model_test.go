package eventlog_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

// model is the log as DESIGN tells of it, in memory, one command at a time.
type model struct {
	head     events.Position
	versions map[events.Stream]events.Version
	claims   map[string]events.Stream
	filed    map[eventlog.Lookup]bool
	keys     map[string]eventlog.Answered
	done     map[events.EventID]events.Position // where a command's first event stands
}

func newModel(head events.Position) model {
	return model{
		head: head, versions: map[events.Stream]events.Version{}, claims: map[string]events.Stream{},
		filed: map[eventlog.Lookup]bool{}, keys: map[string]eventlog.Answered{}, done: map[events.EventID]events.Position{},
	}
}

func (m model) clone() model {
	return model{m.head, maps.Clone(m.versions), maps.Clone(m.claims), maps.Clone(m.filed), maps.Clone(m.keys), maps.Clone(m.done)}
}

// carryOut tells whether a command can have been answered so by a log in this
// state, and changes the state as the command does.
func (m *model) carryOut(c eventlog.Command, got result) bool {
	n := 0
	for _, w := range c.Writes {
		n += len(w.Events)
	}
	if n > 0 {
		if at, again := m.done[c.Writes[0].Events[0].ID]; again {
			return got.err == nil && !got.receipt.Replayed && got.receipt.First == at && got.receipt.Last == at+events.Position(n)-1
		}
	}
	if i := c.Idempotency; i != nil {
		if a, known := m.keys[i.Key]; known {
			if a.RequestHash != i.RequestHash {
				return errors.Is(got.err, eventlog.ErrKeyReused)
			}
			return got.err == nil && got.receipt.Replayed && got.receipt.Last == a.Position && got.receipt.Response == a.Response
		}
	}
	if reasons := m.against(c); len(reasons) > 0 {
		return slices.ContainsFunc(reasons, func(reason error) bool { return errors.Is(got.err, reason) })
	}
	m.apply(c, events.Position(n))
	first := m.head
	if n > 0 {
		first = m.head - events.Position(n) + 1
	}
	return got.err == nil && !got.receipt.Replayed && got.receipt.First == first && got.receipt.Last == m.head
}

// against lists why a command cannot be carried out. Each of them is an answer.
func (m *model) against(c eventlog.Command) (reasons []error) {
	for _, w := range c.Writes {
		if m.versions[w.Stream] != w.Expected {
			reasons = append(reasons, eventlog.ErrMoved)
		}
	}
	for _, r := range c.Reads {
		if m.versions[r.Stream] != r.Version {
			reasons = append(reasons, eventlog.ErrMoved)
		}
	}
	for _, s := range c.Seen {
		count := 0
		for l := range m.filed {
			if l.Value == s.Value {
				count++
			}
		}
		if count != s.Count {
			reasons = append(reasons, eventlog.ErrSetChanged)
		}
	}
	freed := map[string]bool{}
	for _, r := range c.Release {
		freed[r.Value] = true
		if m.claims[r.Value] != r.Stream {
			reasons = append(reasons, eventlog.ErrNotHeld)
		}
	}
	for _, t := range c.Take {
		if _, held := m.claims[t.Value]; held && !freed[t.Value] {
			reasons = append(reasons, eventlog.ErrTaken)
		}
	}
	return reasons
}

func (m *model) apply(c eventlog.Command, n events.Position) {
	if n > 0 {
		m.done[c.Writes[0].Events[0].ID] = m.head + 1
	}
	m.head += n
	for _, w := range c.Writes {
		m.versions[w.Stream] += events.Version(len(w.Events))
	}
	for _, r := range c.Release {
		delete(m.claims, r.Value)
	}
	for _, t := range c.Take {
		m.claims[t.Value] = t.Stream
	}
	for _, l := range c.Remove {
		delete(m.filed, l)
	}
	for _, l := range c.Add {
		m.filed[l] = true
	}
	if i := c.Idempotency; i != nil {
		m.keys[i.Key] = eventlog.Answered{RequestHash: i.RequestHash, Response: i.Response, Position: m.head}
	}
}

// inSomeOrder finds an order in which the commands, one at a time, give these
// results and lead to this end.
func (m model) inSomeOrder(commands []eventlog.Command, results []result, end func(model) bool) (model, bool) {
	if len(commands) == 0 {
		return m, end(m)
	}
	for i, c := range commands {
		after := m.clone()
		if !after.carryOut(c, results[i]) {
			continue
		}
		restCommands := slices.Delete(slices.Clone(commands), i, i+1)
		restResults := slices.Delete(slices.Clone(results), i, i+1)
		if last, ok := after.inSomeOrder(restCommands, restResults, end); ok {
			return last, true
		}
	}
	return m, false
}

// drawn draws commands about a few things of one tenant.
type drawn struct {
	*rapid.T
	tenant events.TenantID
	past   []eventlog.Command
}

func (d *drawn) user() events.Stream {
	return events.UserStream(d.tenant, rapid.SampledFrom([]events.UserID{"ada", "bob", "cy"}).Draw(d.T, "user"))
}

func (d *drawn) sometimes(what string) bool { return rapid.IntRange(0, 3).Draw(d.T, what) == 0 }

// command draws one that has a fair chance in this state.
func (d *drawn) command(m model) eventlog.Command {
	if len(d.past) > 0 && rapid.IntRange(0, 7).Draw(d.T, "again") == 0 {
		return rapid.SampledFrom(d.past).Draw(d.T, "which")
	}
	c := eventlog.Command{Meta: meta()}
	version := func(s events.Stream) events.Version {
		return max(0, m.versions[s]+rapid.SampledFrom([]events.Version{0, 0, 0, 0, 1, -1}).Draw(d.T, "off by"))
	}
	stated := map[events.Stream]bool{}
	for range rapid.IntRange(0, 2).Draw(d.T, "streams") {
		s := d.user()
		if stated[s] {
			continue
		}
		stated[s] = true
		if d.sometimes("read only") {
			c.Reads = append(c.Reads, eventlog.Read{Stream: s, Version: version(s)})
			continue
		}
		w := eventlog.Write{Stream: s, Expected: version(s)}
		for range rapid.IntRange(1, 2).Draw(d.T, "events") {
			w.Events = append(w.Events, eventlog.Event{ID: uuid.New(), Payload: events.UserEnabled{User: "u"}})
		}
		c.Writes = append(c.Writes, w)
	}
	d.claims(m, &c)
	d.lookups(m, &c)
	if len(c.Writes) == 0 || d.sometimes("with a key") {
		c.Idempotency = idempotency(rapid.SampledFrom([]string{"k1", "k2", "k3"}).Draw(d.T, "key"), rapid.SampledFrom([]string{"h", "h", "g"}).Draw(d.T, "hash"))
		c.Idempotency.Tenant, c.Idempotency.Response = d.tenant, uuid.NewString()
	}
	d.past = append(d.past, c)
	return c
}

func (d *drawn) claims(m model, c *eventlog.Command) {
	for _, value := range []string{"x", "y"} {
		one := eventlog.Claim{Tenant: d.tenant, Kind: "email", Value: value, Stream: d.user()}
		if d.sometimes("take " + value) {
			c.Take = append(c.Take, one)
		}
		if d.sometimes("release " + value) {
			if s, held := m.claims[value]; held {
				one.Stream = s
			}
			c.Release = append(c.Release, one)
		}
	}
}

func (d *drawn) lookups(m model, c *eventlog.Command) {
	for _, value := range []string{"v", "w"} {
		one := eventlog.Lookup{Tenant: d.tenant, Kind: "team", Value: value, Stream: d.user()}
		switch rapid.IntRange(0, 7).Draw(d.T, "file under "+value) {
		case 0, 1:
			c.Add = append(c.Add, one)
		case 2, 3:
			c.Remove = append(c.Remove, one)
		}
		if d.sometimes("see " + value) {
			count := rapid.SampledFrom([]int{0, 0, 1}).Draw(d.T, "off by")
			for l := range m.filed {
				if l.Value == value {
					count++
				}
			}
			c.Seen = append(c.Seen, eventlog.Seen{Tenant: d.tenant, Kind: "team", Value: value, Count: count})
		}
	}
}

// at reads what the tables hold of a tenant, as the state of a model.
func (b bench) at(t testing.TB, tenant events.TenantID) model {
	t.Helper()
	m := newModel(0)
	var s events.Stream
	var kind, value string
	each := func(table string, keep func()) {
		rows, err := b.owner.Query(t.Context(), `select kind, value, stream_tenant, stream_type, stream_id from `+table+` where tenant_id = $1`, string(tenant))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pgx.ForEachRow(rows, []any{&kind, &value, &s.Tenant, &s.Type, &s.ID}, func() error { keep(); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	each("claims", func() { m.claims[value] = s })
	each("lookups", func() { m.filed[eventlog.Lookup{Tenant: tenant, Kind: kind, Value: value, Stream: s}] = true })
	rows, err := b.owner.Query(t.Context(), `select key, request_hash, response, position from idempotency where tenant_id = $1`, string(tenant))
	if err != nil {
		t.Fatal(err)
	}
	var key string
	var a eventlog.Answered
	if _, err := pgx.ForEachRow(rows, []any{&key, &a.RequestHash, &a.Response, &a.Position}, func() error { m.keys[key] = a; return nil }); err != nil {
		t.Fatal(err)
	}
	return m
}

// Whatever is appended at once, by two processes and over wires that break, is
// as if it had been appended one after the other.
func TestTheLogIsWhatTheModelIs(t *testing.T) {
	t.Parallel()
	b := open(t)
	second := start(t, writerPool(t, b.url, nil), eventlog.Config{})
	rapid.Check(t, func(r *rapid.T) {
		d := drawn{T: r, tenant: events.TenantID(uuid.NewString())}
		head, err := eventlog.Head(t.Context(), b.owner)
		if err != nil {
			t.Fatal(err)
		}
		m := newModel(head.Position)
		for range rapid.IntRange(1, 4).Draw(r, "rounds") {
			commands := make([]eventlog.Command, rapid.IntRange(1, 6).Draw(r, "commands"))
			for i := range commands {
				commands[i] = d.command(m)
			}
			elsewhere := rapid.IntRange(0, len(commands)/2).Draw(r, "of them in another process")
			cuts := rapid.SampledFrom([][]cut{nil, nil, {unheard()}, {lost()}}).Draw(r, "cuts")
			results := b.atOnceInTwo(t, second, commands, elsewhere, cuts)
			m.head++ // the command that held the gate
			now := b.at(t, d.tenant)
			after, ok := m.inSomeOrder(commands, results, func(end model) bool {
				return maps.Equal(end.claims, now.claims) && maps.Equal(end.filed, now.filed) && maps.Equal(end.keys, now.keys)
			})
			if !ok {
				r.Fatalf("no order explains this:\nbefore %+v\n%s\nafter %+v", m, tableau(commands, results), now)
			}
			m = after
		}
	})
	b.isDense(t)
}

// atOnceInTwo appends commands together, the first few by another appender.
func (b bench) atOnceInTwo(t testing.TB, second *eventlog.Appender, commands []eventlog.Command, elsewhere int, cuts []cut) []result {
	t.Helper()
	b.hold(t)
	b.wire.cut(cuts...)
	answers := make([]<-chan result, len(commands))
	for i, c := range commands[elsewhere:] {
		answers[elsewhere+i] = b.begin(t.Context(), t, c)
	}
	for i, c := range commands[:elsewhere] {
		answer := make(chan result, 1)
		answers[i] = answer
		go func() {
			r, err := second.Append(t.Context(), c)
			answer <- result{r, err}
		}()
	}
	b.gate.open()
	results := make([]result, len(commands))
	for i, answer := range answers {
		results[i] = <-answer
	}
	return results
}

// isDense holds the whole log to what every log is.
func (b bench) isDense(t testing.TB) {
	t.Helper()
	versions := map[events.Stream]events.Version{}
	ids := map[events.EventID]bool{}
	var before time.Time
	for i, e := range b.all(t) {
		versions[e.Stream]++
		switch {
		case e.Position != events.Position(i+1):
			t.Fatalf("event %d is at position %d", i+1, e.Position)
		case e.Version != versions[e.Stream]:
			t.Fatalf("at %d: version %d of %v, want %d", e.Position, e.Version, e.Stream, versions[e.Stream])
		case e.RecordedAt.Before(before):
			t.Fatalf("at %d: time went back", e.Position)
		case ids[e.ID]:
			t.Fatalf("at %d: event %s is there twice", e.Position, e.ID)
		}
		before, ids[e.ID] = e.RecordedAt, true
	}
}

func tableau(commands []eventlog.Command, results []result) (text string) {
	for i, c := range commands {
		key := "none"
		if c.Idempotency != nil {
			key = c.Idempotency.Key + " " + c.Idempotency.RequestHash
		}
		text += fmt.Sprintf("%d: writes %v, reads %v, takes %v, releases %v, adds %v, removes %v, has seen %v, key %s\n   -> %+v\n",
			i, c.Writes, c.Reads, c.Take, c.Release, c.Add, c.Remove, c.Seen, key, results[i])
	}
	return text
}
