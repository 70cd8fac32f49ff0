package httpapi

import (
	"errors"
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
		defer func() {
			if cause := recover(); cause != nil {
				afterPanic(r, logger, answer, cause)
			}
		}()
		next.ServeHTTP(answer, r)
	})
}

// afterPanic is called while the panic's stack is still there to be logged.
func afterPanic(r *http.Request, logger *slog.Logger, answer *answerWriter, cause any) {
	ctx, requestID := r.Context(), requestIDOf(r)
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) || ctx.Err() != nil {
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
