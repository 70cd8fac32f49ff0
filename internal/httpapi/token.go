package httpapi

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"

	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/fault"
	"tenure/internal/projections"
)

const (
	consistencyToken = "Consistency-Token"
	tokenUnknown     = "token_unknown"
)

// token names a place in a log. An answer with it knows the log up to there,
// and a query that is sent it answers from no earlier state.
type token struct {
	log      events.LogID
	position events.Position
}

// tokenCode refuses all spellings of a token but one.
var tokenCode = base64.RawURLEncoding.Strict()

// text is the token as callers carry it, who make nothing of it.
func (t token) text() string {
	return tokenCode.EncodeToString(binary.BigEndian.AppendUint64(slices.Clone(t.log[:]), uint64(t.position)))
}

// tokenOf reads the token of a request; nil when it has none.
func tokenOf(h http.Header) (t *token, wrong string) {
	lines := h.Values(consistencyToken)
	if len(lines) == 0 || len(lines) == 1 && lines[0] == "" {
		return nil, ""
	}
	raw, err := tokenCode.DecodeString(lines[0])
	if len(lines) > 1 || err != nil || len(raw) != len(events.LogID{})+8 {
		return nil, "must be a token of an answer, once"
	}
	t = &token{}
	rest := raw[copy(t.log[:], raw):]
	if t.position = events.Position(binary.BigEndian.Uint64(rest)); t.position < 0 {
		return nil, "must be a token of an answer, once"
	}
	return t, ""
}

// readsKey is where an operation says which read models it reads.
const readsKey = "reads"

// readsFrom is an operation that answers from these read models, beside the one
// that says who is calling. One that does not say waits for all there are.
func readsFrom(op huma.Operation, models ...string) huma.Operation {
	op.Metadata = map[string]any{readsKey: append(models, projections.Authorities.Name)}
	return op
}

// readBy are the read models that an operation reads; none for all.
func readBy(op *huma.Operation) []string {
	names, _ := op.Metadata[readsKey].([]string)
	return names
}

// reach waits until read models show the log up to a token. Only one that is
// not known to be reached is compared with the log itself.
func (s *Server) reach(ctx context.Context, t *token, models ...string) error {
	if t == nil || t.within(s.Shown(models...)) {
		return nil
	}
	head, err := eventlog.Head(ctx, s.Log)
	switch {
	case err != nil:
		return err
	case head.Log != t.log || t.position > head.Position:
		return fault.At("header."+consistencyToken, tokenUnknown, "This token is not one of this log.")
	case !s.Reached(ctx, t.log, t.position, models...):
		return behind()
	}
	return nil
}

// within tells whether a place in a log is at the token or after it.
func (t *token) within(m events.Mark) bool { return t.log == m.Log && t.position <= m.Position }

// shownBy is the token of an answer from read models: what they showed before
// it, and at least what was asked for. It is nil when nobody knows.
func (s *Server) shownBy(ctx context.Context, asked *token, models ...string) *token {
	shown := s.Shown(models...)
	if asked != nil && (shown.Log != asked.log || shown.Position < asked.position) {
		return asked
	}
	if shown == (events.Mark{}) {
		// Nothing was heard of them yet. That they show nothing is always true.
		head, err := eventlog.Head(ctx, s.Log)
		if err != nil {
			return nil
		}
		shown.Log = head.Log
	}
	return &token{shown.Log, shown.Position}
}

// authorityAt waits until the read model that says who is calling has reached
// the token of a query, so that authority which was given before it counts, and
// tells whether it had to. What is wrong with a token is told in its turn,
// later.
func (a *api) authorityAt(ctx huma.Context, needs access) (waited bool, _ error) {
	r, _ := humamux.Unwrap(ctx)
	t, _ := tokenOf(r.Header)
	if needs.open || isCommand(ctx.Operation()) || t == nil || t.within(a.server.Shown(projections.Authorities.Name)) {
		return false, nil
	}
	limited, cancel := context.WithTimeout(r.Context(), a.server.TokenWait)
	defer cancel()
	err := a.server.reach(limited, t, projections.Authorities.Name)
	if fault.Is(err, tokenUnknown) {
		return false, nil
	}
	return true, err
}
