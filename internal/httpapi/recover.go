package httpapi

import (
	"log/slog"
	"net/http"
	"runtime/debug"

	"tenure/internal/fault"
)

// withRecover answers 500 for a handler that panicked, and logs it once, with
// its stack. When part of an answer is out already the connection is broken
// instead: half an answer must not look like a whole one.
func withRecover(logger *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &answerWriter{ResponseWriter: w}
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			//nolint:errorlint // The sentinel is compared as net/http does.
			if cause == http.ErrAbortHandler || r.Context().Err() != nil {
				panic(http.ErrAbortHandler) // on purpose, or nobody is there to answer
			}
			logger.ErrorContext(r.Context(), "a handler panicked", "cause", cause, "stack", string(debug.Stack()), "request_id", requestIDOf(r))
			if answer.status != 0 {
				panic(http.ErrAbortHandler)
			}
			clearAnswer(w.Header())
			newProblem(fault.New(fault.Internal, "internal", "Something went wrong here. The request id names it in our logs."), requestIDOf(r)).write(w)
		}()
		next.ServeHTTP(answer, r)
	})
}

// clearAnswer takes back what a handler said of an answer that never came.
func clearAnswer(h http.Header) {
	for _, name := range []string{"Content-Encoding", "Content-Length", "Content-Disposition", "ETag", "Location", "Visible"} {
		h.Del(name)
	}
}
