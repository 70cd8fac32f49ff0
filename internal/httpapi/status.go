package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"tenure/internal/eventlog"
	"tenure/internal/fault"
	"tenure/internal/projections"
)

// statuses is the one table from a fault's kind to an HTTP status.
var statuses = [...]int{
	fault.Internal:        http.StatusInternalServerError,
	fault.Malformed:       http.StatusBadRequest,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Denied:          http.StatusForbidden,
	fault.NotFound:        http.StatusNotFound,
	fault.Invalid:         http.StatusUnprocessableEntity,
	fault.Conflict:        http.StatusConflict,
	fault.Stale:           http.StatusPreconditionFailed,
	fault.TooLarge:        http.StatusRequestEntityTooLarge,
	fault.Limited:         http.StatusTooManyRequests,
	fault.Unavailable:     http.StatusServiceUnavailable,
}

// statusOf is the status of a fault. A kind that is not in the table is ours.
func statusOf(k fault.Kind) int {
	if int(k) >= len(statuses) {
		return http.StatusInternalServerError
	}
	return statuses[k]
}

// retryAfter is when to come back to a store that is away.
const retryAfter = 2 * time.Second

// faultOf turns any error into what its caller is told. What is not a fault
// says nothing of what is inside.
func faultOf(err error) *fault.Fault {
	if f := fault.As(err); f != nil {
		return dated(f)
	}
	switch {
	case away(err):
		return unavailable()
	default:
		return internal()
	}
}

// away tells whether err means that a part could not be asked, or that nobody
// knows whether it did what it was told.
func away(err error) bool {
	for _, target := range []error{
		projections.ErrUnavailable, eventlog.ErrUnavailable, eventlog.ErrUnknownOutcome, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// missing tells whether err means that there is no such thing, or none that
// the caller may see.
func missing(err error) bool { return errors.Is(err, projections.ErrNotFound) }

// orMissing is err, or what is told of a thing that there is not.
func orMissing(err error, f *fault.Fault) error {
	if missing(err) {
		return f
	}
	return err
}

// dated is f with a time to come back, which every 503 has.
func dated(f *fault.Fault) *fault.Fault {
	if f.Kind != fault.Unavailable || f.RetryAfter > 0 {
		return f
	}
	later := *f
	later.RetryAfter = retryAfter
	return &later
}

// internal is all that is told of a mistake of ours.
func internal() *fault.Fault {
	return fault.New(fault.Internal, "internal", "Something went wrong here. The request id names it in our logs.")
}

func unavailable() *fault.Fault {
	f := fault.New(fault.Unavailable, "unavailable", "A part that is needed for this is away. Try again in a moment.")
	f.RetryAfter = retryAfter
	return f
}

// refuse is the problem of err for one request. Mistakes that are ours, and
// outages, are logged here and nowhere else, with their cause.
func (s *Server) refuse(ctx context.Context, err error, requestID string) *problem {
	p := newProblem(faultOf(err), requestID)
	if p.Status >= http.StatusInternalServerError && !errors.Is(err, context.Canceled) {
		s.Logger.ErrorContext(ctx, "a request failed", "error", err, "status", p.Status, "request_id", requestID)
	}
	return p
}
