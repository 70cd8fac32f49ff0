package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"tenure/internal/authz"
	"tenure/internal/commands"
	"tenure/internal/events"
	"tenure/internal/fault"
)

// caller is who makes a request and where. The zero caller is nobody.
type caller struct {
	authz.Principal
	requestID string
	// nobody: the route did not ask who is calling.
	nobody bool
	// commands carries out commands under the terms of this request; nil for a
	// query.
	commands *commands.Handler
	token    *token // of a query; nil for none
	reply    *reply
}

// callerKey is the one private context key of the house. The gate writes it,
// shape adds the terms of the request, route reads it, and nothing else does.
type callerKey struct{}

func callerFrom(ctx context.Context) (caller, bool) {
	c, ok := ctx.Value(callerKey{}).(caller)
	return c, ok
}

// known is a context in which c is who is calling.
func (c caller) known(ctx context.Context) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// tenantOf reads the header that names the active supplier. It fails with
// tenant_malformed for anything but one UUID. An empty header counts as none.
func (s *Server) tenantOf(r *http.Request) (events.TenantID, error) {
	values := r.Header.Values(s.TenantHeader)
	if len(values) == 0 || len(values) == 1 && values[0] == "" {
		return "", nil
	}
	id, ok := canonicalUUID(values[0])
	if !ok || len(values) > 1 {
		return "", fault.New(fault.Malformed, "tenant_malformed", "The tenant header must be one UUID.")
	}
	return events.TenantID(id), nil
}

// canonicalUUID is s in lower case when it is a UUID in its usual form. The
// braces, URN and bare forms that a lenient parser takes would be further
// names of the same thing.
func canonicalUUID(s string) (string, bool) {
	if len(s) != 36 {
		return "", false
	}
	if _, err := uuid.Parse(s); err != nil {
		return "", false
	}
	return strings.ToLower(s), true
}
