package httpapi

import (
	"net/http"
	"time"
)

// maxHeaders is how long a request's line and headers may be together.
const maxHeaders = 16 << 10

// NewHTTPServer is a server that no caller can hold by being slow, or fill
// with headers. It has no limit on writing: the log takes as long as it takes.
func NewHTTPServer(addr string, h http.Handler) *http.Server {
	return &http.Server{
		Addr: addr, Handler: h, MaxHeaderBytes: maxHeaders,
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
	}
}

// withHeaderLimit keeps the limit exactly. net/http allows 4 KiB more than it
// is told, and as much again on a connection that is used once more.
func withHeaderLimit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if headSize(r) > maxHeaders {
			bare(http.StatusRequestHeaderFieldsTooLarge, "headers_too_large", "The headers are over the limit of 16 KiB (16384 bytes).", requestIDOf(r)).write(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// headSize is the size of a request's head as it was sent, but for spaces.
func headSize(r *http.Request) int {
	const perLine = len(": \r\n")
	size := len(r.Method) + len(r.RequestURI) + len(r.Proto) + len(r.Host) + 2*perLine
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value) + perLine
		}
	}
	return size
}
