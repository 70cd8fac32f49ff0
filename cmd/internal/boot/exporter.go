package boot

import (
	"context"
	"net/url"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// traceExporter sends traces to the collector. It does not wait for it.
func traceExporter(ctx context.Context, s Process) (sdktrace.SpanExporter, error) {
	if s.OTLPProtocol == OverHTTP {
		return otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(pathOf(s.OTLPEndpoint, "/v1/traces")), otlptracehttp.WithHeaders(s.OTLPHeaders))
	}
	return otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(string(s.OTLPEndpoint)), otlptracegrpc.WithHeaders(s.OTLPHeaders))
}

// metricExporter sends metrics to the collector. It does not wait for it.
func metricExporter(ctx context.Context, s Process) (sdkmetric.Exporter, error) {
	if s.OTLPProtocol == OverHTTP {
		return otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(pathOf(s.OTLPEndpoint, "/v1/metrics")), otlpmetrichttp.WithHeaders(s.OTLPHeaders))
	}
	return otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpointURL(string(s.OTLPEndpoint)), otlpmetricgrpc.WithHeaders(s.OTLPHeaders))
}

// pathOf adds the path that collectors take a signal at, where none is named.
func pathOf(e Endpoint, usual string) string {
	u, err := url.Parse(string(e))
	if err == nil && (u.Path == "" || u.Path == "/") {
		u.Path = usual
		return u.String()
	}
	return string(e)
}
