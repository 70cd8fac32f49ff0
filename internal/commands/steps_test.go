package commands_test

import (
	"pgregory.net/rapid"

	"tenure/internal/events"
)

// step is a command as it is drawn: by places in the lists of a world, which
// are filled while it runs. A place beyond a list's end begins it anew.
type step struct {
	verb    string
	who     drawnCaller
	user    int // whom it is about; unknown: nobody there is
	mine    bool
	key     int
	scope   int
	email   int // none: not given
	name    int // none: not given
	role    *events.Role
	def     *events.Role
	entries []drawnEntry // nil: not given
	caps    *[]string
	tenants *[]int
	active  *bool
	replace bool

	// inner is another command that happens while this one is under way: before
	// it reads for the after-th time, its caller being known already, or when it
	// is decided and not yet appended.
	inner *step
	after int
}

type drawnCaller struct {
	system bool
	user   int
	key    int // none: as himself
	tenant int
}

type drawnEntry struct {
	scope int
	role  events.Role
	caps  []string
}

const (
	none    = -1 // no supplier, no key, no value
	unknown = -2
	decided = 1000 // no command reads as often

	nothing = "nothing"
)

// GoString is what rapid prints of a step; what came of it is told in full
// while it is carried out.
func (s step) GoString() string { return s.verb }

func oneOf[V any](t *rapid.T, label string, values ...V) V {
	return rapid.SampledFrom(values).Draw(t, label)
}

// below is a number from 0 to n-1, each as likely as the others.
func below(t *rapid.T, label string, n int) int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return rapid.SampledFrom(all).Draw(t, label)
}

// sometimes is true once in n.
func sometimes(t *rapid.T, label string, n int) bool {
	return below(t, label, n) == n-1
}

// verbs begin with the one that is left out, so that a failing world shrinks to
// the commands that matter.
var verbs = []string{
	nothing,
	"create user", "create user", "create user", "change user", "change user", "change user", "change user",
	"set membership", "set membership", "set membership", "replace memberships", "replace memberships", "remove membership",
	"disable", "enable", "delete", "create supplier", "change supplier", "change supplier",
	"issue key", "issue key", "rotate key", "revoke key", "revoke named",
}

// steps draws commands that may be interrupted by another.
func steps() *rapid.Generator[step] {
	return rapid.Custom(func(t *rapid.T) step {
		s := plainStep(t)
		if sometimes(t, "is interrupted", 3) {
			s.who = oneWhoMay(t)
			var inner step
			switch oneOf(t, "by what", "the caller's end", "the caller's end", "another state", "anything") {
			case "the caller's end":
				inner = endOf(t, s.who)
			case "another state":
				inner = anotherState(t, s)
			default:
				inner = plainStep(t)
			}
			s.inner, s.after = &inner, oneOf(t, "after", 0, 1, 2, 3, 4, decided, decided, decided)
		}
		return s
	})
}

// bySystem is a step of one who may do anything.
func bySystem(verb string, user, scope int) step {
	return step{verb: verb, who: drawnCaller{system: true, key: none, tenant: none}, user: user, scope: scope, email: none, name: none}
}

// endOf draws what takes from a caller what he may.
func endOf(t *rapid.T, who drawnCaller) step {
	verbs := []string{"change user", "disable", "delete"}
	switch {
	case who.key != none:
		verbs = append(verbs, "revoke key", "revoke key")
	case who.tenant != none:
		verbs = append(verbs, "change supplier", "set membership", "remove membership")
	}
	s := bySystem(oneOf(t, "verb", verbs...), who.user, who.tenant)
	role := oneOf(t, "role", events.Viewer, events.Viewer, events.SuperAdmin) // the last is an end too: of what he was
	s.key, s.role, s.active = who.key, &role, new(bool)
	if s.verb == "set membership" {
		s.entries = []drawnEntry{{scope: who.tenant, role: events.Viewer}}
	}
	return s
}

// anotherState draws what leaves a command with another user or supplier than
// it has read of.
func anotherState(t *rapid.T, s step) step {
	switch {
	case s.verb == "issue key" && sometimes(t, "another key", 2):
		return bySystem("issue key", s.who.user, none)
	case (s.user == 0 || s.user == 2) && sometimes(t, "the other super_admin", 2):
		return bySystem(oneOf(t, "verb", "disable", "delete"), 2-s.user, none)
	}
	inner := bySystem(oneOf(t, "verb", "change user", "disable", "delete", "enable", "set membership", "set membership", "remove membership", "change supplier", "issue key"), s.user, oneOf(t, "scope", s.scope, 0, 1))
	super := events.SuperAdmin
	inner.role, inner.active, inner.email = &super, new(bool), none
	if inner.verb == "change user" && s.email != none {
		inner.role, inner.email = nil, s.email
	}
	if inner.verb == "set membership" {
		inner.entries = []drawnEntry{{scope: inner.scope, role: events.Viewer}}
	}
	return inner
}

func plainStep(t *rapid.T) step {
	s := step{verb: oneOf(t, "verb", verbs...), who: someone(t), email: none, name: none, scope: none}
	s.user = someUser(t)
	if s.who.user == 1 && sometimes(t, "one of his", 2) {
		s.user = oneOf(t, "which", 3, 4)
	}
	switch s.verb {
	case "create user", "change user":
		s.drawUser(t)
	case "set membership":
		e := someEntry(t)
		s.scope, s.entries = e.scope, []drawnEntry{e}
	case "remove membership":
		s.scope = oneOf(t, "scope", 0, 0, 0, 1, 1, 2, none, unknown)
	case "replace memberships":
		s.drawDocument(t)
	case "create supplier", "change supplier":
		s.scope = oneOf(t, "supplier", 0, 1, 2, unknown)
		s.drawSupplier(t)
	case "issue key", "rotate key", "revoke key", "revoke named":
		s.mine = !sometimes(t, "of another", 4)
		s.key = below(t, "key", 6)
		s.drawKey(t)
	}
	return s
}

func someUser(t *rapid.T) int {
	if sometimes(t, "nobody", 24) {
		return unknown
	}
	return below(t, "user", 8)
}

func someone(t *rapid.T) drawnCaller {
	if sometimes(t, "who may", 2) {
		return oneWhoMay(t)
	}
	c := drawnCaller{key: none, tenant: oneOf(t, "tenant", none, none, 0, 0, 0, 0, 1, 1, 2, unknown)}
	switch oneOf(t, "caller", "root", "a user", "a user", "a user", "a user", "a key", "a key", "the system") {
	case "a user":
		c.user = below(t, "caller's place", 8)
	case "a key":
		c.key = below(t, "caller's key", 6)
	case "the system":
		c.system, c.tenant = true, none
	}
	return c
}

// oneWhoMay is a caller who may do much, unless that has ended.
func oneWhoMay(t *rapid.T) drawnCaller {
	return oneOf(t, "who",
		drawnCaller{user: 0, key: none, tenant: none}, drawnCaller{user: 1, key: none, tenant: 0}, drawnCaller{user: 1, key: none, tenant: 0},
		drawnCaller{user: 2, key: none, tenant: none}, drawnCaller{user: 5, key: none, tenant: 0}, drawnCaller{user: 0, key: none, tenant: 0},
		drawnCaller{user: 1, key: 0, tenant: 0}, drawnCaller{user: 0, key: 1, tenant: none}, drawnCaller{user: 0, key: 1, tenant: 0})
}

var someRoles = []events.Role{
	events.SupplierAdmin, events.SupplierAdmin, events.Viewer, events.Auditor, events.SupplierHelpdesk, events.Reseller, "", "", events.SuperAdmin,
}

func someRole(t *rapid.T, label string) *events.Role {
	if !sometimes(t, label+"?", 2) {
		return nil
	}
	role := oneOf(t, label, events.Viewer, events.SuperAdmin, events.SuperAdmin, events.SupplierAdmin, events.Auditor, events.Reseller)
	return &role
}

func someCapabilities(t *rapid.T) []string {
	if !sometimes(t, "capabilities?", 3) {
		return nil
	}
	return someWords(t)
}

func someWords(t *rapid.T) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"manage_users", "view_data", "manage_suppliers", "custom"}), 0, 3, rapid.ID).Draw(t, "capabilities")
}

func someEntry(t *rapid.T) drawnEntry {
	return drawnEntry{scope: oneOf(t, "scope", 0, 0, 0, 0, 1, 1, 2, none, unknown), role: oneOf(t, "role", someRoles...), caps: someCapabilities(t)}
}

func (s *step) drawUser(t *rapid.T) {
	s.role = someRole(t, "role")
	if s.verb == "create user" || sometimes(t, "email?", 4) {
		s.email = below(t, "email", emails)
	}
	if sometimes(t, "name?", 3) {
		s.name = below(t, "name", 3)
	}
	if sometimes(t, "memberships?", 2) {
		s.drawDocument(t)
	}
}

func (s *step) drawDocument(t *rapid.T) {
	s.entries = []drawnEntry{}
	for range oneOf(t, "entries", 1, 1, 0, 2) {
		s.entries = append(s.entries, someEntry(t))
	}
	if sometimes(t, "default role?", 4) {
		role := oneOf(t, "default role", "", events.Viewer, events.SupplierAdmin, events.SuperAdmin)
		s.def = &role
	}
}

func (s *step) drawSupplier(t *rapid.T) {
	if s.verb == "create supplier" || sometimes(t, "name?", 3) {
		s.name = below(t, "name", 5)
	}
	if sometimes(t, "slug?", 3) {
		s.email = below(t, "slug", 5)
	}
	if s.verb == "create supplier" || sometimes(t, "is_active?", 2) {
		active := sometimes(t, "is_active", 2)
		s.active = &active
	}
}

func (s *step) drawKey(t *rapid.T) {
	s.name = below(t, "name", 2)
	s.replace = s.name == 0 && sometimes(t, "replace", 2)
	if sometimes(t, "capabilities?", 2) {
		words := oneOf(t, "which", []string{"manage_users"}, someWords(t))
		s.caps = &words
	}
	if sometimes(t, "tenants?", 3) {
		tenants := rapid.SliceOfNDistinct(rapid.SampledFrom([]int{0, 1, 2, unknown}), 0, 2, rapid.ID).Draw(t, "tenants")
		s.tenants = &tenants
	}
}

// beginning is how a world is filled.
func beginning() *rapid.Generator[[]step] {
	return rapid.Custom(func(t *rapid.T) []step {
		yes, super := true, events.SuperAdmin
		first := drawnCaller{system: true, key: none, tenant: none}
		var all []step
		for i := range 3 {
			all = append(all, step{verb: "create supplier", who: first, name: i, email: none, active: &yes})
		}
		all = append(all, step{verb: "create user", who: first, name: none, email: 0, role: &super, replace: true})
		root, admin := drawnCaller{key: none, tenant: none}, drawnCaller{user: 1, key: none, tenant: 0}
		for i, who := range []drawnCaller{root, root, admin, admin, root, root} {
			s := step{verb: "create user", who: who, name: none, email: i + 1}
			switch i {
			case 0: // an admin of the first supplier
				s.entries = []drawnEntry{{scope: 0, role: events.SupplierAdmin}}
			case 1:
				s.role, s.replace = &super, sometimes(t, "active", 2)
			case 2: // the admin's own, with an entry there and without
				s.entries = []drawnEntry{{scope: 0, role: oneOf(t, "role there", events.Viewer, events.SupplierAdmin)}}
			case 4, 5:
				s.entries, s.role = []drawnEntry{someEntry(t)}, someRole(t, "role")
			}
			all = append(all, s)
		}
		for i, who := range []drawnCaller{admin, root, {user: 5, key: none, tenant: 0}} {
			s := step{verb: "issue key", who: who, mine: true, key: i, email: none}
			s.drawKey(t)
			if i == 1 && sometimes(t, "limited to one supplier", 2) {
				s.caps, s.tenants = nil, &[]int{0}
			}
			all = append(all, s)
		}
		return append(all, turns(t)...)
	})
}

// turns draws what leads from the beginning to where more rules count: a user
// who is shared, a supplier that is not active, an admin who has less than his
// key.
func turns(t *rapid.T) []step {
	var all []step
	if sometimes(t, "shared", 2) {
		s := bySystem("set membership", oneOf(t, "who is shared", 3, 4), oneOf(t, "with", 1, none))
		s.entries = []drawnEntry{{scope: s.scope, role: events.Viewer}}
		all = append(all, s)
	}
	if sometimes(t, "less", 3) {
		s := bySystem("set membership", 1, 0)
		s.entries = []drawnEntry{{scope: 0, role: events.SupplierAdmin, caps: []string{"view_data"}}}
		all = append(all, s)
	}
	if sometimes(t, "inactive", 3) {
		s := bySystem("change supplier", 0, 1)
		s.active = new(bool)
		all = append(all, s)
	}
	return all
}
