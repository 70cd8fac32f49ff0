// Package fault is the one kind of error that callers see: what went wrong in
// terms they can act on. It never carries a cause, a stack or a rejected value.
package fault

import (
	"errors"
	"time"
)

// Kind says what sort of mistake a fault is. The HTTP layer chooses the status
// by it, in one table.
type Kind uint8

// The kinds. The zero kind is Internal: a fault whose maker did not say whose
// mistake it was is ours.
const (
	Internal        Kind = iota // ours; the caller can do nothing
	Malformed                   // the request cannot be understood (400)
	Unauthenticated             // nobody knows who is calling (401)
	Denied                      // known, and may not (403)
	NotFound                    // there is none, or none that the caller may see (404)
	Invalid                     // understood, and not acceptable as it stands (422)
	Conflict                    // acceptable, but not in the present state (409)
	Stale                       // the caller's precondition does not hold (412)
	TooLarge                    // over a limit on size (413)
	Limited                     // too often (429)
	Unavailable                 // a part that is needed is away; try again later (503)
)

// Fault is an error that the caller can act on.
type Fault struct {
	Kind Kind
	// Code names the fault for programs. It is permanent.
	Code string
	// Text says in a sentence what happened. It never holds a rejected value.
	Text string
	// Details name the places of an Invalid fault.
	Details []Detail
	// RetryAfter is when trying again makes sense; zero says nothing.
	RetryAfter time.Duration
}

// Detail is one place in a request and what is wrong there.
type Detail struct {
	// Location is a path such as "body.email", "query.page" or "path.id".
	Location string
	Message  string
}

// New returns a fault. The text is for people and never holds a rejected value.
func New(kind Kind, code, text string) *Fault {
	return &Fault{Kind: kind, Code: code, Text: text}
}

// At returns an Invalid fault about one place of the request.
func At(location, code, text string) *Fault {
	return &Fault{Kind: Invalid, Code: code, Text: text, Details: []Detail{{Location: location, Message: text}}}
}

// Error gives code and text, for logs.
func (f *Fault) Error() string { return f.Code + ": " + f.Text }

// As returns the fault in err's chain, or nil.
func As(err error) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return nil
}

// Is tells whether err is a fault with this code.
func Is(err error, code string) bool {
	f := As(err)
	return f != nil && f.Code == code
}
