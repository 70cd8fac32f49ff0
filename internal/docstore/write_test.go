package docstore

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"tenure/internal/authz"
	"tenure/internal/events"
)

func TestWritesCompareAndSet(t *testing.T) {
	t.Parallel()
	c := In[note](testMongo(t), notes)
	write := func(what string, wantRaced bool, how func(context.Context, []Document[note]) (bool, error), docs ...Document[note]) {
		t.Helper()
		if raced, err := how(t.Context(), docs); raced != wantRaced || err != nil {
			t.Errorf("%s: raced %v, %v, want %v", what, raced, err, wantRaced)
		}
	}
	write("new documents", false, c.Insert, doc("a", 1, 0, "a1"), doc("b", 2, 0, "b2"))
	write("one of them is there, the other is written", true, c.Insert, doc("b", 9, 0, "b9"), doc("c", 3, 0, "c3"))
	write("from where it was loaded", false, c.Replace, doc("a", 4, 1, "a4"))
	write("from where it was loaded long ago, beside one that was not", true, c.Replace, doc("a", 5, 1, "a5"), doc("b", 6, 2, "b6"))
	write("over what is not there", true, c.Replace, doc("d", 7, 6, "d7"))
	write("a tombstone", false, c.Replace, Document[note]{Key: "c", Position: 8, Loaded: 3})
	write("over a tombstone", true, c.Insert, doc("c", 3, 0, "c3"))
	write("none", false, c.Insert)
	write("none", false, c.Replace)

	loaded, err := c.Load(t.Context(), all(), []Key{"a", "b", "c", "d"})
	want := map[Key]Document[note]{
		"a": {Key: "a", Position: 4, Loaded: 4, Body: &note{"a4"}},
		"b": {Key: "b", Position: 6, Loaded: 6, Body: &note{"b6"}},
		"c": {Key: "c", Position: 8, Loaded: 8},
	}
	if diff := cmp.Diff(want, loaded); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestATombstoneKeepsNothingOfTheDocument(t *testing.T) {
	t.Parallel()
	c := In[note](testMongo(t), notes)
	_, inserted := c.Insert(t.Context(), []Document[note]{doc("a", 1, 0, "somebody's name")})
	_, replaced := c.Replace(t.Context(), []Document[note]{{Key: "a", Position: 2, Loaded: 1}})
	var raw bson.M
	found := c.mongo().FindOne(t.Context(), bson.D{}).Decode(&raw)
	if err := errors.Join(inserted, replaced, found); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(bson.M{"_id": "a", "position": int64(2)}, raw); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatTheStoreWillNeverTake(t *testing.T) {
	t.Parallel()
	m := testMongo(t)
	unique := func(t *testing.T, c Collection[note]) {
		t.Helper()
		_, err := c.mongo().Indexes().CreateOne(t.Context(), mongo.IndexModel{
			Keys: bson.D{{Key: "body.text", Value: 1}}, Options: options.Index().SetUnique(true),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	validated := func(t *testing.T, c Collection[note]) {
		t.Helper()
		err := m.db.CreateCollection(t.Context(), c.model.String(), options.CreateCollection().
			SetValidator(bson.D{{Key: "body.text", Value: bson.D{{Key: "$ne", Value: "bad"}}}}))
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		given func(*testing.T, Collection[note])
		bad   string
	}{
		"too large":                       {bad: strings.Repeat("x", maxDocument)},
		"against a rule of the store":     {given: validated, bad: "bad"},
		"a duplicate, but not in its key": {given: unique, bad: "first"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := In[note](m, Model{Projection: strings.ReplaceAll(name, " ", "-"), Version: 1, Generation: 1})
			if tt.given != nil {
				tt.given(t, c)
			}
			if _, err := c.Insert(t.Context(), []Document[note]{doc("a", 1, 0, "first"), doc("b", 1, 0, "second")}); err != nil {
				t.Fatal(err)
			}
			_, inserted := c.Insert(t.Context(), []Document[note]{doc("c", 2, 0, "third"), doc("d", 2, 0, tt.bad)})
			_, replaced := c.Replace(t.Context(), []Document[note]{doc("b", 3, 1, tt.bad)})
			for want, err := range map[Key]error{"d": inserted, "b": replaced} {
				refused := Refused(err)
				if !errors.Is(err, ErrRefused) || len(refused) != 1 || refused[want] == "" {
					t.Errorf("got %v of %v, want ErrRefused of %q", err, refused, want)
				}
				if strings.Contains(err.Error(), "first") || strings.Contains(err.Error(), "bad") {
					t.Errorf("the message quotes the document: %.200v", err)
				}
			}
		})
	}
}

func TestAFoldThatDoesNotSeeEverythingIsRefused(t *testing.T) {
	t.Parallel()
	c := In[note](testMongo(t), notes)
	p := PartitionsIn[note](testRedis(t), notes)
	for name, s := range map[string]authz.Scope{
		"the zero scope": {},
		"his own":        authz.User(authz.UserFacts{ID: "ada", Status: authz.Active}).SelfScope(),
	} {
		if _, err := c.Load(t.Context(), s, []Key{"a"}); !errors.Is(err, errScope) {
			t.Errorf("MongoDB, %s: %v", name, err)
		}
		if _, err := p.Load(t.Context(), s, []Key{"a"}); !errors.Is(err, errScope) {
			t.Errorf("Redis, %s: %v", name, err)
		}
		if docs, err := p.Read(t.Context(), s, "a"); len(docs) > 0 || err != nil {
			t.Errorf("Redis shows %v, %v to %s", docs, err, name)
		}
	}
}

func TestCheckpoint(t *testing.T) {
	t.Parallel()
	m := testMongo(t)
	other := notes
	other.Generation = 2
	where := func() events.Position {
		t.Helper()
		c, err := m.Checkpoint(t.Context(), notes)
		if err != nil {
			t.Fatal(err)
		}
		return c.Position
	}
	forked := at(5)
	forked.Event[0]++
	moved := at(5)
	moved.Position = 4
	elsewhere := at(5)
	elsewhere.Log[0]++
	for _, tt := range []struct {
		what     string
		model    Model
		from, to events.Mark
		moved    bool
		then     events.Position
	}{
		{"the first", notes, events.Mark{}, at(3), true, 3},
		{"a second first", notes, events.Mark{}, at(9), false, 3},
		{"on", notes, at(3), at(5), true, 5},
		{"from where it was before", notes, at(3), at(9), false, 5},
		{"from another event", notes, forked, at(9), false, 5},
		{"from another position", notes, moved, at(9), false, 5},
		{"from another log", notes, elsewhere, at(9), false, 5},
		{"another generation's", other, events.Mark{}, at(1), true, 5},
	} {
		moved, err := m.MoveCheckpoint(t.Context(), tt.model, tt.from, tt.to)
		if moved != tt.moved || err != nil {
			t.Errorf("%s: moved %v, %v, want %v", tt.what, moved, err, tt.moved)
		}
		if p := where(); p != tt.then {
			t.Errorf("%s: it is at %d, want %d", tt.what, p, tt.then)
		}
	}
}
