package projections

import "tenure/internal/authz"

// These are how a user's status moves. Former is what he has again when he is
// enabled, and empty unless he is disabled.

func activated(status, former authz.Status) (authz.Status, authz.Status) {
	if status == authz.Disabled {
		return status, authz.Active
	}
	return authz.Active, former
}

func disabled(status, former authz.Status) (authz.Status, authz.Status) {
	if status == authz.Disabled {
		return status, former
	}
	return authz.Disabled, status
}

func enabled(status, former authz.Status) (authz.Status, authz.Status) {
	if status != authz.Disabled {
		return status, former
	}
	return former, ""
}
