package httpapi

import (
	"net/http"

	"tenure/internal/commands"
)

// reply is what the conventions say in the headers of an answer, beside what
// its handler has to say.
type reply struct {
	header   http.Header
	shows    *token // nil: not known
	replayed bool
	async    bool
}

// note is told every receipt.
func (r *reply) note(receipt commands.Receipt) {
	r.replayed = receipt.Replayed
	r.shows = &token{receipt.Log, receipt.Position}
}

// say writes the headers of an answer that is no refusal.
func (r *reply) say(out any) {
	if tag := tagOfAnswer(out); tag != "" {
		r.header.Set("ETag", tag)
	}
	if r.replayed {
		r.header.Set(idempotentReplayed, "true")
	}
	if r.async {
		r.header.Set(preferenceApplied, respondAsync)
	}
	r.sayShown()
}

// sayShown writes what also a refusal tells: how much of the log is in it.
func (r *reply) sayShown() {
	if r.shows != nil {
		r.header.Set(consistencyToken, r.shows.text())
	}
}
