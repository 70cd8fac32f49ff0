package httpapi

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"tenure/internal/identity"
)

// limitKey is where an operation says what of it is counted.
const limitKey = "limit"

// limit is how a route is kept from being used too often.
type limit struct {
	act identity.Act
	// spares tells whose acts are not counted; nil for nobody's.
	spares func(caller) bool
}

// limited is an operation that nobody uses too often.
func limited(op huma.Operation, l limit) huma.Operation {
	metadata := map[string]any{limitKey: l}
	for name, value := range op.Metadata {
		metadata[name] = value
	}
	op.Metadata = metadata
	return op
}

// keyOperations counts what makes and ends API keys, together.
func keyOperations() limit { return limit{act: identity.KeyOperations} }

// userCreations counts the accounts that those open who are no super_admin.
func userCreations() limit {
	return limit{act: identity.UserCreations, spares: func(c caller) bool { return c.IsSuperAdmin() }}
}

// count counts a use of an operation by its caller. A use that is refused for
// something else afterwards counts too: it was tried.
func (a *api) count(ctx context.Context, op *huma.Operation, c caller) error {
	l, ok := op.Metadata[limitKey].(limit)
	if !ok || l.spares != nil && l.spares(c) {
		return nil
	}
	return a.server.Limit(ctx, l.act, string(c.UserID()))
}
