package docstore

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"tenure/internal/authz"
	"tenure/internal/events"
)

// within is a scope as a predicate over documents, and false when it sees
// nothing at all, which is then not even asked for. Beside authz.Scope.Sees, of
// which it finds the same, it is the only place where a predicate over tenants
// or owners is written.
func within(s authz.Scope) (bson.D, bool) {
	if s.Everything() {
		return bson.D{{Key: "live", Value: true}}, true
	}
	var either []bson.D
	if tenants := named(s.Tenants()); len(tenants) > 0 {
		either = append(either, bson.D{{Key: "tenants", Value: bson.D{{Key: "$in", Value: tenants}}}})
	}
	if s.Owner() != "" {
		either = append(either, bson.D{{Key: "owner", Value: s.Owner()}})
	}
	switch len(either) {
	case 0:
		return nil, false
	case 1:
		return either[0], true
	default:
		return bson.D{{Key: "$or", Value: either}}, true
	}
}

// several tells whether a scope looks into more than one part of an index.
func several(s authz.Scope) bool {
	parts := len(named(s.Tenants()))
	if s.Owner() != "" {
		parts++
	}
	return !s.Everything() && parts > 1
}

// named leaves out the tenant without a name, which some document may carry by
// mistake and nobody may ask for.
func named(tenants []events.TenantID) []events.TenantID {
	var all []events.TenantID
	for _, t := range tenants {
		if t != "" {
			all = append(all, t)
		}
	}
	return all
}
