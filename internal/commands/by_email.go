package commands

import (
	"context"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

// UserByEmail finds the stream of the user who has an e-mail, given as
// ParseEmail gives it; false when nobody has it. It is for operators, who know
// people by their addresses.
func (h *Handler) UserByEmail(ctx context.Context, email string) (events.Stream, bool, error) {
	for _, claim := range h.emailClaims(email, events.Stream{}) {
		holder, held, err := eventlog.ReadClaim(ctx, h.Reader, claim.Tenant, claim.Kind, claim.Value)
		if err != nil || held {
			return holder, held, err
		}
	}
	return events.Stream{}, false, nil
}
