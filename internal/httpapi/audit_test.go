package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

// positions are those of an answer's items.
func positions(got response) []int {
	var all []int
	items, _ := got.json["items"].([]any)
	for _, item := range items {
		p, _ := item.(map[string]any)["position"].(float64)
		all = append(all, int(p))
	}
	return all
}

func TestTheLog(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)    // 1, 2, 3: root, active, with a key
	shop := k.supplier("Shop") // 4
	r := k.as(k.root, "POST", "/users", `{"email":"ada@example.com"}`, 201, "X-Request-ID", "my-request", "User-Agent", "ag\xffent", "Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	ada := r.json["id"].(string)                                               // 5
	k.as(k.root, "PATCH", "/users/"+ada, `{"name":"A","role":"auditor"}`, 200) // 6, 7
	for query, want := range map[string][]int{
		"":                             {1, 2, 3, 4, 5, 6, 7},
		"after=5":                      {6, 7},
		"after=7":                      nil,
		"after=9007199254740991":       nil,
		"limit=2":                      {1, 2},
		"limit=2&after=2":              {3, 4},
		"limit=1000":                   {1, 2, 3, 4, 5, 6, 7},
		"stream_type=supplier":         {4},
		"stream_id=" + ada:             {5, 6, 7},
		"stream_id=nothing":            nil,
		"type=user.renamed":            {6},
		"actor_id=" + string(k.rootID): {4, 5, 6, 7},
		"actor_id=" + ada:              nil,
		"from=2020-01-01T00:00:00Z":    {1, 2, 3, 4, 5, 6, 7},
		"from=2120-01-01T00:00:00Z":    nil,
		"to=2020-01-01T00:00:00Z":      nil,
		"to=2120-01-01T00:00:00Z":      {1, 2, 3, 4, 5, 6, 7},
	} {
		got := k.as(k.root, "GET", "/audit/events?"+query, "", 200)
		if p := positions(got); !reflect.DeepEqual(p, want) {
			t.Errorf("%s: got %v, want %v", query, p, want)
		}
		lines := k.lines(query)
		if len(lines) != len(want) {
			t.Errorf("%s: got %d lines, want %d", query, len(lines), len(want))
		}
	}
	k.as(k.root, "GET", "/audit/events?limit=2", "", 200).wants(t, map[string]any{"next_after": 2.0})
	k.as(k.root, "GET", "/audit/events?limit=7", "", 200).wants(t, map[string]any{"next_after": nil})
	k.as(k.root, "GET", "/audit/events?stream_type=supplier&limit=1", "", 200).wants(t, map[string]any{"next_after": 4.0})
	if p := positions(k.as(k.root, "GET", "/audit/events", "", 200, "X-Tenant-ID", shop)); !reflect.DeepEqual(p, []int{4}) {
		t.Errorf("within the shop: %v", p)
	}
	for _, query := range []string{"limit=0", "limit=1001", "after=-1", "after=9007199254740992", "type=user.exploded", "stream_type=users", "actor_id=root", "from=now", "page=1", "to="} {
		k.as(k.root, "GET", "/audit/events?"+query, "", 422)
	}

	one := k.as(k.root, "GET", "/audit/events/5", "", 200)
	one.wants(t, map[string]any{
		"position": 5.0, "tenant_id": "platform", "stream_type": "user", "stream_id": ada, "version": 1.0, "type": "user.created", "schema": 1.0,
		"data.email": "ada@example.com", "data.role": "viewer", "meta.actor_id": string(k.rootID), "meta.principal": "api_key",
		"meta.request_id": "my-request", "meta.correlation_id": "my-request", "meta.causation_id": nil, "meta.ip": "127.0.0.1", "meta.user_agent": "agent",
		"meta.allowed_by.permission": "create_users", "meta.allowed_by.role": "super_admin",
	})
	k.as(k.root, "GET", "/audit/events/1", "", 200).wants(t, map[string]any{"meta.actor_id": nil, "meta.principal": "system", "meta.ip": nil})
	k.as(k.root, "GET", "/audit/events/5", "", 404, "X-Tenant-ID", shop)
	k.as(k.root, "GET", "/audit/events/8", "", 404)
	k.as(k.root, "GET", "/audit/events/9007199254740991", "", 404)

	recorded, err := time.Parse(time.RFC3339Nano, one.json["recorded_at"].(string))
	if err != nil {
		t.Fatal(err)
	}
	if p := positions(k.as(k.root, "GET", "/audit/events?from="+recorded.Format(time.RFC3339Nano), "", 200)); p[0] != 5 {
		t.Errorf("from is inclusive, got %v", p)
	}
	if p := positions(k.as(k.root, "GET", "/audit/events?to="+recorded.Format(time.RFC3339Nano), "", 200)); p[len(p)-1] != 4 {
		t.Errorf("to is exclusive, got %v", p)
	}
}

// lines reads the log as JSON lines.
func (k *stack) lines(query string) []string {
	k.t.Helper()
	got := k.as(k.root, "GET", "/audit/events?"+query, "", 200, "Accept", "text/html;q=0.1, application/x-ndjson")
	if got.header.Get("Content-Type") != ndjson {
		k.t.Fatalf("got %s", got.header.Get("Content-Type"))
	}
	var all []string
	for line := range strings.Lines(got.text) {
		if !json.Valid([]byte(line)) {
			k.t.Fatalf("no JSON: %q", line)
		}
		all = append(all, line)
	}
	return all
}

// TestALongLog is read in pages and as lines, to the end and no further.
func TestALongLog(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	id, _ := k.user("ada@example.com", "viewer")
	const more = 1200
	k.rename(events.UserID(id), more/2)
	k.rename(events.UserID(id), more/2)
	head, err := eventlog.Head(t.Context(), k.log)
	if err != nil {
		t.Fatal(err)
	}
	if lines := k.lines("type=user.renamed"); len(lines) != more {
		t.Errorf("got %d lines, want %d", len(lines), more)
	}
	if lines := k.lines("type=user.renamed&limit=777"); len(lines) != 777 {
		t.Errorf("got %d lines, want 777", len(lines))
	}
	if items := positions(k.as(k.root, "GET", "/audit/events?limit=1000", "", 200)); len(items) != 1000 || items[999] != 1000 {
		t.Errorf("got %d items", len(items))
	}
	seen, after := 0, "0"
	for page := 0; ; page++ {
		got := k.as(k.root, "GET", "/audit/events?limit=333&after="+after, "", 200)
		for i, p := range positions(got) {
			if p != seen+1 {
				t.Fatalf("page %d item %d is %d, want %d", page, i, p, seen+1)
			}
			seen = p
		}
		next, more := got.json["next_after"].(float64)
		if !more {
			break
		}
		after = strconv.Itoa(int(next))
	}
	if events.Position(seen) != head.Position {
		t.Errorf("the pages end at %d, the log at %d", seen, head.Position)
	}
	if got := k.as(k.root, http.MethodHead, "/audit/events", "", 200, "Accept", ndjson); got.header.Get("Content-Type") != ndjson {
		t.Errorf("HEAD: %v", got.header)
	}
}

// rename appends to a user's stream what no one would send one by one.
func (k *stack) rename(id events.UserID, times int) {
	k.t.Helper()
	stream := events.UserStream(events.Platform, id)
	past, err := eventlog.ReadStream(k.t.Context(), k.log, stream)
	if err != nil {
		k.t.Fatal(err)
	}
	write := eventlog.Write{Stream: stream, Expected: events.Version(len(past))}
	for range times {
		write.Events = append(write.Events, eventlog.Event{ID: uuid.Must(uuid.NewV7()), Payload: events.UserRenamed{User: id, Name: "Ada"}})
	}
	meta := events.Meta{System: "test", Principal: events.BySystem, CorrelationID: k.newID()}
	if _, err := k.commands.Appender.Append(k.t.Context(), eventlog.Command{Meta: meta, Writes: []eventlog.Write{write}}); err != nil {
		k.t.Fatal(err)
	}
}

// TestNoHashIsShown: not of any event that there can be, and not in lines.
func TestNoHashIsShown(t *testing.T) {
	t.Parallel()
	for _, name := range events.Types() {
		sample, _ := events.Sample(name)
		p := reflect.New(reflect.TypeOf(sample))
		marked := fill(p.Elem(), false)
		data, err := json.Marshal(p.Interface())
		if err != nil {
			t.Fatal(err)
		}
		if marked != strings.Contains(string(data), "SECRET") {
			t.Fatalf("%s: the sample is wrong: %s", name, data)
		}
		shown, err := showPayload(events.Recorded{Type: name, Payload: p.Elem().Interface().(events.Payload), Data: data})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(shown), "SECRET") || !strings.Contains(string(shown), "plain") {
			t.Errorf("%s: %s", name, shown)
		}
		if !marked && string(shown) != string(data) {
			t.Errorf("%s: the bytes are other ones: %s", name, shown)
		}
	}
}

// fill sets every text in v, to SECRET where it, or what it lies in, is tagged
// so, and tells whether there was such a one.
func fill(v reflect.Value, secret bool) (marked bool) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("plain")
		if secret {
			v.SetString("SECRET")
		}
		return secret
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return fill(v.Elem(), secret)
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			v.SetBytes([]byte(`"plain"`))
			return false
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		first := fill(v.Index(0), secret)
		return fill(v.Index(1), secret) || first
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return false
		}
		for i := range v.NumField() {
			f := v.Type().Field(i)
			marked = fill(v.Field(i), secret || f.Tag.Get("secret") == "true") || marked
		}
		return marked
	default:
		return false
	}
}

// TestKeysLeaveNoHashInTheLogsAnswers is the same, seen from outside.
func TestKeysLeaveNoHashInTheLogsAnswers(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	id := k.as(k.root, "POST", "/api-keys", `{"name":"x"}`, 201).json["id"].(string)
	k.as(k.root, "POST", "/api-keys/"+id+"/rotate", `{"grace_seconds":60}`, 200)
	k.as(k.root, "DELETE", "/api-keys/"+id, "", 204)
	past, err := eventlog.ReadStream(context.Background(), k.log, events.APIKeyStream(events.Platform, events.KeyID(id)))
	if err != nil {
		t.Fatal(err)
	}
	hash, _, _ := strings.Cut(string(past[0].Payload.(events.APIKeyIssued).Hash), ".")
	list := k.as(k.root, "GET", "/audit/events?stream_id="+id, "", 200).text
	one := k.as(k.root, "GET", "/audit/events/"+strconv.Itoa(int(past[0].Position)), "", 200).text
	for _, text := range append(k.lines("stream_type=api_key"), list, one) {
		if strings.Contains(text, hash) || strings.Contains(text, `hash`) {
			t.Errorf("a hash is shown: %s", text)
		}
	}
	if !strings.Contains(list, `"last_four"`) {
		t.Errorf("too much is hidden: %s", list)
	}
}

func TestProjections(t *testing.T) {
	t.Parallel()
	k := startStack(t, nil)
	got := k.as(k.root, "GET", "/operations/projections", "", 200)
	names := map[string]bool{}
	for _, item := range got.json["items"].([]any) {
		p := item.(map[string]any)
		names[p["name"].(string)] = true
		if p["version"] == 0.0 || p["parked_count"] != 0.0 || p["last_error"] != nil || p["position"] == nil || p["lag_events"] == nil || p["lag_seconds"] == nil {
			t.Errorf("got %v", p)
		}
	}
	for _, name := range []string{"users", "suppliers", "api-keys", "authentication"} {
		if !names[name] {
			t.Errorf("%s is not told of: %s", name, got.text)
		}
	}
}

func TestAccept(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{
		"": false, "*/*": false, "application/json": false, ndjson: true, "text/html, application/x-ndjson;q=0.5": true,
		"application/x-ndjson;q=0": false, "application/x-ndjson;q=0.0": false, "APPLICATION/X-NDJSON": true, ";,;": false,
	} {
		if got := accepts(header, ndjson); got != want {
			t.Errorf("%q: got %v", header, got)
		}
	}
}
