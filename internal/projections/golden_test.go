package projections

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
)

// golden is what a version number stands for. Two programs that share one must
// agree in all of it, for they fold into the same documents.
type golden struct {
	Types  []string       `json:"types"`
	Shape  []string       `json:"shape"`
	Output []goldenOutput `json:"output"`
}

// goldenOutput is a document after an event.
type goldenOutput struct {
	After string            `json:"after"`
	Key   docstore.Key      `json:"key"`
	Body  any               `json:"body"` // null: deleted
	Tags  *authz.Tags       `json:"tags,omitempty"`
	Texts map[string]string `json:"texts,omitempty"`
	// Stored is the hash of all that the store is given of the document: what
	// it is found by too, and how it is written.
	Stored string `json:"stored"`
}

func TestAVersionKeepsItsMeaning(t *testing.T) {
	t.Parallel()
	goldenOf(t, Users)
	goldenOf(t, Suppliers)
	goldenOf(t, APIKeys)
	goldenOf(t, Authorities)
	goldenOf(t, Memberships)
}

func goldenOf[T any](t *testing.T, p Projection[T]) {
	t.Helper()
	t.Run(p.Name, func(t *testing.T) {
		t.Parallel()
		got, err := json.MarshalIndent(describe(t, p), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", fmt.Sprintf("%s.v%d.json", p.Name, p.Version))
		want, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			if err := os.WriteFile(file, append(got, '\n'), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Fatalf("%s is new; look at it and commit it", file)
		}
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
			t.Errorf("version %d of %s means something else now: give it the next number.\n(-committed +now):\n%s", p.Version, p.Name, diff)
		}
	})
}

func describe[T any](t *testing.T, p Projection[T]) golden {
	t.Helper()
	g := golden{Types: p.Types(), Shape: shape("", reflect.TypeFor[T]())}
	docs := make(map[docstore.Key]T)
	for _, e := range aFewOfEach().recorded {
		for _, k := range p.Keys(e) {
			doc := docs[k]
			p.Apply(&doc, k, e)
			docs[k] = doc
			out := goldenOutput{After: fmt.Sprint(e.Position, " ", e.Type), Key: k}
			if !deleted(&doc) {
				out.Body = doc
				if p.Tags != nil {
					tags := p.Tags(&doc)
					out.Tags, out.Texts = &tags, p.Texts(&doc)
				}
			}
			out.Stored = storedSum(t, p, docstore.Document[T]{Key: k, Position: e.Position, Body: &doc})
			g.Output = append(g.Output, out)
		}
	}
	return g
}

// storedSum is what the store of p makes of a document.
func storedSum[T any](t *testing.T, p Projection[T], doc docstore.Document[T]) string {
	t.Helper()
	sum, err := docstore.SumOfPart(doc.Key, doc.Body)
	if p.Tags != nil { // what Redis holds has none
		done, unfinished := finished(p, &doc)
		if sum, err = docstore.SumOf(done); unfinished != nil {
			err = unfinished
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(sum.Hash[:])
}

// shape lists the members of a document as its store names them.
func shape(path string, t reflect.Type) []string {
	switch {
	case t.Kind() == reflect.Pointer:
		return shape(path+"?", t.Elem())
	case t.Kind() == reflect.Slice || t.Kind() == reflect.Array:
		return shape(path+"[]", t.Elem())
	case t.Kind() == reflect.Map:
		return append(shape(path+"{key}", t.Key()), shape(path+"{}", t.Elem())...)
	case t.Kind() != reflect.Struct || t.PkgPath() == "time":
		return []string{path + " " + t.String()}
	}
	var all []string
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("bson")+f.Tag.Get("json"), ",")
		if name == "--" {
			continue // a query sets it
		}
		all = append(all, shape(path+"/"+name, f.Type)...)
	}
	return all
}

// A projection that handled an event that it does not name would never be
// given it; one that named what it does not handle would be waited for in
// vain.
func TestTypesAreWhatApplyHandles(t *testing.T) {
	t.Parallel()
	handledBy(t, Users)
	handledBy(t, Suppliers)
	handledBy(t, APIKeys)
	handledBy(t, Authorities)
	handledBy(t, Memberships)
}

func handledBy[T any](t *testing.T, p Projection[T]) {
	t.Helper()
	changed := make(map[string]bool)
	keyed := make(map[string]bool)
	for _, docs := range before(p) {
		for _, e := range aFewOfEach().recorded {
			for _, k := range p.Keys(e) {
				keyed[e.Type] = true
				for _, doc := range docs {
					was, is := doc, doc
					p.Apply(&is, k, e)
					if !reflect.DeepEqual(was, is) {
						changed[e.Type] = true
					}
				}
			}
		}
	}
	for _, name := range events.Types() {
		declared := slices.Contains(p.Types(), name)
		if keyed[name] != declared || changed[name] != declared {
			t.Errorf("%s: %s: declared %v, has keys %v, changes a document %v", p.Name, name, declared, keyed[name], changed[name])
		}
	}
}

// before are the states that any document was ever in, and the empty one.
func before[T any](p Projection[T]) map[docstore.Key][]T {
	states := make(map[docstore.Key][]T)
	docs := make(map[docstore.Key]T)
	for _, e := range aFewOfEach().recorded {
		for _, k := range p.Keys(e) {
			doc := docs[k]
			p.Apply(&doc, k, e)
			docs[k] = doc
			states[k] = append(states[k], doc)
		}
	}
	states[""] = make([]T, 1)
	return states
}

// The sample has every event in it, or the tests above would be silent about
// the one that is missing.
func TestTheSampleHasEveryEvent(t *testing.T) {
	t.Parallel()
	for _, name := range events.Types() {
		if !slices.ContainsFunc(aFewOfEach().recorded, func(e events.Recorded) bool { return e.Type == name }) {
			t.Errorf("no %s in the sample", name)
		}
	}
}

// What a command states of its caller's authority is a stream and the version
// that this read model shows, so no event of such a stream may pass it by.
func TestAuthenticationFollowsItsStreamsWhole(t *testing.T) {
	t.Parallel()
	for _, name := range events.Types() {
		ofAuthority := strings.HasPrefix(name, "user.") || strings.HasPrefix(name, "api_key.")
		if ofAuthority && !slices.Contains(Authorities.Types(), name) {
			t.Errorf("authentication does not handle %s", name)
		}
	}
	past := aFewOfEach()
	for _, e := range past.recorded {
		if e.Stream.Type != events.UserStreams || e.Type == "user.deleted" {
			continue
		}
		doc := Authorities.fold(userKey(events.UserID(e.Stream.ID)), past.stream(e.Stream)[:e.Version])
		if doc.User == nil || doc.User.Version != e.Version {
			t.Errorf("after %s at version %d it shows %v", e.Type, e.Version, doc.User)
		}
	}
}

// A key's hash opens the door for whoever can compute it, so it stays where
// requests are answered from and nowhere else.
func TestNoHashIsInTheAnsweredDocuments(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(describe(t, APIKeys).Output)
	if err != nil {
		t.Fatal(err)
	}
	for _, hash := range []string{"1.aa", "1.bb", "1.cc", "1.dd", "1.ee"} {
		if strings.Contains(string(text), hash) {
			t.Errorf("the hash %s is in a document", hash)
		}
	}
}

// A read model that no test above looks at could change its meaning unseen.
func TestEveryReadModelHasItsMeaningWrittenDown(t *testing.T) {
	t.Parallel()
	for _, r := range readModels() {
		if _, err := os.Stat(filepath.Join("testdata", fmt.Sprintf("%s.v%d.json", r.name, r.version))); err != nil {
			t.Errorf("%s: add it to TestAVersionKeepsItsMeaning: %v", r.name, err)
		}
	}
}

// Whatever a version stands for, a change of it shows.
func TestAChangeOfMeaningShows(t *testing.T) {
	t.Parallel()
	before := meaning(t, Users)
	for name, change := range map[string]func(*Projection[User]){
		"another event": func(p *Projection[User]) { p.Handles = p.Handles[1:] },
		"another output": func(p *Projection[User]) {
			p.Apply = func(u *User, k docstore.Key, e events.Recorded) { applyToUser(u, k, e); u.Name += "!" }
		},
		"seen by others": func(p *Projection[User]) { p.Tags = func(u *User) authz.Tags { return authz.Tags{Owner: u.ID} } },
		"found by something else": func(p *Projection[User]) {
			p.Texts = func(u *User) map[string]string { return map[string]string{"email": u.Name} }
		},
		"documents by another key": func(p *Projection[User]) {
			p.Keys = func(e events.Recorded) []docstore.Key { return []docstore.Key{docstore.Key(e.Type)} }
		},
	} {
		p := Users
		change(&p)
		if meaning(t, p) == before {
			t.Errorf("%s: nothing shows", name)
		}
	}
	type inner struct {
		A string `bson:"a"`
	}
	type outer struct {
		List []inner          `bson:"list"`
		Map  map[string]inner `bson:"map"`
	}
	want := []string{"/list[]/a string", "/map{key} string", "/map{}/a string"}
	if got := shape("", reflect.TypeFor[outer]()); !slices.Equal(got, want) {
		t.Errorf("the shape of what is nested: %v, want %v", got, want)
	}
}

func meaning[T any](t *testing.T, p Projection[T]) string {
	t.Helper()
	text, err := json.Marshal(describe(t, p))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
