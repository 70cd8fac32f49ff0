package httpapi

import (
	"errors"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"

	"tenure/internal/fault"
)

// setHuma is the one place where the globals of huma are set: what its errors
// look like, and that a list is not null unless it says so.
var setHuma = sync.OnceFunc(func() {
	huma.DefaultArrayNullable = false
	huma.NewError = func(status int, detail string, errs ...error) huma.StatusError {
		return humaProblem(status, "", errs)
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, detail string, errs ...error) huma.StatusError {
		r, _ := humamux.Unwrap(ctx)
		return humaProblem(status, requestIDOf(r), errs)
	}
})

// humaProblem is what becomes of an error of huma's: its statuses for a wrong
// shape are one, and its messages are told only as far as they are fixed.
func humaProblem(status int, requestID string, errs []error) *problem {
	if status >= 500 {
		return newProblem(internal(), requestID)
	}
	details := make([]fault.Detail, 0, len(errs))
	for _, err := range errs {
		details = append(details, detailOf(err))
	}
	return newProblem(invalid(details), requestID)
}

// detailOf takes the place and the fixed part of a message of huma's. What
// follows a colon is the cause, which quotes what was sent.
func detailOf(err error) fault.Detail {
	var d *huma.ErrorDetail
	if !errors.As(err, &d) {
		return fault.Detail{Location: "body", Message: "not acceptable"}
	}
	message, _, _ := strings.Cut(d.Message, ": ")
	if member, ok := requiredMember(message); ok {
		return fault.Detail{Location: place(d.Location, member), Message: "is required"}
	}
	if !strings.HasPrefix(message, "expected ") {
		message = "not acceptable"
	}
	return fault.Detail{Location: d.Location, Message: message}
}

// requiredMember is the member that a message of huma's misses.
func requiredMember(message string) (string, bool) {
	rest, ok := strings.CutPrefix(message, "expected required property ")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, " to be present")
}
