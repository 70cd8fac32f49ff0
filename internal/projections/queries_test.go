package projections

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
	"tenure/internal/fault"
	"tenure/internal/testkit"
)

// folded is a database with every read model of h in it.
func folded(t testing.TB, h *history) *docstore.Mongo {
	t.Helper()
	m := mongo(t)
	p := NewProjector(m, nil, nil)
	if err := p.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range p.Consumers()[:3] {
		follow(t, h, c)
	}
	return m
}

// Those who ask.
var (
	root = authz.User(authz.UserFacts{ID: "ada", Role: events.SuperAdmin, Status: authz.Active})
	bob  = authz.User(authz.UserFacts{ID: "bob", Role: events.Agent, Status: authz.Active})
	// limited is a super_admin who showed a key that is limited to a tenant.
	limited = authz.Key(authz.UserFacts{ID: "ada", Role: events.SuperAdmin, Status: authz.Active},
		authz.KeyFacts{ID: "k1", User: "ada", Tenants: &[]events.TenantID{"acme"}}, time.Time{})
	toBoth = authz.Key(authz.UserFacts{ID: "ada", Role: events.SuperAdmin, Status: authz.Active},
		authz.KeyFacts{ID: "k1", User: "ada", Tenants: &[]events.TenantID{"acme", "zeta"}}, time.Time{})
	toNone = authz.Key(authz.UserFacts{ID: "ada", Role: events.SuperAdmin, Status: authz.Active},
		authz.KeyFacts{ID: "k1", User: "ada", Tenants: &[]events.TenantID{}}, time.Time{})
	toTheNameless = authz.Key(authz.UserFacts{ID: "ada", Role: events.SuperAdmin, Status: authz.Active},
		authz.KeyFacts{ID: "k1", User: "ada", Tenants: &[]events.TenantID{""}}, time.Time{})
)

func TestWhatEachScopeSees(t *testing.T) {
	t.Parallel()
	m := folded(t, aFewOfEach())
	users, suppliers, apiKeys := UserQueries{m, first}, SupplierQueries{m, first}, APIKeyQueries{m, first}
	for name, tt := range map[string]struct {
		users, suppliers, keys authz.Scope
		seesUsers              []events.UserID
		seesSuppliers          []events.TenantID
		seesKeys               []events.KeyID
	}{
		"the zero scope sees nothing": {},
		"nobody sees nothing": {
			users: authz.Principal{}.At("acme").UserScope(), suppliers: authz.Principal{}.SupplierScope(), keys: authz.Principal{}.KeyScope(),
		},
		"a super_admin sees all, and of keys his own": {
			users: root.UserScope(), suppliers: root.SupplierScope(), keys: root.KeyScope(),
			seesUsers: []events.UserID{"ada", "bob", "eve"}, seesSuppliers: []events.TenantID{"acme", "zeta"}, seesKeys: []events.KeyID{"k1"},
		},
		"a super_admin within a tenant": {
			users: root.At("acme").UserScope(), suppliers: root.At("acme").SupplierScope(),
			seesUsers: []events.UserID{"bob", "eve"}, seesSuppliers: []events.TenantID{"acme"},
		},
		"a super_admin within a tenant that is not": {
			users: root.At("nowhere").UserScope(), suppliers: root.At("nowhere").SupplierScope(),
		},
		"a key that is limited to a tenant": {
			users: limited.UserScope(), suppliers: limited.SupplierScope(), keys: limited.KeyScope(),
			seesUsers: []events.UserID{"bob", "eve"}, seesSuppliers: []events.TenantID{"acme"}, seesKeys: []events.KeyID{"k1"},
		},
		"the same within another": {
			users: limited.At("zeta").UserScope(), suppliers: limited.At("zeta").SupplierScope(),
		},
		"a key that is limited to two": {
			users: toBoth.UserScope(), suppliers: toBoth.SupplierScope(),
			seesUsers: []events.UserID{"bob", "eve"}, seesSuppliers: []events.TenantID{"acme", "zeta"},
		},
		"a key that is limited to none": {
			users: toNone.UserScope(), suppliers: toNone.SupplierScope(),
		},
		"a key that is limited to a tenant without a name": {
			users: toTheNameless.UserScope(), suppliers: toTheNameless.SupplierScope(),
		},
		"an agent sees himself and his keys": {
			users: bob.At("acme").UserScope(), suppliers: bob.At("acme").SupplierScope(), keys: bob.KeyScope(),
			seesUsers: []events.UserID{"bob"}, seesKeys: []events.KeyID{"k2"},
		},
		"the system sees all": {
			users: authz.SystemScope("test"), suppliers: authz.SystemScope("test"), keys: authz.SystemScope("test"),
			seesUsers: []events.UserID{"ada", "bob", "eve"}, seesSuppliers: []events.TenantID{"acme", "zeta"}, seesKeys: []events.KeyID{"k1", "k2"},
		},
		"the system without a reason sees nothing": {
			users: authz.SystemScope(""), suppliers: authz.SystemScope(""), keys: authz.SystemScope(""),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sees(t, tt.seesUsers, []events.UserID{"ada", "bob", "eve", "tom", "nobody", ""},
				func(u User) events.UserID { return u.ID },
				func(ctx context.Context, id events.UserID) (User, error) { return users.Get(ctx, tt.users, id) },
				func(ctx context.Context) (Listing[User], error) {
					return users.List(ctx, tt.users, UserFilter{}, Page{Sort: "email"})
				})
			sees(t, tt.seesSuppliers, []events.TenantID{"acme", "zeta", "nowhere", ""},
				func(s Supplier) events.TenantID { return s.ID },
				func(ctx context.Context, id events.TenantID) (Supplier, error) {
					return suppliers.Get(ctx, tt.suppliers, id)
				},
				func(ctx context.Context) (Listing[Supplier], error) {
					return suppliers.List(ctx, tt.suppliers, SupplierFilter{IncludeInactive: true}, Page{})
				})
			sees(t, tt.seesKeys, []events.KeyID{"k1", "k2", "k3", "nokey", ""},
				func(k APIKey) events.KeyID { return k.ID },
				func(ctx context.Context, id events.KeyID) (APIKey, error) { return apiKeys.Get(ctx, tt.keys, id) },
				func(ctx context.Context) (Listing[APIKey], error) {
					return apiKeys.List(ctx, tt.keys, APIKeyFilter{}, Page{Sort: "name"})
				})
		})
	}
}

// sees fails unless get and list show these of all, and say of the others that
// they are not found.
func sees[ID ~string, T any](t *testing.T, want, all []ID, id func(T) ID, get func(context.Context, ID) (T, error), list func(context.Context) (Listing[T], error)) {
	t.Helper()
	for _, one := range all {
		got, err := get(t.Context(), one)
		switch {
		case slices.Contains(want, one):
			if err != nil || id(got) != one {
				t.Errorf("get %q: %v, %v", one, got, err)
			}
		case !errors.Is(err, docstore.ErrNotFound):
			t.Errorf("get %q: %v, %v, want ErrNotFound", one, got, err)
		}
	}
	listed, err := list(t.Context())
	var got []ID
	for _, item := range listed.Items {
		got = append(got, id(item))
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil || listed.Total != int64(len(want)) {
		t.Errorf("list: total %d, %v (-want +got):\n%s", listed.Total, err, diff)
	}
}

// crowd is a log of users of two tenants, some of which are equal in what they
// are sorted by.
func crowd() *history {
	h := newHistory(1)
	for n := range 40 {
		id, supplier := events.UserID(fmt.Sprintf("u%02d", n)), events.TenantID("acme")
		if n%4 == 0 {
			supplier = "zeta"
		}
		h.add("", events.UserStream(supplier, id), events.UserCreated{
			User: id, Email: fmt.Sprintf("User%02d@%s.example", n, supplier), Name: []string{"Émile", "zoe", "Ann", ""}[n%4],
			Role: events.Roles()[n%3], Supplier: supplier,
		})
		if n%5 == 0 {
			h.add("", events.UserStream(supplier, id), events.UserActivated{User: id})
		}
	}
	return h
}

func TestListsOfUsers(t *testing.T) {
	t.Parallel()
	q := UserQueries{folded(t, crowd()), first}
	all := root.UserScope()
	list := func(t *testing.T, s authz.Scope, f UserFilter, p Page) (ids []string, total int64) {
		t.Helper()
		got, err := q.List(t.Context(), s, f, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range got.Items {
			ids = append(ids, string(u.ID))
		}
		return ids, got.Total
	}
	for name, tt := range map[string]struct {
		scope authz.Scope
		f     UserFilter
		p     Page
		want  string
		total int64
	}{
		"newest first, ten of them":          {scope: all, want: "u39 u38 u37 u36 u35 u34 u33 u32 u31 u30", total: 40},
		"the second page":                    {scope: all, p: Page{Number: 2, Size: 3}, want: "u36 u35 u34", total: 40},
		"the last page":                      {scope: all, p: Page{Number: 4, Size: 12}, want: "u03 u02 u01 u00", total: 40},
		"beyond it":                          {scope: all, p: Page{Number: 9}, total: 40},
		"oldest first":                       {scope: all, p: Page{Sort: "created_at", Size: 3}, want: "u00 u01 u02", total: 40},
		"by e-mail, case aside":              {scope: all, p: Page{Sort: "email", Size: 3}, want: "u00 u01 u02", total: 40},
		"by name, case aside, the id last":   {scope: all, p: Page{Sort: "name", Size: 13}, want: "u03 u07 u11 u15 u19 u23 u27 u31 u35 u39 u02 u06 u10", total: 40},
		"down by name, the id down too":      {scope: all, p: Page{Sort: "-name", Size: 3}, want: "u36 u32 u28", total: 40},
		"by role":                            {scope: all, p: Page{Sort: "role", Size: 3}, want: "u00 u03 u06", total: 40},
		"by status":                          {scope: all, p: Page{Sort: "status", Size: 3}, want: "u00 u05 u10", total: 40},
		"by update":                          {scope: all, p: Page{Sort: "-updated_at", Size: 2}, want: "u39 u38", total: 40},
		"within a tenant":                    {scope: root.At("zeta").UserScope(), want: "u36 u32 u28 u24 u20 u16 u12 u08 u04 u00", total: 10},
		"visible in a tenant":                {scope: all, f: UserFilter{Supplier: ptr(events.TenantID("zeta"))}, p: Page{Size: 2}, want: "u36 u32", total: 10},
		"visible in another than the scope":  {scope: root.At("acme").UserScope(), f: UserFilter{Supplier: ptr(events.TenantID("zeta"))}},
		"visible in a tenant without a name": {scope: all, f: UserFilter{Supplier: ptr(events.TenantID(""))}},
		"by its e-mail":                      {scope: all, f: UserFilter{Email: ptr("USER07@acme.example")}, want: "u07", total: 1},
		"by a part of an e-mail":             {scope: all, f: UserFilter{Email: ptr("user07")}},
		"of a role":                          {scope: all, f: UserFilter{Role: ptr(events.SuperAdmin)}, p: Page{Size: 2}, want: "u39 u36", total: 14},
		"of a status":                        {scope: all, f: UserFilter{Status: ptr(authz.Active)}, p: Page{Size: 3}, want: "u35 u30 u25", total: 8},
		"with a Clerk id, which nobody has":  {scope: all, f: UserFilter{ClerkID: ptr("user_1")}},
		"some of them":                       {scope: all, f: UserFilter{IDs: []events.UserID{"u01", "u02", "u99"}}, want: "u02 u01", total: 2},
		"none of them":                       {scope: all, f: UserFilter{IDs: []events.UserID{}}},
		"some, as far as they are seen":      {scope: root.At("zeta").UserScope(), f: UserFilter{IDs: []events.UserID{"u01", "u04"}}, want: "u04", total: 1},
		"found by a part of the e-mail":      {scope: all, f: UserFilter{Search: "eR1"}, p: Page{Size: 2}, want: "u19 u18", total: 10},
		"found by a part of the name":        {scope: all, f: UserFilter{Search: "éMI"}, p: Page{Size: 2}, want: "u36 u32", total: 10},
		"found as it was typed in parts":     {scope: all, f: UserFilter{Search: "e\u0301mi"}, p: Page{Size: 1}, want: "u36", total: 10},
		"a dot is a dot":                     {scope: all, f: UserFilter{Search: "r1.@"}},
		"a star is a star":                   {scope: all, f: UserFilter{Search: "*"}},
		"a bracket is a bracket":             {scope: all, f: UserFilter{Search: "[a-z"}},
		"a backslash is a backslash":         {scope: all, f: UserFilter{Search: `\E`}},
		"no text holds a NUL":                {scope: all, f: UserFilter{Search: "user\x00"}},
		"no text is not UTF-8":               {scope: all, f: UserFilter{Search: "user\xff"}},
		"e-mail and name are two texts":      {scope: all, f: UserFilter{Search: "example\x1f"}},
		"all at once":                        {scope: root.At("acme").UserScope(), f: UserFilter{Search: "user", Role: ptr(events.SuperAdmin), Status: ptr(authz.Active)}, want: "u30 u15", total: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ids, total := list(t, tt.scope, tt.f, tt.p)
			if got := strings.Join(ids, " "); got != tt.want || total != tt.total {
				t.Errorf("got %s, %d in all\nwant %s, %d", got, total, tt.want, tt.total)
			}
		})
	}
}

func TestEveryPageTogetherIsTheList(t *testing.T) {
	t.Parallel()
	q := UserQueries{folded(t, crowd()), first}
	for _, sort := range UserSorts() {
		for _, direction := range []string{"", "-"} {
			seen := make(map[events.UserID]bool)
			for page := 1; page <= 6; page++ {
				got, err := q.List(t.Context(), root.UserScope(), UserFilter{}, Page{Number: page, Size: 7, Sort: direction + sort})
				if err != nil {
					t.Fatal(err)
				}
				for _, u := range got.Items {
					if seen[u.ID] {
						t.Errorf("by %s%s, %s is on two pages", direction, sort, u.ID)
					}
					seen[u.ID] = true
				}
			}
			if len(seen) != 40 {
				t.Errorf("by %s%s, the pages have %d users", direction, sort, len(seen))
			}
		}
	}
}

func TestListsOfSuppliersAndKeys(t *testing.T) {
	t.Parallel()
	m := folded(t, aFewOfEach())
	suppliers := func(f SupplierFilter, p Page) string {
		got, err := (&SupplierQueries{m, first}).List(t.Context(), root.SupplierScope(), f, p)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, s := range got.Items {
			names = append(names, s.Name)
		}
		return strings.Join(names, ", ")
	}
	for got, want := range map[string]string{
		suppliers(SupplierFilter{}, Page{}):                                                                "Acme",
		suppliers(SupplierFilter{IncludeInactive: true}, Page{}):                                           "Acme, Zeta 2",
		suppliers(SupplierFilter{IncludeInactive: true}, Page{Sort: "-slug"}):                              "Zeta 2, Acme",
		suppliers(SupplierFilter{IncludeInactive: true, Search: "ETA"}, Page{}):                            "Zeta 2",
		suppliers(SupplierFilter{IncludeInactive: true, IDs: []events.TenantID{"zeta", "no"}}, Page{}):     "Zeta 2",
		suppliers(SupplierFilter{Search: "no such"}, Page{}):                                               "",
		suppliers(SupplierFilter{IncludeInactive: true}, Page{Sort: "-created_at", Size: 1}):               "Zeta 2",
		suppliers(SupplierFilter{IncludeInactive: true}, Page{Sort: "updated_at", Size: 1}) + " by update": "Acme by update",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	keys, err := (&APIKeyQueries{m, first}).List(t.Context(), authz.SystemScope("test"), APIKeyFilter{}, Page{})
	if err != nil || len(keys.Items) != 2 || keys.Items[0].ID != "k2" {
		t.Errorf("keys are not newest first: %v, %v", keys, err)
	}
	keys, err = (&APIKeyQueries{m, first}).List(t.Context(), root.KeyScope(), APIKeyFilter{Search: "DEF", IDs: []events.KeyID{"k1", "k2"}}, Page{Sort: "name"})
	if err != nil || len(keys.Items) != 1 || keys.Items[0].ID != "k1" {
		t.Errorf("the key by its name: %v, %v", keys, err)
	}
}

func TestPagesThatThereCannotBe(t *testing.T) {
	t.Parallel()
	q := UserQueries{mongo(t), first}
	for name, tt := range map[string]struct {
		p  Page
		at string
	}{
		"an order that is not allowed": {Page{Sort: "former_status"}, "query.order_by"},
		"a path into the document":     {Page{Sort: "body.email"}, "query.order_by"},
		"a page below the first":       {Page{Number: -1}, "query.page"},
		"a page beyond the last":       {Page{Number: 100_001}, "query.page"},
		"a size below one":             {Page{Size: -1}, "query.page_size"},
		"a size that is too large":     {Page{Size: 101}, "query.page_size"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := q.List(t.Context(), root.UserScope(), UserFilter{}, tt.p)
			f := fault.As(err)
			if f == nil || f.Kind != fault.Invalid || f.Details[0].Location != tt.at {
				t.Errorf("got %v, want an Invalid fault at %s", err, tt.at)
			}
		})
	}
}

func TestEmails(t *testing.T) {
	t.Parallel()
	q := UserQueries{folded(t, aFewOfEach()), first}
	got, err := q.Emails(t.Context(), []events.UserID{"ada", "bob", "tom", "nobody", ""})
	want := map[events.UserID]string{"ada": "Ada@Example.org", "bob": "bob@acme.example"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := q.Emails(t.Context(), nil); len(got) != 0 || err != nil {
		t.Errorf("of nobody: %v, %v", got, err)
	}
}

// A list that reads a whole collection works until the day it does not.
func TestNoListScansACollection(t *testing.T) {
	t.Parallel()
	m := folded(t, crowd())
	users := []UserFilter{
		{},
		{Email: ptr("a@b.c")},
		{Role: ptr(events.Viewer)},
		{Status: ptr(authz.Active)},
		{Supplier: ptr(events.TenantID("acme"))},
		{IDs: []events.UserID{"u01"}},
		{Search: "ann"},
		{Search: "ann", Role: ptr(events.Viewer), Supplier: ptr(events.TenantID("acme"))},
	}
	for _, f := range users {
		plans(t, m, Users, f.conditions(), userSorts, root.UserScope(), root.At("acme").UserScope(), toBoth.UserScope(), bob.UserScope())
	}
	for _, f := range []SupplierFilter{{}, {IncludeInactive: true}, {Search: "ann"}, {IDs: []events.TenantID{"acme"}}} {
		plans(t, m, Suppliers, f.conditions(), supplierSorts, root.SupplierScope(), root.At("acme").SupplierScope(), toBoth.SupplierScope())
	}
	for _, where := range [][]docstore.Condition{nil, common([]events.KeyID{"k1"}, ""), common[events.KeyID](nil, "ann")} {
		plans(t, m, APIKeys, where, apiKeySorts, bob.KeyScope(), authz.SystemScope("test"))
	}
}

func plans[T any](t *testing.T, m *docstore.Mongo, p Projection[T], where []docstore.Condition, sorts map[string]docstore.Field, scopes ...authz.Scope) {
	t.Helper()
	for _, s := range scopes {
		for name, field := range sorts {
			for _, down := range []bool{false, true} {
				q := docstore.Query{Where: where, Order: docstore.Order{By: field, Down: down}, Limit: 10}
				page, count, err := docstore.In[T](m, p.Model()).Plan(t.Context(), s, q)
				if err != nil {
					t.Fatal(err)
				}
				q.After = placeAt(t, `"s":"m"`)
				if strings.HasSuffix(name, "_at") {
					q.After = placeAt(t, `"t":1700000000000`)
				}
				next, _, err := docstore.In[T](m, p.Model()).Plan(t.Context(), s, q)
				if err != nil {
					t.Fatal(err)
				}
				for _, stages := range [][]string{page, count, next} {
					if len(stages) == 0 || slices.Contains(stages, "COLLSCAN") {
						t.Errorf("%s by %s where %v within %v: %v", p.Name, name, where, s, stages)
					}
				}
				// What is not narrowed runs along its index and sorts nothing;
				// a user's own are few.
				if len(where) == 0 && s.Owner() == "" && (slices.Contains(page, "SORT") || slices.Contains(next, "SORT")) {
					t.Errorf("%s by %s within %v sorts: %v, beyond a cursor %v", p.Name, name, s, page, next)
				}
			}
		}
	}
}

// nobodyThere is an address at which connections are taken and never answered,
// which is worse than one where they are refused.
func nobodyThere(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

func TestAnOutageOfMongoIsNeverAnAnswer(t *testing.T) {
	t.Parallel()
	down := make(chan struct{})
	address, _ := through(t, testkit.MongoURL(t), down)
	m := openMongo(t, address, nil)
	q := UserQueries{m, first}
	if _, err := q.List(t.Context(), root.UserScope(), UserFilter{}, Page{}); err != nil {
		t.Fatal(err)
	}
	close(down)
	began := time.Now()
	_, get := q.Get(t.Context(), root.UserScope(), "ada")
	_, list := q.List(t.Context(), root.UserScope(), UserFilter{}, Page{})
	_, emails := q.Emails(t.Context(), []events.UserID{"ada"})
	_, resume := inMongo(Users, m).resume(t.Context())
	for name, err := range map[string]error{"get": get, "list": list, "emails": emails, "resume": resume} {
		if !errors.Is(err, docstore.ErrUnavailable) || errors.Is(err, docstore.ErrNotFound) {
			t.Errorf("%s: %v, want ErrUnavailable", name, err)
		}
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("four questions took %s", took)
	}
	fold := inMongo(Users, m).fold(t.Context(), aFewOfEach().batch(0, 5, Users.Types()))
	if fold == nil || errors.Is(fold, ErrPoison) || errors.Is(fold, ErrForked) {
		t.Errorf("a fold during an outage: %v, want what can be tried again", fold)
	}
	if err := m.Ping(t.Context()); !errors.Is(err, docstore.ErrUnavailable) {
		t.Errorf("ping: %v", err)
	}
	if _, err := docstore.OpenMongo(t.Context(), "mongodb://"+nobodyThere(t)+"/x", nil); !errors.Is(err, docstore.ErrUnavailable) {
		t.Errorf("open: %v", err)
	}
}
