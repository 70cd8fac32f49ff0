package main

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/google/uuid"

	"tenure/cmd/internal/boot"
)

// door stands before the API. Until that is there, and after the process was
// told to end, it says itself how things are.
type door struct {
	ready *boot.Readiness
	api   atomic.Pointer[http.Handler]
}

// open lets requests in.
func (d *door) open(api http.Handler) { d.api.Store(&api) }

// ServeHTTP hands a request on.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w = &parting{ResponseWriter: w, ready: d.ready}
	if api := d.api.Load(); api != nil && (!d.ready.Ending() || !asks(r, "/readyz")) {
		(*api).ServeHTTP(w, r)
		return
	}
	w.Header().Set("X-Request-ID", uuid.NewString())
	switch {
	case asks(r, "/readyz"):
		d.ready.ServeHTTP(w, r)
	case asks(r, "/livez"), asks(r, "/health"):
		reply(w, http.StatusOK, "application/json", `{"status":"ok"}`)
	default:
		w.Header().Set("Retry-After", "2")
		reply(w, http.StatusServiceUnavailable, "application/problem+json",
			`{"type":"about:blank","title":"Service Unavailable","status":503,"code":"starting",`+
				`"detail":"This server is starting. Try again in a moment.","request_id":"`+w.Header().Get("X-Request-ID")+`"}`)
	}
}

func asks(r *http.Request, path string) bool { return strings.TrimSuffix(r.URL.Path, "/") == path }

func reply(w http.ResponseWriter, code int, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, body+"\n") // who asked may be gone
}
