package projections

import (
	"errors"
	"fmt"
	"path"
	"runtime"
	"strings"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

// trouble is what a batch is known to do to documents that cannot take all of
// it. A fold that panicked may have changed its document halfway, so the
// document is loaded again, and what is known then keeps it from the event: in
// effect the event was tried on a copy, which costs nothing as long as all is
// well.
type trouble struct {
	// culprits are the events at which documents are to be parked.
	culprits map[docstore.Key]docstore.Parked
	// careful are the documents that Redis refused as a batch left them, where
	// each event is tried to find which it was.
	careful map[docstore.Key]bool
}

func noTrouble() *trouble {
	return &trouble{make(map[docstore.Key]docstore.Parked), make(map[docstore.Key]bool)}
}

// culprit is the mark of a document that cannot take an event.
func culprit(e events.Recorded, why string) docstore.Parked {
	return docstore.Parked{Position: e.Position, Error: shortened(e.Type + ": " + why)}
}

func shortened(text string) string {
	if len(text) > docstore.MaxParkedError {
		text = strings.ToValidUTF8(text[:docstore.MaxParkedError], "")
	}
	return text
}

// panicked says why a fold panicked, and where. What someone panicked with may
// quote the document, so only its type is told; the errors of Go's own runtime
// name types and numbers.
func panicked(with any) string {
	why := fmt.Sprintf("the fold panics with a %T", with)
	var known runtime.Error
	if err, ok := with.(error); ok && errors.As(err, &known) {
		why = "the fold panics: " + known.Error()
	}
	return why + panickedAt()
}

// panickedAt is the place in the source that panicked, when it is called while
// the panic is recovered from.
func panickedAt() string {
	var calls [32]uintptr
	frames := runtime.CallersFrames(calls[:runtime.Callers(1, calls[:])])
	panicking := false
	for {
		f, more := frames.Next()
		within := strings.HasPrefix(f.Function, "runtime.")
		if panicking && !within {
			return fmt.Sprintf(" (%s:%d)", path.Base(f.File), f.Line)
		}
		panicking = panicking || f.Function == "runtime.gopanic"
		if !more {
			return ""
		}
	}
}
