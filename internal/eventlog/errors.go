package eventlog

import (
	"errors"
	"fmt"

	"tenure/internal/events"
)

// What an append can answer beside a receipt. All but ErrUnknownOutcome mean
// that nothing of the command was written.
var (
	// ErrMoved: a stream is not at the stated version. See MovedError.
	ErrMoved = errors.New("eventlog: a stream has moved")
	// ErrSetChanged: not as many streams are filed under a value as were seen.
	ErrSetChanged = errors.New("eventlog: a looked-up set has changed")
	// ErrTaken: a claim is held by another stream. See TakenError.
	ErrTaken = errors.New("eventlog: a claim is taken")
	// ErrNotHeld: a claim that was to be released is not the stream's.
	ErrNotHeld = errors.New("eventlog: a claim to be released is not held")
	// ErrKeyReused: the idempotency key belongs to another request.
	ErrKeyReused = errors.New("eventlog: the idempotency key belongs to another request")
	// ErrRefused: the command can never be appended as it is. See the text.
	ErrRefused = errors.New("eventlog: refused")
	// ErrUnavailable: the database was away or busy all the time, or the
	// appender is closing.
	ErrUnavailable = errors.New("eventlog: the log cannot be reached")
	// ErrUnknownOutcome: the command was sent, and no answer came in the time
	// there was. It may be in the log. Sent again with the same event ids, it
	// is appended once.
	ErrUnknownOutcome = errors.New("eventlog: it is not known whether the command was appended")
)

// MovedError says which stream is not where the command believed it.
type MovedError struct {
	Stream           events.Stream
	Expected, Actual events.Version
	// Written is false for a stream that the command only read.
	Written bool
}

// Error names the stream and both versions.
func (e *MovedError) Error() string {
	return fmt.Sprintf("%v: %s %s is at %d, not %d", ErrMoved, e.Stream.Type, e.Stream.ID, e.Actual, e.Expected)
}

// Unwrap makes it an ErrMoved.
func (e *MovedError) Unwrap() error { return ErrMoved }

// TakenError says what kind of claim is held by another. The value is not
// told: it may be personal.
type TakenError struct {
	Kind string
	// Index is the claim's place in Command.Take.
	Index int
}

// Error names the kind of claim.
func (e *TakenError) Error() string { return fmt.Sprintf("%v: %s", ErrTaken, e.Kind) }

// Unwrap makes it an ErrTaken.
func (e *TakenError) Unwrap() error { return ErrTaken }

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

// unread wraps what went wrong while reading. When the server was away, or did
// not answer, it is also an ErrUnavailable.
func unread(err error, what string, args ...any) error {
	what = fmt.Sprintf(what, args...)
	if mayPass(err) {
		return fmt.Errorf("%w: %s: %w", ErrUnavailable, what, err)
	}
	return fmt.Errorf("eventlog: %s: %w", what, err)
}
