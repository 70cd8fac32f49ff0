package boot

import (
	"context"
	"net/url"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// openExporter sends traces to the collector. It does not wait for it.
func openExporter(ctx context.Context, s Process) (sdktrace.SpanExporter, error) {
	if s.OTLPProtocol == OverHTTP {
		return otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(tracesURL(s.OTLPEndpoint)), otlptracehttp.WithHeaders(s.OTLPHeaders))
	}
	return otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(string(s.OTLPEndpoint)), otlptracegrpc.WithHeaders(s.OTLPHeaders))
}

// tracesURL adds the path that collectors take traces at, where none is named.
func tracesURL(e Endpoint) string {
	u, err := url.Parse(string(e))
	if err == nil && (u.Path == "" || u.Path == "/") {
		u.Path = "/v1/traces"
		return u.String()
	}
	return string(e)
}
