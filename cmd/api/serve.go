package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"tenure/cmd/internal/boot"
	"tenure/internal/httpapi"
)

// serve answers requests until ctx ends, and then those that have begun. It
// listens before the stores are there, so that whoever probes it is told what
// it waits for.
func serve(ctx context.Context, r *boot.Running, s boot.API) (err error) {
	d := &door{ready: r.Ready}
	server := httpapi.NewHTTPServer(string(s.HTTP.Addr), believing(s.HTTP.TrustedProxies, d))
	server.ErrorLog = slog.NewLogLogger(r.Logger.Handler(), slog.LevelWarn)
	listening, err := (&net.ListenConfig{}).Listen(ctx, "tcp", server.Addr)
	if err != nil {
		return fmt.Errorf("api: %sHTTP_ADDR: %w", boot.Prefix, err)
	}
	broken := make(chan error, 1)
	go func() { broken <- server.Serve(listening) }()
	defer server.Close() // whatever comes between: nobody is left waiting

	p, err := assemble(ctx, r, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close(ctx)) }()
	handler, err := p.handler(r, s)
	if err != nil {
		return err
	}
	d.open(handler)
	r.Ready.Up()
	r.Logger.InfoContext(ctx, "serving", "addr", listening.Addr().String(), "prefix", string(s.HTTP.Path))
	select {
	case <-ctx.Done():
		return drain(ctx, r, server, p, s)
	case err := <-broken:
		return errors.Join(fmt.Errorf("api: serve: %w", err), drain(ctx, r, server, p, s))
	}
}

// drain ends in an order that cuts nobody: first it is told that no more
// should come, then what has come is answered, then what was appended is
// durable, and only then the stores are let go. If the process is killed on
// the way, what was acknowledged is in the log all the same.
func drain(ctx context.Context, r *boot.Running, server *http.Server, p *parts, s boot.API) error {
	r.Ready.End()
	r.Logger.InfoContext(ctx, "ending: no longer ready, requests that have begun are answered", "within", s.ShutdownTimeout.String())
	end := time.Now().Add(s.ShutdownTimeout)
	whole, cancel := context.WithDeadline(context.WithoutCancel(ctx), end)
	defer cancel()
	// A quarter of the time is the appender's, whatever the requests took.
	requests, cancel := context.WithDeadline(whole, end.Add(-s.ShutdownTimeout/4))
	defer cancel()
	pause(requests, s.HTTP.DrainDelay)
	if err := server.Shutdown(requests); err != nil {
		r.Logger.WarnContext(ctx, "some requests did not end in time and were cut", "error", err)
		_ = server.Close() // it is over either way
	}
	if err := p.appender.Close(whole); err != nil {
		return fmt.Errorf("api: end the appender: %w", err)
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
