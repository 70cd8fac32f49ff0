// Package fake stands in for the product where the tests try the stack around
// it: it serves what the stack looks at, and nothing else.
package fake

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

// Key is the one API key there is.
func Key() string { return "key-" + os.Getenv("TENURE_SECRET_KEY")[:8] }

// Serve answers on what the settings in names say until SIGTERM.
func Serve(names ...string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	fmt.Fprintln(os.Stderr, `{"msg":"started"}`)
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/api/v1/me", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-API-Key") != Key() {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	for _, name := range names {
		go func() {
			if err := http.ListenAndServe(os.Getenv(name), mux); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}()
	}
	<-ctx.Done()
}
