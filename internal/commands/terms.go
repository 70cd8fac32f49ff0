package commands

import (
	"slices"

	"tenure/internal/events"
	"tenure/internal/fault"
)

// Terms are what a caller asks of a command beside the change itself. The zero
// terms ask nothing.
type Terms struct {
	// IfMatch is the state in which the thing has to be.
	IfMatch Match
	// Once, when set, has the command happen once, however often it is sent.
	Once *Once
	// Answered, when set, is told the receipt of every command that succeeds,
	// before its caller is.
	Answered func(Receipt)
}

// Match is a condition on the version of what a command is about. The zero
// match is none.
type Match struct {
	// Asked is false when nothing was asked.
	Asked bool
	// Any takes every version of a thing that there is.
	Any      bool
	Versions []events.Version
}

// Under is h for commands under these terms. It shares everything else with h.
func (h *Handler) Under(t Terms) *Handler {
	c := *h
	c.terms = t
	return &c
}

// holds tells whether a thing at this version is as the caller saw it. Version 0
// is that of what is not there yet, which no "*" takes.
func (m Match) holds(v events.Version) bool {
	return !m.Asked || m.Any && v > 0 || slices.Contains(m.Versions, v)
}

// weigh is what becomes of a decision on a thing at version v. Who may not, and
// who names what there is not, is told that first; whoever believes the thing
// in another state learns that before he is told what its state forbids.
func (m Match) weigh(v events.Version, d decision, err error) (decision, error) {
	f := fault.As(err)
	switch {
	case m.holds(v), err != nil && f == nil:
		return d, err
	case f != nil && (f.Kind == fault.Denied || f.Kind == fault.NotFound):
		return decision{}, err
	default:
		return decision{}, fault.New(fault.Stale, "version_mismatch", "The thing is not at a version that If-Match names.")
	}
}
