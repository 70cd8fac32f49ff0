package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"

	"tenure/internal/commands"
	"tenure/internal/fault"
)

// isCommand tells whether an operation changes something.
func isCommand(op *huma.Operation) bool { return op.Method != http.MethodGet }

// conventions reads the headers that every operation understands, once the
// caller may ask and the body is there, and gives the caller what they ask for:
// commands under these terms, or read models that have come so far. No handler
// gets at commands in any other way, so none forgets them.
func (a *api) conventions(ctx huma.Context, c *caller, body []byte) []fault.Detail {
	r, w := humamux.Unwrap(ctx)
	c.reply = &reply{header: w.Header()}
	var details []fault.Detail
	note := func(header, wrong string) {
		if wrong != "" {
			details = append(details, fault.Detail{Location: "header." + header, Message: wrong})
		}
	}
	var wrong string
	if !isCommand(ctx.Operation()) {
		c.token, wrong = tokenOf(r.Header)
		note(consistencyToken, wrong)
		return details
	}
	terms := commands.Terms{Answered: c.reply.note}
	terms.IfMatch, wrong = matchOf(r.Header)
	note(ifMatch, wrong)
	terms.Once, wrong = onceOf(r, ctx.Operation(), c.Tenant(), body)
	note(idempotencyKey, wrong)
	c.reply.async = prefersAsync(r.Header)
	if a.commands != nil {
		c.commands = a.commands.Under(terms)
	}
	return details
}

// caughtUp waits for the read models that a query answers from, and notes how
// far they are before it reads them. It leaves commands alone: these read the
// log itself.
func (a *api) caughtUp(ctx context.Context, op *huma.Operation, c caller) error {
	if isCommand(op) || c.nobody {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, a.server.TokenWait)
	defer cancel()
	if err := a.server.reach(limited, c.token, readBy(op)...); err != nil {
		return err
	}
	c.reply.shows = a.server.shownBy(limited, c.token, readBy(op)...)
	return nil
}

// conventional are the headers that an operation understands, for its
// description.
func conventional(op huma.Operation) []*huma.Param {
	header := func(name, description string, schema huma.Schema) *huma.Param {
		schema.Type = huma.TypeString
		return &huma.Param{Name: name, In: "header", Description: description, Schema: &schema}
	}
	if !isCommand(&op) {
		return []*huma.Param{header(consistencyToken, "That of an earlier answer: this one will know at least as much.", huma.Schema{Pattern: tokenForm})}
	}
	shortest, longest := 1, maxIdempotencyKey
	return []*huma.Param{
		header(idempotencyKey, "Makes it safe to send the request again within 24 hours.", huma.Schema{MinLength: &shortest, MaxLength: &longest, Pattern: onceForm}),
		header(ifMatch, `The version in which the thing has to be, such as "3".`, huma.Schema{AnyOf: matchForms()}),
		header(prefer, "respond-async: answer when it is durable, without waiting for the read models.", huma.Schema{}),
	}
}

// replies are the headers that its answers have, for its description.
func replies(op huma.Operation, tagged bool) map[string]*huma.Param {
	header := func(description string) *huma.Param {
		return &huma.Param{Description: description, Schema: &huma.Schema{Type: huma.TypeString}}
	}
	all := map[string]*huma.Param{consistencyToken: header("How much of the log this answer knows. Send it with a query to have that know as much.")}
	if tagged {
		all["ETag"] = header("The version of the thing.")
	}
	if isCommand(&op) {
		all[idempotentReplayed] = header("true: the request was carried out before, and this is the answer of then.")
		all[preferenceApplied] = header("respond-async, when that was preferred.")
	}
	return all
}

// describeReplies puts them into the description of an operation's successes.
func describeReplies(op huma.Operation, tagged bool) {
	for code, response := range op.Responses {
		if !strings.HasPrefix(code, "2") {
			continue
		}
		for name, header := range replies(op, tagged) {
			response.Headers[name] = header
		}
	}
}
