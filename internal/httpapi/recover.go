package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
)

// withRecover answers 500 for a handler that panicked, and logs it once, with
// its stack. When part of an answer is out already the connection is broken
// instead: half an answer must not look like a whole one.
func withRecover(logger *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &answerWriter{ResponseWriter: w}
		ctx := r.Context()
		defer func() { //nolint:contextcheck // it is the request's
			if cause := recover(); cause != nil {
				afterPanic(ctx, logger, answer, cause, requestIDOf(r))
			}
		}()
		next.ServeHTTP(answer, r)
	})
}

// afterPanic is called while the panic's stack is still there to be logged.
func afterPanic(ctx context.Context, logger *slog.Logger, answer *answerWriter, cause any, requestID string) {
	//nolint:errorlint // The sentinel is compared as net/http does.
	if cause == http.ErrAbortHandler || ctx.Err() != nil {
		panic(http.ErrAbortHandler) // on purpose, or nobody is there to answer
	}
	logger.ErrorContext(ctx, "a handler panicked", "cause", cause, "stack", string(debug.Stack()), "request_id", requestID)
	if answer.status != 0 {
		panic(http.ErrAbortHandler)
	}
	clearAnswer(answer.Header())
	newProblem(internal(), requestID).write(answer)
}

// clearAnswer takes back what a handler said of an answer that never came.
func clearAnswer(h http.Header) {
	for _, name := range []string{"Content-Encoding", "Content-Length", "Content-Disposition", "ETag", "Location", "Visible"} {
		h.Del(name)
	}
}
