package boot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	prometheusexporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Telemetry is where a process tells what it does.
type Telemetry struct {
	Traces     trace.TracerProvider
	Meters     metric.MeterProvider
	Propagator propagation.TextMapPropagator
	// Metrics answers Prometheus.
	Metrics http.Handler

	traces *sdktrace.TracerProvider
	meters *sdkmetric.MeterProvider
}

// openTelemetry begins to tell. A collector that is away costs traces and
// nothing else. Without a collector spans have ids, so that log lines and
// events can be joined, and are kept nowhere.
func openTelemetry(ctx context.Context, s Process, logger *slog.Logger) (*Telemetry, error) {
	who, err := describe(ctx, s)
	if err != nil {
		return nil, err
	}
	traces, err := openTraces(ctx, s, who)
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	meters, err := openMeters(ctx, s, who, registry)
	if err != nil {
		return nil, fmt.Errorf("boot: metrics: %w", err)
	}
	t := &Telemetry{
		Propagator: propagation.TraceContext{},
		Metrics:    promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
		traces:     traces,
		meters:     meters,
	}
	t.Traces, t.Meters = t.traces, t.meters
	t.announce(logger)
	return t, nil
}

// announce makes this the telemetry of libraries that ask for the process's.
func (t *Telemetry) announce(logger *slog.Logger) {
	otel.SetTracerProvider(t.Traces)
	otel.SetMeterProvider(t.Meters)
	otel.SetTextMapPropagator(t.Propagator)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		logger.Warn("telemetry is not delivered", "error", err)
	}))
}

// close delivers what is still here.
func (t *Telemetry) close(ctx context.Context) error {
	if err := errors.Join(t.traces.Shutdown(ctx), t.meters.Shutdown(ctx)); err != nil {
		return fmt.Errorf("boot: telemetry: %w", err)
	}
	return nil
}

// openMeters tells metrics to whoever asks, and to the collector where there is
// one.
func openMeters(ctx context.Context, s Process, who *resource.Resource, registry *prometheus.Registry) (*sdkmetric.MeterProvider, error) {
	asked, err := prometheusexporter.New(prometheusexporter.WithRegisterer(registry))
	if err != nil {
		return nil, err
	}
	options := []sdkmetric.Option{sdkmetric.WithResource(who), sdkmetric.WithReader(asked)}
	if s.OTLPEndpoint != "" {
		exporter, err := metricExporter(ctx, s)
		if err != nil {
			return nil, err
		}
		options = append(options, sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exporter)))
	}
	return sdkmetric.NewMeterProvider(options...), nil
}

func openTraces(ctx context.Context, s Process, who *resource.Resource) (*sdktrace.TracerProvider, error) {
	options := []sdktrace.TracerProviderOption{
		sdktrace.WithResource(who),
		sdktrace.WithSpanProcessor(tenantOnSpans{none: s.TenantLabel}),
	}
	if s.OTLPEndpoint == "" {
		return sdktrace.NewTracerProvider(append(options, sdktrace.WithSampler(sdktrace.NeverSample()))...), nil
	}
	exporter, err := traceExporter(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("boot: traces: %w", err)
	}
	return sdktrace.NewTracerProvider(append(options,
		sdktrace.WithSampler(sdktrace.ParentBased(doors{sdktrace.TraceIDRatioBased(float64(s.SampleRatio))})),
		sdktrace.WithBatcher(exporter))...), nil
}

// describe says which process this is.
func describe(ctx context.Context, s Process) (*resource.Resource, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	who, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(
		attribute.String("service.name", s.ServiceName),
		attribute.String("service.version", BuildVersion(s.Version)),
		attribute.String("service.instance.id", fmt.Sprintf("%s-%d", host, os.Getpid())),
		attribute.String("deployment.environment.name", s.Environment),
	))
	if err != nil {
		return nil, fmt.Errorf("boot: describe the process: %w", err)
	}
	return who, nil
}

// BuildVersion is the version that was set, or the one the build knows of
// itself.
func BuildVersion(set string) string {
	if set != "" {
		return set
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
