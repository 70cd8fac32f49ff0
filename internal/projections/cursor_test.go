package projections

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"testing"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
	"tenure/internal/fault"
)

// walk follows the cursors of a list from its first page, and does something
// after each page.
func walk(t *testing.T, q UserQueries, s authz.Scope, f UserFilter, p Page, after func(page int)) (ids []events.UserID) {
	t.Helper()
	for number := 1; ; number++ {
		got, err := q.List(t.Context(), s, f, p)
		if err != nil {
			t.Fatal(err)
		}
		if got.Number != number || len(got.Items) > p.Size {
			t.Fatalf("page %d has the number %d and %d items", number, got.Number, len(got.Items))
		}
		for _, u := range got.Items {
			ids = append(ids, u.ID)
		}
		if got.Next == "" {
			return ids
		}
		after(number)
		p.Number, p.Cursor = 0, got.Next
	}
}

func nothingHappens(int) {}

func TestCursorsGiveTheWholeList(t *testing.T) {
	t.Parallel()
	q := UserQueries{folded(t, crowd()), first}
	for _, sort := range UserSorts() {
		for _, direction := range []string{"", "-"} {
			for name, tt := range map[string]struct {
				s authz.Scope
				f UserFilter
			}{
				"all":            {s: root.UserScope()},
				"of a tenant":    {s: root.At("acme").UserScope()},
				"of two":         {s: toBoth.UserScope()},
				"of a role":      {s: root.UserScope(), f: UserFilter{Role: ptr(events.SuperAdmin)}},
				"that are found": {s: root.UserScope(), f: UserFilter{Search: "user1"}},
			} {
				whole, err := q.List(t.Context(), tt.s, tt.f, Page{Size: 100, Sort: direction + sort})
				if err != nil || whole.Next != "" {
					t.Fatal(err, whole.Next)
				}
				var want []events.UserID
				for _, u := range whole.Items {
					want = append(want, u.ID)
				}
				for _, size := range []int{3, 10} {
					if got := walk(t, q, tt.s, tt.f, Page{Size: size, Sort: direction + sort, List: name}, nothingHappens); !slices.Equal(got, want) {
						t.Errorf("%s by %s%s: got %v, want %v", name, direction, sort, got, want)
					}
				}
			}
		}
	}
}

func TestTheTotalIsThatOfTheList(t *testing.T) {
	t.Parallel()
	q := UserQueries{folded(t, crowd()), first}
	p := Page{Size: 15}
	for _, left := range []int{15, 15, 10} {
		got, err := q.List(t.Context(), root.UserScope(), UserFilter{}, p)
		if err != nil || len(got.Items) != left || got.Total != 40 || (got.Next == "") != (left == 10) {
			t.Fatalf("%d items of %d, next %q, %v", len(got.Items), got.Total, got.Next, err)
		}
		p.Cursor = got.Next
	}
}

// What comes and goes while a list is read changes nothing of the rest: nobody
// is told twice, and nobody who stays is left out.
func TestCursorsAreStable(t *testing.T) {
	t.Parallel()
	for _, sort := range []string{"created_at", "-created_at", "email", "-role"} {
		h := crowd()
		m := folded(t, h)
		q := UserQueries{m, first}
		gone := map[events.UserID]bool{}
		got := walk(t, q, root.UserScope(), UserFilter{}, Page{Size: 7, Sort: sort}, func(page int) {
			if page > 6 {
				return
			}
			end := h.head()
			// Of the first page one goes, and beyond every end one comes.
			for _, id := range []events.UserID{events.UserID([]string{"u00", "u39", "u20", "u01", "u02", "u03"}[page-1])} {
				gone[id] = true
				supplier := events.TenantID("acme")
				if id == "u00" || id == "u20" {
					supplier = "zeta"
				}
				h.add("", events.UserStream(supplier, id), events.UserDeleted{User: id})
			}
			fresh := events.UserID("new" + string(rune('0'+page)))
			h.add("", events.UserStream("acme", fresh), events.UserCreated{User: fresh, Email: "a" + string(fresh), Role: events.Viewer, Supplier: "acme"})
			if err := inMongo(Users, m).fold(t.Context(), h.batch(end, h.head(), Users.Types())); err != nil {
				t.Fatal(err)
			}
		})
		seen := map[events.UserID]bool{}
		for _, id := range got {
			if seen[id] {
				t.Errorf("by %s: %s is told twice", sort, id)
			}
			seen[id] = true
		}
		for n := range 40 {
			id := events.UserID("u" + string(rune('0'+n/10)) + string(rune('0'+n%10)))
			if !seen[id] && !gone[id] {
				t.Errorf("by %s: %s is left out", sort, id)
			}
		}
	}
}

func TestCursorsThatThereCannotBe(t *testing.T) {
	t.Parallel()
	q := UserQueries{folded(t, crowd()), first}
	first, err := q.List(t.Context(), root.UserScope(), UserFilter{}, Page{Size: 3, List: "users"})
	if err != nil {
		t.Fatal(err)
	}
	forge := func(change func(map[string]any)) string {
		data, err := base64.RawURLEncoding.DecodeString(first.Next)
		if err != nil {
			t.Fatal(err)
		}
		var c map[string]any
		if err := json.Unmarshal(data, &c); err != nil {
			t.Fatal(err)
		}
		change(c)
		if data, err = json.Marshal(c); err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(data)
	}
	after := func(place any) string { return forge(func(c map[string]any) { c["after"] = place }) }
	for name, tt := range map[string]struct {
		p    Page
		code string
	}{
		"garbage":                 {Page{Cursor: "garbage"}, "cursor_malformed"},
		"another spelling":        {Page{Cursor: first.Next + "=="}, "cursor_malformed"},
		"a cut one":               {Page{Cursor: first.Next[:20]}, "cursor_malformed"},
		"of another order":        {Page{Cursor: first.Next, Sort: "email"}, "cursor_foreign"},
		"of the other direction":  {Page{Cursor: first.Next, Sort: "created_at"}, "cursor_foreign"},
		"of other filters":        {Page{Cursor: first.Next, List: "users?role=viewer"}, "cursor_foreign"},
		"with a page":             {Page{Cursor: first.Next, Number: 1}, "page_and_cursor"},
		"to the first page":       {Page{Cursor: forge(func(c map[string]any) { c["n"] = 1 })}, "cursor_malformed"},
		"to nowhere":              {Page{Cursor: forge(func(c map[string]any) { delete(c, "after") })}, "cursor_malformed"},
		"to null":                 {Page{Cursor: after(nil)}, "cursor_malformed"},
		"with an operator":        {Page{Cursor: after(map[string]any{"s": map[string]any{"$gt": ""}, "k": "u"})}, "cursor_malformed"},
		"with an operator as key": {Page{Cursor: after(map[string]any{"s": "x", "k": map[string]any{"$gt": ""}})}, "cursor_malformed"},
		"with two values":         {Page{Cursor: after(map[string]any{"s": "x", "t": 1, "k": "u"})}, "cursor_malformed"},
		"with no value":           {Page{Cursor: after(map[string]any{"k": "u"})}, "cursor_malformed"},
		"with no key":             {Page{Cursor: after(map[string]any{"s": "x"})}, "cursor_malformed"},
		"with more":               {Page{Cursor: after(map[string]any{"s": "x", "k": "u", "$where": "1"})}, "cursor_malformed"},
	} {
		if tt.p.List == "" {
			tt.p.List = "users"
		}
		if _, err := q.List(t.Context(), root.UserScope(), UserFilter{}, tt.p); !fault.Is(err, tt.code) || fault.As(err).Kind != fault.Invalid {
			t.Errorf("%s: got %v, want %s", name, err, tt.code)
		}
	}
	// A value that is no operator is a value, whatever it looks like.
	for _, value := range []any{map[string]any{"s": `{"$gt":""}`, "k": "u"}, map[string]any{"s": "$where", "k": "$u"}, map[string]any{"b": true, "k": "u"}, map[string]any{"i": 7, "k": "u"}} {
		got, err := q.List(t.Context(), root.UserScope(), UserFilter{}, Page{Cursor: after(value), List: "users"})
		if err != nil || len(got.Items) != 0 {
			t.Errorf("%v: got %v, %v, want nothing", value, got.Items, err)
		}
	}
	// Nor does a cursor lead beyond what is seen.
	got, err := q.List(t.Context(), root.At("zeta").UserScope(), UserFilter{}, Page{Cursor: first.Next, Size: 100, List: "users"})
	if err != nil || len(got.Items) == 0 {
		t.Fatal(err)
	}
	for _, u := range got.Items {
		if u.Supplier != "zeta" {
			t.Errorf("%s is seen", u.ID)
		}
	}
}

// placeAt is some place in a list, for a plan.
func placeAt(t *testing.T, kind string) *docstore.Place {
	t.Helper()
	var p docstore.Place
	if err := json.Unmarshal([]byte(`{`+kind+`,"k":"u20"}`), &p); err != nil {
		t.Fatal(err)
	}
	return &p
}
