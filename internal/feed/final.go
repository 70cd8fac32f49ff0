package feed

import (
	"errors"

	"tenure/internal/eventlog"
)

// Stop marks an error of Fold or React as one that no retry can mend. The
// consumer stops for good, and Run tells.
func Stop(err error) error {
	if err == nil {
		return nil
	}
	return &stopped{err}
}

type stopped struct{ error }

func (s *stopped) Unwrap() error { return s.error }

// errNoOffset says that a consumer was here before and that nobody knows any
// more how far it had come. To guess would lose events or repeat mails.
var errNoOffset = errors.New("feed: the consumer was here before and its offset is gone")

// final tells whether trying again can only end the same way.
func final(err error) bool {
	var marked *stopped
	return errors.As(err, &marked) || errors.Is(err, errNoOffset) ||
		errors.Is(err, eventlog.ErrForked) || errors.Is(err, eventlog.ErrUndecodable)
}

// remedy is what an operator does about an error that is final.
func remedy(err error) string {
	switch {
	case errors.Is(err, eventlog.ErrForked):
		return "the log is not the one that was read up to here: it was restored, or is another; " +
			"rebuild a projection from it (projector rebuild); for a reaction decide what it has done and what not, " +
			"then set its row in feed_offsets"
	case errors.Is(err, eventlog.ErrUndecodable):
		return "this program is older than the log: deploy the one that knows the event"
	case errors.Is(err, errNoOffset):
		return "put its row back into feed_offsets; or delete its row from feed_consumers, and it starts as a new one"
	default:
		return "see the error"
	}
}
