package eventlog_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"pgregory.net/rapid"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

// A JSON text that passes gives back what was meant, here and in Postgres; one
// that does not would give something else, or nothing.
func FuzzReadable(f *testing.F) {
	for _, seed := range []string{
		`{}`, `"a"`, `"\u0000"`, `"\\u0000"`, `"\\\u0000"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ude00\ud83d"`, `"\ud83d\ud83d\ude00"`, `"\uD83D\\uDE00"`,
		`"\ufffd"`, `"\uFFFD"`, "\"\ufffd\"", "\"\xff\"", `{"\u0000":1}`, `["\ud800",1]`, `"\ud800\n"`, `"\ud800\u0041"`, `"\ud800 \udc00"`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		what := eventlog.Unreadable(data)
		if !json.Valid(data) {
			return // no encoder writes it
		}
		meant := utf8.Valid(data) && meansWhatItSays(t, data)
		if (what == "") != meant {
			t.Errorf("%q: found %q in it, but it can be read: %t", data, what, meant)
		}
	})
}

// meansWhatItSays tells whether the strings of a JSON text hold no NUL, and no
// replacement for what could not be read.
func meansWhatItSays(t *testing.T, data []byte) bool {
	t.Helper()
	replaced := -bytes.Count(data, []byte("\ufffd"))
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return replaced == 0
		}
		if err != nil {
			t.Fatalf("%q is valid, but %v", data, err)
		}
		if s, ok := token.(string); ok {
			replaced += strings.Count(s, "\ufffd")
			if strings.Contains(s, "\x00") {
				return false
			}
		}
	}
}

// Postgres takes any JSON text into a json column, and fails on reading. What
// it can read, jsonb takes too.
func TestWhatPassesAsReadablePostgresCanRead(t *testing.T) {
	t.Parallel()
	b := openPools(t, nil)
	escapes := rapid.SampledFrom([]string{
		`\u0000`, `\ud83d`, `\ude00`, `\uDBFF`, `\uDC00`, `\ufffe`, `\uFFFF`, `\\`, `\\u0000`, `\"`, `\n`, `\/`, `u0000`, `a`, "é", "💥", "\u2028", `\u0001`,
	})
	rapid.Check(t, func(t *rapid.T) {
		data := `{"k` + strings.Join(rapid.SliceOfN(escapes, 0, 3).Draw(t, "key"), "") + `": "` + strings.Join(rapid.SliceOfN(escapes, 0, 6).Draw(t, "value"), "") + `"}`
		what := eventlog.Unreadable([]byte(data))
		var read string
		err := b.owner.QueryRow(t.Context(), `select $1::text::json::jsonb::text`, data).Scan(&read)
		var pg *pgconn.PgError
		if err != nil && !errors.As(err, &pg) {
			t.Fatal(err)
		}
		if (what == "") != (err == nil) {
			t.Fatalf("%s: found %q in it, Postgres says %v", data, what, err)
		}
		var here, there any
		if err == nil && (json.Unmarshal([]byte(data), &here) != nil || json.Unmarshal([]byte(read), &there) != nil || !equal(here, there)) {
			t.Fatalf("%s: %v here, %v there", data, here, there)
		}
	})
}

func equal(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// FuzzCheck holds the checks to what they promise to those behind them.
func FuzzCheck(f *testing.F) {
	f.Add("t", "user", "ada", "email", "v", "k", "POST /users", "Ada", int64(0), 1)
	f.Add("", "\x00", "\xff", "", "\ud7ff", "\xed\xa0\x80", "", "\x00", int64(-1), -1)
	f.Add(strings.Repeat("x", 513), "t", "i", "k", strings.Repeat("é", 257), "k", strings.Repeat("r", 2049), strings.Repeat("n", 1<<18), int64(1)<<62, 1<<40)
	f.Fuzz(func(t *testing.T, tenant, kind, id, filing, value, key, route, name string, version int64, count int) {
		s := events.Stream{Tenant: events.TenantID(tenant), Type: events.StreamType(kind), ID: id}
		i := idempotency(key, value)
		i.Route, i.Response = route, name
		payload := events.UserRenamed{Name: name}
		c := eventlog.Command{
			Meta:        events.Meta{RequestID: id, UserAgent: name},
			Writes:      []eventlog.Write{{Stream: s, Expected: events.Version(version), Events: []eventlog.Event{{ID: uuid.New(), Payload: payload}}}},
			Take:        []eventlog.Claim{{Tenant: s.Tenant, Kind: filing, Value: value, Stream: s}},
			Remove:      []eventlog.Lookup{{Tenant: s.Tenant, Kind: filing, Value: value, Stream: s}},
			Seen:        []eventlog.Seen{{Tenant: s.Tenant, Kind: filing, Value: value, Count: count}},
			Idempotency: i,
		}
		err := eventlog.Check(c)
		if err != nil {
			if !errors.Is(err, eventlog.ErrRefused) {
				t.Errorf("got %v, want ErrRefused", err)
			}
			return
		}
		for _, s := range []string{tenant, kind, id, filing, value, key} {
			if len(s) > 512 || !utf8.ValidString(s) || strings.Contains(s, "\x00") {
				t.Errorf("%q passed", s)
			}
		}
		for _, s := range []string{route, name} {
			if !utf8.ValidString(s) || strings.Contains(s, "\x00") {
				t.Errorf("%q passed", s)
			}
		}
		if tenant == "" || kind == "" || id == "" || filing == "" || key == "" || route == "" || version < 0 || count < 0 || len(name) > 256<<10 {
			t.Error("something that is missing, below zero or too long passed")
		}
		_, _, data, err := events.Encode(payload)
		var back events.UserRenamed
		if err != nil || json.Unmarshal(data, &back) != nil || back != payload {
			t.Errorf("%q is read back as %q", name, back.Name)
		}
	})
}
