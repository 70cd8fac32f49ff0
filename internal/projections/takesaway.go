package projections

import "tenure/internal/events"

// takesAway tells whether an event of authentication, by the name that the log
// has for it, may take a right away, so that a command that brought it about
// waits until no process honours the former authority. Each does of which it
// is not said here that it does not: who adds one and thinks of nothing is
// safe. One that gives a right counts too, for the next request should find it.
func takesAway(name string) bool {
	sample, _ := events.Sample(name)
	switch sample.(type) {
	case events.UserCreated, events.APIKeyIssued, events.SupplierCreated:
		return false // nobody knew what is new, and what is missing is not kept
	case events.UserRenamed, events.UserDefaultRoleChanged:
		return false // the version alone, and a command that states a former one is refused
	default:
		return true
	}
}

// takers are those of these types that may take a right away.
func takers(types []string) map[string]bool {
	all := make(map[string]bool)
	for _, name := range types {
		all[name] = takesAway(name)
	}
	return all
}
