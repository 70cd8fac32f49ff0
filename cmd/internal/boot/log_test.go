package boot_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/trace"

	"tenure/cmd/internal/boot"
)

// line logs once and gives what was written, but for the time.
func line(t *testing.T, say func(*slog.Logger)) map[string]any {
	t.Helper()
	var out bytes.Buffer
	say(boot.NewLogger(&out, slog.LevelInfo, "platform"))
	var got map[string]any
	if out.Len() > 0 {
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
	}
	delete(got, "time")
	return got
}

// request is a context as the API's layers make it.
func request(t *testing.T) context.Context {
	t.Helper()
	var b baggage.Baggage
	for name, value := range map[string]string{"tenant.id": "acme", "request.id": "r1"} {
		m, err := baggage.NewMemberRaw(name, value)
		if err != nil {
			t.Fatal(err)
		}
		if b, err = b.SetMember(m); err != nil {
			t.Fatal(err)
		}
	}
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
	return trace.ContextWithSpanContext(baggage.ContextWithBaggage(t.Context(), b), span)
}

func TestALineSaysWhereItComesFrom(t *testing.T) {
	t.Parallel()
	at := map[string]any{"tenant.id": "acme", "trace_id": "01000000000000000000000000000000", "span_id": "0200000000000000", "request_id": "r1"}
	with := func(more map[string]any) map[string]any {
		all := map[string]any{"level": "INFO", "msg": "hello"}
		for _, m := range []map[string]any{at, more} {
			for k, v := range m {
				all[k] = v
			}
		}
		return all
	}
	for name, tt := range map[string]struct {
		say  func(*slog.Logger)
		want map[string]any
	}{
		"of a request": {func(l *slog.Logger) { l.InfoContext(request(t), "hello") }, with(nil)},
		"of a logger made from another": {
			func(l *slog.Logger) { l.With("a", "b").InfoContext(request(t), "hello") },
			with(map[string]any{"a": "b"}),
		},
		"that names its request itself": {
			func(l *slog.Logger) { l.InfoContext(request(t), "hello", "request_id", "own") },
			with(map[string]any{"request_id": "own"}),
		},
		"of nobody":       {func(l *slog.Logger) { l.Info("hello") }, map[string]any{"level": "INFO", "msg": "hello", "tenant.id": "platform"}},
		"below the level": {func(l *slog.Logger) { l.Debug("hello") }, nil},
	} {
		if d := cmp.Diff(tt.want, line(t, tt.say)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
