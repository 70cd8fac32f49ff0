package authz

// Standing is a user's status with the one that he has again when he is
// enabled; Former is empty unless he is disabled.
type Standing struct {
	Status Status
	Former Status
}

// Activated is the standing of one whose invitation ended. One who is disabled
// stays so, and is active when he is enabled.
func (s Standing) Activated() Standing {
	if s.Status == Disabled {
		return Standing{Disabled, Active}
	}
	return Standing{Status: Active}
}

// Disabled is the standing of one who may no longer enter.
func (s Standing) Disabled() Standing {
	if s.Status == Disabled {
		return s
	}
	return Standing{Disabled, s.Status}
}

// Enabled is the standing from before.
func (s Standing) Enabled() Standing {
	if s.Status != Disabled {
		return s
	}
	return Standing{Status: s.Former}
}
