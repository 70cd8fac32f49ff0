package projections

import (
	"testing"

	"tenure/internal/authz"
	"tenure/internal/events"
)

func TestWhatBecomesOfAUser(t *testing.T) {
	t.Parallel()
	made := events.UserCreated{User: "ada", Email: "ada@example.org", Role: events.Viewer}
	active, off, on := events.UserActivated{User: "ada"}, events.UserDisabled{User: "ada"}, events.UserEnabled{User: "ada"}
	for name, tt := range map[string]struct {
		past   []events.Payload
		status authz.Status
	}{
		"a new one is invited":                        {[]events.Payload{made}, authz.Invited},
		"the first token makes him active":            {[]events.Payload{made, active}, authz.Active},
		"disabled":                                    {[]events.Payload{made, active, off}, authz.Disabled},
		"enabled, he is as before: active":            {[]events.Payload{made, active, off, on}, authz.Active},
		"enabled, he is as before: invited":           {[]events.Payload{made, off, on}, authz.Invited},
		"disabled twice":                              {[]events.Payload{made, active, off, off, on}, authz.Active},
		"enabled without need":                        {[]events.Payload{made, on}, authz.Invited},
		"activated while disabled, he stays disabled": {[]events.Payload{made, off, active}, authz.Disabled},
		"and is active afterwards":                    {[]events.Payload{made, off, active, on}, authz.Active},
		"deleted":                                     {[]events.Payload{made, events.UserDeleted{User: "ada"}}, ""},
		"nothing brings him back":                     {[]events.Payload{made, events.UserDeleted{User: "ada"}, on, active}, ""},
		"he never was":                                {[]events.Payload{off}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			past := newHistory(1).user("ada", tt.past...).recorded
			if got := FoldUser(past).Status; got != tt.status {
				t.Errorf("his status is %q, want %q", got, tt.status)
			}
			var gate authz.Status
			if u := Authorities.fold(userKey("ada"), past).User; u != nil {
				gate = u.Status
			}
			if gate != tt.status {
				t.Errorf("to authentication it is %q, want %q", gate, tt.status)
			}
		})
	}
}

func TestWhoChangedAUser(t *testing.T) {
	t.Parallel()
	h := newHistory(1).user("ada", events.UserCreated{User: "ada"})
	h.add("bob", events.UserStream(events.Platform, "ada"), events.UserRenamed{User: "ada", Name: "Ada"})
	u := FoldUser(h.recorded)
	if u.CreatedBy != "" || u.UpdatedBy != "bob" || u.Version != 2 || !u.UpdatedAt.After(u.CreatedAt) {
		t.Errorf("created by %q, updated by %q, version %d, %s and %s", u.CreatedBy, u.UpdatedBy, u.Version, u.CreatedAt, u.UpdatedAt)
	}
}
