package projections

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"tenure/internal/authz"
	"tenure/internal/docstore"
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

// What is kept of memberships with a user is what their own read model has, or
// nothing at all.
func TestAUserKeepsHisMembershipsWhileTheyAreFew(t *testing.T) {
	t.Parallel()
	set := func(supplier events.TenantID, metadata string) events.Payload {
		return events.MembershipSet{User: "ada", Supplier: supplier, MembershipEntry: events.MembershipEntry{Role: events.Viewer, Metadata: []byte(metadata)}}
	}
	end := func(supplier events.TenantID) events.Payload {
		return events.MembershipRemoved{User: "ada", Supplier: supplier}
	}
	large := `{"a":"` + strings.Repeat("x", smallMemberships) + `"}`
	var few, many []events.Payload
	for n := range fewMemberships {
		few = append(few, set(events.TenantID(fmt.Sprint("s", n)), ""))
	}
	many = append(slices.Clone(few), set("one more", ""))
	for name, tt := range map[string]struct {
		past []events.Payload
		many bool
	}{
		"none":                                 {nil, false},
		"one, and a global one":                {[]events.Payload{set("zeta", "{}"), set("", "")}, false},
		"one that was set twice":               {[]events.Payload{set("zeta", "{}"), set("zeta", `{"a":1}`)}, false},
		"one that ended":                       {[]events.Payload{set("zeta", "{}"), end("zeta")}, false},
		"one that began again":                 {[]events.Payload{set("zeta", "{}"), end("zeta"), set("zeta", "")}, false},
		"as many as are few":                   {few, false},
		"one more":                             {many, true},
		"one more, of which many ended":        {append(slices.Clone(many), end("s1"), end("s2"), end("s3")), true},
		"a large one":                          {[]events.Payload{set("zeta", large)}, true},
		"a large one that is small afterwards": {[]events.Payload{set("zeta", large), set("zeta", "")}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHistory(1).user("ada", events.UserCreated{User: "ada"})
			want := make(map[events.TenantID]Membership)
			for _, p := range tt.past {
				var supplier events.TenantID
				switch p := p.(type) {
				case events.MembershipSet:
					supplier = p.Supplier
				case events.MembershipRemoved:
					supplier = p.Supplier
				}
				stream := events.MembershipStream("ada", supplier)
				h.add("", stream, p)
				m := Memberships.fold(docstore.Key(stream.ID), h.recorded)
				want[supplier] = m
			}
			u := FoldUser(h.recorded)
			if u.Many != tt.many || u.Many && u.Memberships != nil {
				t.Fatalf("many is %v, and %d are kept", u.Many, len(u.Memberships))
			}
			if u.Many {
				return
			}
			if !slices.IsSortedFunc(u.Memberships, func(a, b Membership) int { return cmp.Compare(a.Supplier, b.Supplier) }) {
				t.Errorf("they are in no order: %v", u.Memberships)
			}
			got := make(map[events.TenantID]Membership)
			for _, m := range u.Memberships {
				got[m.Supplier] = m
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("(-read model +kept):\n%s", diff)
			}
		})
	}
}
