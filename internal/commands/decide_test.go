package commands

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenure/internal/authz"
	"tenure/internal/events"
	"tenure/internal/fault"
)

var (
	admin = someone("admin", events.SuperAdmin)
	now   = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

func someone(id events.UserID, role events.Role) authz.Principal {
	return authz.User(authz.UserFacts{
		ID: id, Email: string(id) + "@example.com", Role: role, Status: authz.Active,
		Source: authz.Fact{Stream: events.UserStream(events.Platform, id), Version: 1},
	})
}

func happened(payloads ...events.Payload) []events.Recorded {
	var past []events.Recorded
	for i, p := range payloads {
		past = append(past, events.Recorded{Stream: events.UserStream(events.Platform, "ada"), Version: events.Version(i + 1), Payload: p})
	}
	return past
}

func ada(role events.Role) events.Payload {
	return events.UserCreated{User: "ada", Email: "ada@example.com", Name: "Ada", Role: role}
}

// payloads are what a decision comes to, in its order.
func (d decision) payloads() []events.Payload {
	var all []events.Payload
	for _, w := range d.writes {
		all = append(all, w.events...)
	}
	return all
}

// expect compares an outcome with what the table says.
func expect(t *testing.T, got []events.Payload, err error, want []events.Payload, code string) {
	t.Helper()
	if f := fault.As(err); (f == nil) != (code == "") || f != nil && f.Code != code {
		t.Fatalf("fault: got %v, want %q", err, code)
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("what happened (- got, + want):\n%s", diff)
	}
}

func TestCreateUser(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		when  CreateUser
		then  []events.Payload
		fault string
	}{
		"a new person is invited":           {when: CreateUser{ID: "ada", Email: "ada@example.com", Name: "Ada", Role: events.Viewer}, then: []events.Payload{ada(events.Viewer)}},
		"an operator's person is active":    {when: CreateUser{ID: "ada", Email: "ada@example.com", Name: "Ada", Role: events.SuperAdmin, Active: true}, then: []events.Payload{ada(events.SuperAdmin), events.UserActivated{User: "ada"}}},
		"a supplier's role, no supplier":    {when: CreateUser{ID: "ada", Role: events.SupplierAdmin}, fault: "scope_required"},
		"a reseller without a link":         {when: CreateUser{ID: "ada", Role: events.Reseller}, fault: "scope_required"},
		"a role that is none needs a scope": {when: CreateUser{ID: "ada", Role: "king"}, fault: "scope_required"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := createUser(entitled{by: admin}, tt.when, events.UserStream(events.Platform, "ada"))
			expect(t, d.payloads(), err, tt.then, tt.fault)
		})
	}
}

func TestChangeUser(t *testing.T) {
	t.Parallel()
	name, same, none := "Countess", "Ada", ""
	viewer, root := events.Viewer, events.SuperAdmin
	active := []events.Recorded{}
	active = append(active, happened(ada(events.SuperAdmin), events.UserActivated{User: "ada"})...)
	for title, tt := range map[string]struct {
		given  []events.Recorded
		others int
		by     authz.Principal
		when   ChangeUser
		then   []events.Payload
		fault  string
	}{
		"another name":                       {given: happened(ada(viewer)), by: admin, when: ChangeUser{Name: &name}, then: []events.Payload{events.UserRenamed{User: "ada", Name: name}}},
		"the same name changes nothing":      {given: happened(ada(viewer)), by: admin, when: ChangeUser{Name: &same}},
		"a name that is cleared":             {given: happened(ada(viewer)), by: admin, when: ChangeUser{Name: &none}, then: []events.Payload{events.UserRenamed{User: "ada"}}},
		"another role":                       {given: happened(ada(viewer)), by: admin, when: ChangeUser{Role: &root}, then: []events.Payload{events.UserRoleChanged{User: "ada", Role: root}}},
		"both":                               {given: happened(ada(viewer)), by: admin, when: ChangeUser{Name: &name, Role: &root}, then: []events.Payload{events.UserRenamed{User: "ada", Name: name}, events.UserRoleChanged{User: "ada", Role: root}}},
		"the same role changes nothing":      {given: happened(ada(viewer)), by: admin, when: ChangeUser{Role: &viewer}},
		"one's own role":                     {given: active, others: 3, by: someone("ada", root), when: ChangeUser{Role: &viewer}, fault: "own_role"},
		"one's own name":                     {given: active, by: someone("ada", root), when: ChangeUser{Name: &name}, then: []events.Payload{events.UserRenamed{User: "ada", Name: name}}},
		"the last active super_admin's role": {given: active, by: admin, when: ChangeUser{Role: &viewer}, fault: "last_super_admin"},
		"one of two super_admins":            {given: active, others: 1, by: admin, when: ChangeUser{Role: &viewer}, then: []events.Payload{events.UserRoleChanged{User: "ada", Role: viewer}}},
		"an invited super_admin's role":      {given: happened(ada(root)), by: admin, when: ChangeUser{Role: &viewer}, then: []events.Payload{events.UserRoleChanged{User: "ada", Role: viewer}}},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			d, err := changeUser(entitled{by: tt.by}, person{user: foldUser(tt.given)}, tt.others, tt.when)
			expect(t, d.payloads(), err, tt.then, tt.fault)
		})
	}
}

func TestAnEnabledUserHasTheStatusFromBefore(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		given []events.Recorded
		want  authz.Status
	}{
		"invited":                  {happened(ada(events.Viewer)), authz.Invited},
		"active":                   {happened(ada(events.Viewer), events.UserActivated{}), authz.Active},
		"disabled":                 {happened(ada(events.Viewer), events.UserActivated{}, events.UserDisabled{}), authz.Disabled},
		"enabled, was active":      {happened(ada(events.Viewer), events.UserActivated{}, events.UserDisabled{}, events.UserEnabled{}), authz.Active},
		"activated, then disabled": {happened(ada(events.Viewer), events.UserDisabled{}, events.UserActivated{}), authz.Disabled},
		"enabled, was activated":   {happened(ada(events.Viewer), events.UserDisabled{}, events.UserActivated{}, events.UserEnabled{}), authz.Active},
		"disabled twice":           {happened(ada(events.Viewer), events.UserActivated{}, events.UserDisabled{}, events.UserDisabled{}, events.UserEnabled{}), authz.Active},
		"enabled, was not":         {happened(ada(events.Viewer), events.UserDisabled{}, events.UserEnabled{}), authz.Invited},
	} {
		if got := foldUser(tt.given).Status; got != tt.want {
			t.Errorf("%s: status %s, want %s", name, got, tt.want)
		}
	}
}

func TestRotateAPIKey(t *testing.T) {
	t.Parallel()
	soon, later, past := now.Add(time.Minute), now.Add(time.Hour), now.Add(-time.Hour)
	key := func(expires *time.Time) []events.Recorded {
		return happened(events.APIKeyIssued{Key: "k", User: "ada", Name: "n", Hash: "1.a", ExpiresAt: expires})
	}
	twice := append(key(nil), happened(events.APIKeyRotated{Key: "k", User: "ada", Hash: "1.b", Previous: "1.a", PreviousExpiresAt: &later})...)
	secret := Secret{Hash: "1.c", Prefix: "tnr_cccc", LastFour: "cccc"}
	rotated := func(previous, ended events.KeyHash, until *time.Time) []events.Payload {
		return []events.Payload{events.APIKeyRotated{
			Key: "k", User: "ada", Hash: "1.c", Prefix: "tnr_cccc", LastFour: "cccc",
			Previous: previous, PreviousExpiresAt: until, Ended: ended,
		}}
	}
	for name, tt := range map[string]struct {
		given    []events.Recorded
		grace    time.Duration
		then     []events.Payload
		released []string
		fault    string
	}{
		"without grace the former ends":   {given: key(nil), then: rotated("1.a", "", nil), released: []string{"1.a"}},
		"with grace it lives on":          {given: key(nil), grace: time.Hour, then: rotated("1.a", "", &later)},
		"no longer than the key itself":   {given: key(&soon), grace: time.Hour, then: rotated("1.a", "", &soon)},
		"one former key at most lives on": {given: twice, grace: time.Hour, then: rotated("1.b", "1.a", &later), released: []string{"1.a"}},
		"a key that has expired":          {given: key(&past), fault: "key_expired"},
		"a grace of more than a day":      {given: key(nil), grace: 25 * time.Hour, fault: "out_of_range"},
		"a grace below nothing":           {given: key(nil), grace: -1, fault: "out_of_range"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := rotateAPIKey(foldAPIKey(tt.given), RotateAPIKey{ID: "k", Secret: secret, Grace: tt.grace}, now)
			var got []events.Payload
			for _, w := range d.writes {
				got = append(got, w.events...)
			}
			expect(t, got, err, tt.then, tt.fault)
			var released []string
			for _, c := range d.release {
				released = append(released, c.Value)
			}
			if diff := cmp.Diff(released, tt.released); diff != "" {
				t.Errorf("released (- got, + want):\n%s", diff)
			}
		})
	}
}

func TestIssueAPIKeyRefuses(t *testing.T) {
	t.Parallel()
	past, far := now.Add(-time.Second), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	live := func(n int, name string, expires *time.Time) []apiKey {
		var keys []apiKey
		for range n {
			keys = append(keys, apiKey{exists: true, name: name, expires: expires})
		}
		return keys
	}
	some, none := []string{"manage_users"}, []string{}
	supplier := []events.TenantID{"s"}
	for name, tt := range map[string]struct {
		keys   []apiKey
		status authz.Status
		by     authz.Principal
		there  bool // the supplier is, and is active
		when   IssueAPIKey
		fault  string
	}{
		"nothing of a plain key":             {by: someone("ada", events.Viewer), when: IssueAPIKey{Name: "n"}},
		"a 26th live key":                    {keys: live(25, "n", nil), by: admin, when: IssueAPIKey{Name: "n"}, fault: "too_many_keys"},
		"not when one of 25 has expired":     {keys: append(live(24, "n", nil), live(1, "n", &past)...), by: admin, when: IssueAPIKey{Name: "n"}},
		"not when one of 25 is replaced":     {keys: append(live(24, "n", nil), live(1, "default", nil)...), by: admin, when: IssueAPIKey{Name: "default", Replace: true}},
		"a second default key":               {keys: live(1, "default", nil), by: admin, when: IssueAPIKey{Name: "default"}, fault: "name_taken"},
		"an expiry that has passed":          {by: admin, when: IssueAPIKey{Name: "n", ExpiresAt: &past}, fault: "expired"},
		"a capability that is not held":      {by: someone("ada", events.Viewer), when: IssueAPIKey{Name: "n", Capabilities: &some}, fault: "not_held"},
		"not a narrowing to nothing":         {by: someone("ada", events.Viewer), when: IssueAPIKey{Name: "n", Capabilities: &none}},
		"a supplier without authority in it": {by: someone("ada", events.Viewer), when: IssueAPIKey{Name: "n", Tenants: &supplier}, fault: "not_held"},
		"a supplier that is unknown":         {by: admin, when: IssueAPIKey{Name: "n", Tenants: &supplier}, fault: "unknown_reference"},
		"one that is there is not told":      {by: someone("ada", events.Viewer), there: true, when: IssueAPIKey{Name: "n", Tenants: &supplier}, fault: "not_held"},
		"an expiry that no text can say":     {by: admin, when: IssueAPIKey{Name: "n", ExpiresAt: &far}, fault: "out_of_range"},
		"a disabled owner":                   {status: authz.Disabled, by: authz.System("test"), when: IssueAPIKey{Name: "n"}, fault: "user_disabled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := issue{command: tt.when, now: now, owner: user{exists: true, Standing: authz.Standing{Status: tt.status}}, keys: tt.keys}
			if tt.there {
				i.suppliers = map[events.TenantID]bool{"s": true}
			}
			_, err := i.decide(tt.by)
			expect(t, nil, err, nil, tt.fault)
		})
	}
}

func TestOfTooManyExpiredKeysTheOldestEnd(t *testing.T) {
	t.Parallel()
	var keys []apiKey
	for n := range maxKeptKeys + 1 {
		at := now.Add(-time.Duration(n+1) * time.Hour)
		keys = append(keys, apiKey{exists: true, id: events.KeyID(rune('a' + n)), expires: &at})
	}
	i := issue{now: now, keys: keys}
	ended := i.ended()
	if len(ended) != 2 || ended[0].id != keys[maxKeptKeys].id || ended[1].id != keys[maxKeptKeys-1].id {
		t.Errorf("%d keys ended: %+v", len(ended), ended)
	}
}

func TestChangeSupplier(t *testing.T) {
	t.Parallel()
	before := events.SupplierDetails{Name: "DFL S.r.l.", Slug: "dfl-s-r-l", TaxID: "1", Status: "active", Active: true}
	text := func(s string) *string { return &s }
	no := false
	with := func(change func(*events.SupplierDetails)) *events.SupplierDetails { d := before; change(&d); return &d }
	for name, tt := range map[string]struct {
		when ChangeSupplier
		then *events.SupplierDetails
		slug bool
	}{
		"nothing":                       {when: ChangeSupplier{}},
		"what it is already":            {when: ChangeSupplier{Name: text("DFL S.r.l."), Slug: text("")}},
		"a name leaves the slug":        {when: ChangeSupplier{Name: text("Other")}, then: with(func(d *events.SupplierDetails) { d.Name = "Other" })},
		"an empty slug is derived anew": {when: ChangeSupplier{Name: text("Other"), Slug: text("")}, then: with(func(d *events.SupplierDetails) { d.Name, d.Slug = "Other", "other" }), slug: true},
		"a text that is cleared":        {when: ChangeSupplier{TaxID: text("")}, then: with(func(d *events.SupplierDetails) { d.TaxID = "" })},
		"out of use":                    {when: ChangeSupplier{Active: &no}, then: with(func(d *events.SupplierDetails) { d.Active = false })},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := changeSupplier(before, events.SupplierStream("s"), tt.when)
			var got *events.SupplierDetails
			if len(d.writes) > 0 {
				p, _ := d.writes[0].events[0].(events.SupplierChanged)
				got = &p.SupplierDetails
			}
			if diff := cmp.Diff(got, tt.then); diff != "" {
				t.Errorf("(- got, + want):\n%s", diff)
			}
			if moved := len(d.take) == 1 && len(d.release) == 1; moved != tt.slug {
				t.Errorf("the claim on the slug moves: %v, want %v", moved, tt.slug)
			}
		})
	}
}

func TestSlug(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"DFL S.r.l.": "dfl-s-r-l", "日本": "supplier", "": "supplier", "--a--B--": "a-b", "Ä1": "1",
		"x234567890123456789012345678901234567890123456789012345678901234567890": "x234567890123456789012345678901234567890123456789012345678901234"[:64],
	} {
		if got := Slug(name); got != want {
			t.Errorf("Slug(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestParseEmail(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"Ada@Example.COM": "ada@example.com", "Zoe\u0308@example.com": "zo\u00eb@example.com", "a+b@x.io": "a+b@x.io",
	} {
		if got, ok := ParseEmail(given); !ok || got != want {
			t.Errorf("ParseEmail(%q) = %q, %v; want %q", given, got, ok, want)
		}
	}
	for _, bad := range []string{
		"a@b*c", "a@-b.c", "a@b-.c", "a@b_c.d", "a@b!",
		"", "a", "@x", "a@", "Ada <a@b>", "a@b, c@d", "a @b", "a@b\n", "<a@b>", "a@b\x00", "\"a b\"@c.d", string(make([]byte, 300)) + "@b",
	} {
		if got, ok := ParseEmail(bad); ok {
			t.Errorf("ParseEmail(%q) = %q, want a refusal", bad, got)
		}
	}
}

func FuzzParseEmail(f *testing.F) {
	f.Add("\u03aa\u0301@x.com")
	f.Add("Ada@Example.com")
	f.Fuzz(func(t *testing.T, s string) {
		once, ok := ParseEmail(s)
		if !ok {
			return
		}
		if twice, ok := ParseEmail(once); !ok || twice != once {
			t.Errorf("ParseEmail(%q) = %q, and again %q", s, once, twice)
		}
	})
}
