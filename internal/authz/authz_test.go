package authz_test

import (
	"testing"
	"time"

	"tenure/internal/authz"
	"tenure/internal/events"
	"tenure/internal/fault"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func facts(id events.UserID, role events.Role, status authz.Status) authz.UserFacts {
	return authz.UserFacts{
		ID: id, Email: string(id) + "@example.com", Role: role, Status: status,
		Source: authz.Fact{Stream: events.UserStream(events.Platform, id), Version: 3},
	}
}

func keyOf(id events.UserID, change func(*authz.KeyFacts)) authz.KeyFacts {
	k := authz.KeyFacts{ID: "k", User: id, Hash: "1.h", Source: authz.Fact{Stream: events.APIKeyStream(events.Platform, "k"), Version: 1}}
	if change != nil {
		change(&k)
	}
	return k
}

func super() authz.Principal { return authz.User(facts("root", events.SuperAdmin, authz.Active)) }

func narrowed(change func(*authz.KeyFacts)) authz.Principal {
	return authz.Key(facts("root", events.SuperAdmin, authz.Active), keyOf("root", change), now)
}

func TestWhoIsNobody(t *testing.T) {
	t.Parallel()
	past := now
	for name, p := range map[string]authz.Principal{
		"the zero principal":        {},
		"a user without an id":      authz.User(facts("", events.SuperAdmin, authz.Active)),
		"a disabled user":           authz.User(facts("ada", events.SuperAdmin, authz.Disabled)),
		"a user of no status":       authz.User(facts("ada", events.SuperAdmin, "")),
		"the key of another":        authz.Key(facts("ada", events.SuperAdmin, authz.Active), keyOf("bob", nil), now),
		"a key of a disabled owner": authz.Key(facts("ada", events.SuperAdmin, authz.Disabled), keyOf("ada", nil), now),
		"a key that expires now":    authz.Key(facts("ada", events.SuperAdmin, authz.Active), keyOf("ada", func(k *authz.KeyFacts) { k.ExpiresAt = &past }), now),
		"a system without a reason": authz.System(""),
	} {
		if p.Known() || p.IsSuperAdmin() || p.Holds("view_data") || len(p.Facts()) > 0 {
			t.Errorf("%s is somebody", name)
		}
		for _, x := range permissions() {
			if _, err := p.Allow(x); fault.As(err) == nil {
				t.Errorf("%s may %s", name, x.Name())
			}
		}
		for what, s := range map[string]authz.Scope{
			"users": p.UserScope(), "himself": p.SelfScope(), "suppliers": p.SupplierScope(), "keys": p.KeyScope(), "the log": p.LogScope(),
		} {
			if s.Everything() || len(s.Tenants()) > 0 || s.Owner() != "" || s.Sees(authz.Tags{}) {
				t.Errorf("%s sees %s", name, what)
			}
		}
	}
}

func permissions() []authz.Permission {
	return []authz.Permission{
		authz.ReadUsers, authz.CreateUsers, authz.ChangeUsers, authz.DisableUsers, authz.DeleteUsers, authz.ReadSuppliers,
		authz.ReadMemberships, authz.ManageMemberships, authz.CreateSuppliers, authz.ChangeSuppliers, authz.ManageOwnKeys, authz.ReadLog, authz.ReadOperations,
	}
}

func TestAnInvitedUsersKeyAuthenticates(t *testing.T) {
	t.Parallel()
	p := authz.Key(facts("ada", events.Viewer, authz.Invited), keyOf("ada", nil), now)
	if !p.Known() || p.KeyID() != "k" || p.KeyHash() != "1.h" || len(p.Facts()) != 2 {
		t.Errorf("principal: %+v", p)
	}
}

func TestWhoMayWhat(t *testing.T) {
	t.Parallel()
	some, none := []string{"manage_suppliers"}, []string{}
	tenants := []events.TenantID{"s"}
	viewer := authz.User(facts("ada", events.Viewer, authz.Active))
	for name, tt := range map[string]struct {
		by   authz.Principal
		may  []authz.Permission
		code string // of what he may not
	}{
		"the system":    {authz.System("test"), permissions(), ""},
		"a super_admin": {super(), permissions(), ""},
		"a plain key":   {narrowed(nil), permissions(), ""},
		"a viewer":      {viewer, []authz.Permission{authz.ManageOwnKeys}, "role_denied"},
		"a key narrowed to suppliers": {
			narrowed(func(k *authz.KeyFacts) { k.Capabilities = &some }),
			[]authz.Permission{authz.ReadUsers, authz.ReadMemberships, authz.ReadSuppliers, authz.CreateSuppliers, authz.ChangeSuppliers, authz.ReadLog, authz.ReadOperations},
			"",
		},
		"a key narrowed to nothing": {
			narrowed(func(k *authz.KeyFacts) { k.Capabilities = &none }),
			[]authz.Permission{authz.ReadUsers, authz.ReadMemberships, authz.ReadSuppliers, authz.ReadLog, authz.ReadOperations},
			"",
		},
		"a key narrowed to a tenant": {
			narrowed(func(k *authz.KeyFacts) { k.Tenants = &tenants }),
			[]authz.Permission{authz.ReadUsers, authz.CreateUsers, authz.ChangeUsers, authz.DisableUsers, authz.ReadMemberships, authz.ManageMemberships, authz.ReadSuppliers, authz.ReadLog},
			"",
		},
	} {
		may := map[string]bool{}
		for _, x := range tt.may {
			may[x.Name()] = true
		}
		for _, x := range permissions() {
			by, err := tt.by.Allow(x)
			if (err == nil) != may[x.Name()] {
				t.Errorf("%s, %s: %v", name, x.Name(), err)
			}
			if err == nil && by.Permission != x.Name() {
				t.Errorf("%s, %s: allowed by %+v", name, x.Name(), by)
			}
			if err != nil && tt.code != "" && !fault.Is(err, tt.code) {
				t.Errorf("%s, %s: %v, want %s", name, x.Name(), err, tt.code)
			}
		}
		if _, err := tt.by.Allow(authz.Permission{}); err == nil {
			t.Errorf("%s holds the permission that is none", name)
		}
	}
}

func TestWhatIsOnesOwnIsNobodyElses(t *testing.T) {
	t.Parallel()
	if err := super().AllowOn(authz.ManageOwnKeys, "ada"); err == nil {
		t.Error("a super_admin manages another's keys")
	}
	if err := super().AllowOn(authz.ManageOwnKeys, "root"); err != nil {
		t.Errorf("his own: %v", err)
	}
	if err := authz.System("test").AllowOn(authz.ManageOwnKeys, "ada"); err != nil {
		t.Errorf("the system: %v", err)
	}
	tenants := []events.TenantID{"s"}
	p := narrowed(func(k *authz.KeyFacts) { k.Tenants = &tenants })
	if _, err := p.At("s").Allow(authz.ChangeUsers); err != nil {
		t.Errorf("a key within its tenant: %v", err)
	}
	if _, err := p.At("other").Allow(authz.ChangeUsers); !fault.Is(err, "tenant_denied") {
		t.Errorf("a key beyond its tenant: %v", err)
	}
}

func TestWhatAScopeSees(t *testing.T) {
	t.Parallel()
	tenants := []events.TenantID{"s"}
	limited := narrowed(func(k *authz.KeyFacts) { k.Tenants = &tenants })
	viewer := authz.User(facts("ada", events.Viewer, authz.Active))
	mine, theirs := authz.Tags{Owner: "ada"}, authz.Tags{Owner: "bob"}
	here, there := authz.Tags{Tenants: []events.TenantID{"x", "s"}}, authz.Tags{Tenants: []events.TenantID{"t"}}
	for name, tt := range map[string]struct {
		scope authz.Scope
		sees  []authz.Tags
		not   []authz.Tags
	}{
		"a super_admin":              {super().UserScope(), []authz.Tags{mine, theirs, here, there, {}}, nil},
		"a super_admin, in a tenant": {super().At("s").UserScope(), []authz.Tags{here}, []authz.Tags{mine, theirs, there, {}}},
		"a super_admin's keys":       {super().KeyScope(), []authz.Tags{{Owner: "root"}}, []authz.Tags{mine, here, {}}},
		"a key within its tenants":   {limited.UserScope(), []authz.Tags{here}, []authz.Tags{mine, there, {}}},
		"a key beyond its tenants":   {limited.At("t").UserScope(), nil, []authz.Tags{mine, here, there, {}}},
		"a key within no name":       {narrowed(func(k *authz.KeyFacts) { k.Tenants = &[]events.TenantID{""} }).UserScope(), nil, []authz.Tags{{Tenants: []events.TenantID{""}}}},
		"a viewer":                   {viewer.UserScope(), []authz.Tags{mine}, []authz.Tags{theirs, here, there, {}}},
		"a viewer's suppliers":       {viewer.SupplierScope(), nil, []authz.Tags{mine, here, {}}},
		"a viewer's log":             {viewer.LogScope(), nil, []authz.Tags{mine, here, {}}},
		"the zero scope":             {authz.Scope{}, nil, []authz.Tags{mine, theirs, here, there, {}, {Tenants: []events.TenantID{""}}}},
		"the system's":               {authz.SystemScope("test"), []authz.Tags{mine, here, {}}, nil},
		"the system's, no reason":    {authz.SystemScope(""), nil, []authz.Tags{mine, here, {}}},
	} {
		for _, tags := range tt.sees {
			if !tt.scope.Sees(tags) {
				t.Errorf("%s does not see %+v", name, tags)
			}
		}
		for _, tags := range tt.not {
			if tt.scope.Sees(tags) {
				t.Errorf("%s sees %+v", name, tags)
			}
		}
	}
}
