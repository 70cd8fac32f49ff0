package docstore

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"tenure/internal/authz"
	"tenure/internal/events"
)

// What the store finds within a scope is what authz says that it sees.
func TestTheStoreAsksWhatTheScopeSays(t *testing.T) {
	t.Parallel()
	c := In[note](testMongo(t), notes)
	tags := map[Key]authz.Tags{
		"acme":            {Tenants: []events.TenantID{"acme"}},
		"zeta":            {Tenants: []events.TenantID{"zeta"}},
		"both":            {Tenants: []events.TenantID{"acme", "zeta"}, Owner: "bob"},
		"ada's":           {Owner: "ada"},
		"ada's at acme":   {Tenants: []events.TenantID{"acme"}, Owner: "ada"},
		"nobody's":        {},
		"the nameless":    {Tenants: []events.TenantID{""}},
		"true, the word":  {Tenants: []events.TenantID{"true"}, Owner: "true"},
		"platform's":      {Tenants: []events.TenantID{events.Platform}},
		"everything, his": {Owner: "*"},
	}
	var docs []Document[note]
	keys := make([]Key, 0, len(tags))
	for k, tag := range tags {
		docs = append(docs, Document[note]{Key: k, Position: 1, Body: &note{string(k)}, Tags: tag})
		keys = append(keys, k)
	}
	if _, err := c.Insert(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
	ada := authz.UserFacts{ID: "ada", Role: events.SuperAdmin, Status: authz.Active}
	key := func(tenants ...events.TenantID) authz.Principal {
		return authz.Key(ada, authz.KeyFacts{User: "ada", Tenants: &tenants}, time.Time{})
	}
	for name, s := range map[string]authz.Scope{
		"nothing": {}, "everything": all(), "acme": authz.User(ada).At("acme").UserScope(), "ada": authz.User(ada).SelfScope(),
		"two tenants": key("acme", "zeta").UserScope(), "no tenant": key().UserScope(),
		"a nameless tenant": key("").UserScope(), "a star": key("*").UserScope(), "true": key("true").UserScope(),
	} {
		want := make(map[Key]Shown[note])
		for k, tag := range tags {
			if s.Sees(tag) {
				want[k] = Shown[note]{Body: note{string(k)}}
			}
		}
		got, err := c.GetAll(t.Context(), s, keys)
		if got == nil {
			got = map[Key]Shown[note]{}
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
		for _, k := range keys {
			one, err := c.Get(t.Context(), s, k)
			if _, sees := want[k]; sees && (err != nil || one != want[k]) || !sees && !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: of %q it gets %v, %v", name, k, one, err)
			}
		}
	}
}

func TestConditionsThatMatchNothing(t *testing.T) {
	t.Parallel()
	c := In[note](testMongo(t), notes)
	if _, err := c.Insert(t.Context(), []Document[note]{doc("a", 1, 0, "text")}); err != nil {
		t.Fatal(err)
	}
	order := Order{By: Text("text")}
	for name, cond := range map[string]Condition{
		"the zero condition": {}, "no key": KeyIn(nil), "a tenant without a name": VisibleIn(""), "half a character": Search("\xc3"),
	} {
		found, err := c.List(t.Context(), all(), Query{Where: []Condition{cond}, Order: order, Limit: 10})
		if len(found.Items) != 0 || found.Total != 0 || err != nil {
			t.Errorf("%s matches %v, %v", name, found, err)
		}
	}
}

// The index gives the order that it happens to have; this is the one that is
// promised.
func TestAnOrderEndsWithTheKeyInItsOwnDirection(t *testing.T) {
	t.Parallel()
	for down, direction := range map[bool]int{false: 1, true: -1} {
		want := bson.D{{Key: "body.name", Value: direction}, {Key: "_id", Value: direction}}
		if diff := cmp.Diff(want, Order{By: Body("name"), Down: down}.sort()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestFoldText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"ADA@Example.ORG": "ada@example.org", "Émile": "émile", "E\u0301mile": "émile", "": "", "ÅNGSTRÖM": "ångström",
	} {
		if got := FoldText(in); got != want {
			t.Errorf("%q is folded to %q, want %q", in, got, want)
		}
	}
}
