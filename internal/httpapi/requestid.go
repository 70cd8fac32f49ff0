package httpapi

import (
	"net/http"

	"github.com/google/uuid"
)

// requestIDHeader carries the name of a request, both ways.
const requestIDHeader = "X-Request-ID"

// withRequestID gives every request, and its answer, exactly one acceptable
// name: the caller's own when it is one, else a new one.
func withRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(requestIDHeader)
		if len(r.Header.Values(requestIDHeader)) != 1 || !isRequestID(id) {
			id = uuid.NewString()
		}
		r.Header.Set(requestIDHeader, id)
		w.Header().Set(requestIDHeader, id)
		next.ServeHTTP(w, r)
	})
}

// requestIDOf is the name of a request that came through withRequestID.
func requestIDOf(r *http.Request) string { return r.Header.Get(requestIDHeader) }

// isRequestID tells whether s is 1 to 128 of [A-Za-z0-9._-].
func isRequestID(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	for _, c := range s {
		if notWord(c) && c != '.' {
			return false
		}
	}
	return true
}
