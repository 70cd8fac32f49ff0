package boot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Running is a process that stays up: its logs, its telemetry, and the
// listener on which it tells how it is.
type Running struct {
	Opener
	Logger *slog.Logger
	Ready  *Readiness

	settings Process
	metrics  string // where the listener is
	listener *http.Server
}

// Start begins to log to stderr, and to answer on the metrics listener. The
// process is not ready before Ready.Up.
func Start(ctx context.Context, s Process, environment Environment, stderr io.Writer) (*Running, error) {
	logger := NewLogger(stderr, s.LogLevel, s.TenantLabel).With("service", s.ServiceName)
	slog.SetDefault(logger)
	for _, name := range environment.Unknown() {
		logger.WarnContext(ctx, "this is set and is no setting; `tenure config` lists them", "name", name)
	}
	telemetry, err := openTelemetry(ctx, s, logger)
	if err != nil {
		return nil, err
	}
	r := &Running{Logger: logger, Ready: &Readiness{Logger: logger}, settings: s}
	r.Opener = Opener{Name: s.ServiceName, Telemetry: telemetry, Insist: r.await}
	if err := r.listen(ctx, s.MetricsAddr); err != nil {
		return nil, errors.Join(err, telemetry.close(ctx))
	}
	logger.InfoContext(ctx, "started", "version", BuildVersion(s.Version), "environment", s.Environment,
		"metrics", r.metrics, "traces", cmp.Or(string(s.OTLPEndpoint), "off"))
	return r, nil
}

// listen serves how the process is. It is open before any store is reached:
// that it is not ready, and why, is worth knowing most when it cannot start.
func (r *Running) listen(ctx context.Context, at Address) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", string(at))
	if err != nil {
		return fmt.Errorf("boot: %sMETRICS_ADDR: %w", Prefix, err)
	}
	r.metrics = l.Addr().String()
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", r.Telemetry.Metrics)
	mux.HandleFunc("GET /livez", alive)
	mux.Handle("GET /readyz", r.Ready)
	r.listener = &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 1 << 14,
		ErrorLog: slog.NewLogLogger(r.Logger.Handler(), slog.LevelWarn),
	}
	go func() {
		if err := r.listener.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			r.Logger.Error("the metrics listener ended", "error", err)
		}
	}()
	return nil
}

// lastWords is how long the process waits to deliver its telemetry.
const lastWords = 3 * time.Second

// Close delivers what there is to tell and ends the listener. It comes last.
func (r *Running) Close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	if err := r.Telemetry.close(ctx); err != nil {
		r.Logger.WarnContext(ctx, "some telemetry is lost", "error", err)
	}
	_ = r.listener.Close()
	r.Logger.InfoContext(ctx, "ended")
}

// Verdict is how the work ended, for the exit code. The reason is logged here
// and nowhere else. To end because one was told to is no failure.
func (r *Running) Verdict(ctx context.Context, err error) int {
	if err == nil || ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return 0
	}
	r.Logger.ErrorContext(ctx, "the process ends because it cannot go on", "error", err)
	return 1
}

// ShutdownTimeout is how long the process may take to end.
func (r *Running) ShutdownTimeout() time.Duration { return r.settings.ShutdownTimeout }
