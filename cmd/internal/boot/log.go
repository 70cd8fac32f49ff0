package boot

import (
	"context"
	"io"
	"log/slog"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/trace"
)

// What the baggage of a request says of it, to every span and log line.
const (
	tenantKey  = "tenant.id"
	requestKey = "request.id"
)

// NewLogger writes JSON lines. Each names its tenant, and its trace, span and
// request when it belongs to one.
func NewLogger(w io.Writer, level slog.Level, tenantLabel string) *slog.Logger {
	return slog.New(placed{slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}), tenantLabel})
}

// placed adds to each line where it comes from, as far as its context knows.
type placed struct {
	slog.Handler
	tenant string // of lines that belong to none
}

// Handle writes a line. What it names itself is not named again.
func (p placed) Handle(ctx context.Context, r slog.Record) error {
	named := map[string]bool{}
	r.Attrs(func(a slog.Attr) bool {
		named[a.Key] = true
		return true
	})
	line := r.Clone()
	for _, a := range p.place(ctx) {
		if !named[a.Key] {
			line.AddAttrs(a)
		}
	}
	return p.Handler.Handle(ctx, line)
}

func (p placed) place(ctx context.Context) []slog.Attr {
	at := []slog.Attr{slog.String(tenantKey, tenantOf(ctx, p.tenant))}
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		at = append(at, slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	if id := baggage.FromContext(ctx).Member(requestKey).Value(); id != "" {
		at = append(at, slog.String("request_id", id))
	}
	return at
}

// WithAttrs keeps the place on the lines of a logger made from this one.
func (p placed) WithAttrs(attrs []slog.Attr) slog.Handler {
	return placed{p.Handler.WithAttrs(attrs), p.tenant}
}

// WithGroup keeps it too, within the group.
func (p placed) WithGroup(name string) slog.Handler {
	return placed{p.Handler.WithGroup(name), p.tenant}
}

// tenantOf is the tenant in a context's baggage, or what stands for none.
func tenantOf(ctx context.Context, none string) string {
	if id := baggage.FromContext(ctx).Member(tenantKey).Value(); id != "" {
		return id
	}
	return none
}
