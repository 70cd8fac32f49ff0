package httpapi

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// wall is a route on one target, and what everyone gets there.
type wall struct {
	route string // as the description names it
	path  string // with the ids of the town; empty: the route's
	body  string
	gets  []line
}

// line says what these people get without a supplier, in A, in B, in the closed
// one and in an unknown one; one column holds for all five. A word is a status,
// a status and a code, or one of required (400), foreign (403) and no admin
// (403); a slash stands between answers where the contract leaves both open.
type line struct{ who, answers string }

// Groups of people who are alike before many walls. Roles are those in A.
const (
	small      = "viewer, agent, agent admin, reseller"
	outsiders  = "stranger, admin of the closed"
	inNothing  = small + ", viewer of all, " + outsiders // never more than their own
	noAdmins   = inNothing + ", auditor, helpdesk"
	admins     = "admin; admin, for users; admin, in A; admin of both, in A"
	roots      = "root; root, for users"
	suppAdmins = "admin, admin of B, admin of both, admin of all, admin and viewer"
	anybody    = noAdmins + ", " + suppAdmins + ", root"
	keys       = "root, reading; root, for users; root, in A; admin, reading; admin, for users; admin, in A; admin of both, in A"
	bySupp     = "admin, in A; admin of both, in A" // keys that are limited to A
)

// Answers that many walls give.
const (
	inA      = "required | 200 | foreign | foreign | foreign"
	inB      = "required | foreign | 200 | foreign | foreign"
	inBoth   = "required | 200 | 200 | foreign | foreign"
	noneInA  = "required | 404 | foreign | foreign | foreign"
	noneInB  = "required | foreign | 404 | foreign | foreign"
	noneIn   = "required | 404 | 404 | foreign | foreign"
	onlyA    = "required | 200 | 404 | foreign | foreign"
	onlyB    = "required | 404 | 200 | foreign | foreign"
	nowhere  = "required | foreign | foreign | foreign | foreign"
	refused  = "400/403 | 403 | 403 | 403 | 403" // a key that lacks the capability
	rootNone = "404 | 404 | 404 | 404 | 404"
	rootA    = "200 | 200 | 404 | 404 | 404"
	rootB    = "200 | 404 | 200 | 404 | 404"
	rootBoth = "200 | 200 | 200 | 404 | 404"
	keyA     = "200 | 200 | foreign | foreign | foreign"
	keyNone  = "404 | 404 | foreign | foreign | foreign"
	setsA    = "200 | 200 | 404 | 404 | 422 unknown_reference"
	setsB    = "200 | 404 | 200 | 404 | 422 unknown_reference"
	setsBoth = "200 | 200 | 200 | 404 | 422 unknown_reference"
	setsNone = "404 | 404 | 404 | 404 | 422 unknown_reference"
	// What has the wrong shape is told to those who may.
	wrongInA    = "required | 422 | foreign | foreign | foreign"
	wrongInB    = "required | foreign | 422 | foreign | foreign"
	wrongInBoth = "required | 422 | 422 | foreign | foreign"
	wrongByKey  = "422 | 422 | foreign | foreign | foreign"

	everybody = anybody + "; " + keys
)

// TestTheWalls asks every route as everyone, everywhere.
func TestTheWalls(t *testing.T) {
	t.Parallel()
	w := newCity(t)
	everyRoute(t, w)
	var group sync.WaitGroup
	knocks := make(chan func())
	for range 8 {
		group.Go(func() {
			for knock := range knocks {
				knock()
			}
		})
	}
	for _, x := range walls() {
		for person, answers := range x.everyone(t, w) {
			for i, want := range answers {
				knocks <- func() { w.knock(x, person, []string{"", "A", "B", "C", "U"}[i], want) }
			}
			knocks <- func() { w.knock(x, person, malformed, "malformed") }
		}
		for _, tenant := range []string{"", "A", "B", "C", "U", malformed} {
			knocks <- func() { w.knock(x, "nobody", tenant, "401") }
			knocks <- func() { w.knock(x, "disabled admin", tenant, "401") }
		}
	}
	close(knocks)
	group.Wait()
}

// malformed is the value of a header that names no supplier.
const malformed = "not a supplier"

// everyone is what each person gets. Who is told of twice, or never, is a
// mistake in the table.
func (x wall) everyone(t *testing.T, w *town) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, l := range x.gets {
		answers := strings.Split(l.answers, " | ")
		for len(answers) < 5 {
			answers = append(answers, answers[0])
		}
		for _, person := range peopleIn(l.who) {
			if w.keys[person] == "" || all[person] != nil {
				t.Errorf("%s %s: %q is not in town, or told of twice", x.route, x.path, person)
			}
			all[person] = answers
		}
	}
	for person := range w.keys {
		if all[person] == nil && person != "disabled admin" {
			t.Errorf("%s %s: %q is not told of", x.route, x.path, person)
		}
	}
	return all
}

// peopleIn splits a list of people. Narrowed keys have a comma in their name.
func peopleIn(text string) []string {
	var all []string
	for _, part := range strings.Split(text, "; ") {
		if strings.Contains(keys, part) {
			all = append(all, part)
			continue
		}
		all = append(all, strings.Split(part, ", ")...)
	}
	return all
}

// knock sends one request; names in braces that begin with "new" are made for it.
func (w *town) knock(x wall, person, tenant, want string) {
	method, path, _ := strings.Cut(x.route, " ")
	if x.path != "" {
		path = x.path
	}
	q := request{method: method, path: "/api/v1" + w.fill(w.fresh(path, want)), body: w.fill(x.body), header: map[string]string{}}
	q.path, q.as = strings.ReplaceAll(q.path, "{myself}", w.names[person]), w.keys[person]
	switch tenant {
	case "":
	case malformed:
		q.header[tenantHeader] = malformed
	default:
		q.header[tenantHeader] = w.names[tenant]
	}
	if wrong := answersOtherwise(q.send(w.t, w.Server), want); wrong != "" {
		w.t.Errorf("%s in %q: %s %s %s: %s", person, tenant, method, path, x.body, wrong)
	}
}

// fresh makes a user of A for a request that ends something of his. One that
// is to be refused gets a user who stays.
func (w *town) fresh(path, want string) string {
	if !strings.Contains(path, "{somebody of A}") {
		return path
	}
	id := "{one of A}"
	if strings.HasPrefix(want, "2") {
		q := request{method: "POST", path: "/api/v1/users", as: w.root, body: `{"email":"` + w.newID() + `@example.com","role":"viewer","memberships":{"memberships":` + w.entries("A viewer") + `}}`}
		id, _ = q.send(w.t, w.Server).json["id"].(string)
	}
	return strings.ReplaceAll(path, "{somebody of A}", id)
}

// everyRoute fails for a route of the description that no wall is built around,
// and for a wall around nothing.
func everyRoute(t *testing.T, w *town) {
	t.Helper()
	open := []string{"GET /health", "GET /api/v1/health", "GET /livez", "GET /readyz"}
	described := map[string]bool{}
	for path, item := range (request{path: "/openapi.json"}).send(t, w.Server).json["paths"].(map[string]any) {
		for method := range item.(map[string]any) {
			described[strings.ToUpper(method)+" "+path] = true
		}
	}
	for _, route := range open {
		delete(described, route)
	}
	built := map[string]bool{}
	for _, x := range walls() {
		method, path, _ := strings.Cut(x.route, " ")
		built[method+" /api/v1"+path] = true
		if shape(x.path) != shape(path) && x.path != "" {
			t.Errorf("%s is not the path of %s", x.path, x.route)
		}
	}
	if !maps.Equal(described, built) {
		t.Errorf("described:\n%s\nin the table:\n%s", routesOf(described), routesOf(built))
	}
}

// shape is a path whose every variable part is the same.
func shape(path string) string {
	path, _, _ = strings.Cut(path, "?")
	path = regexp.MustCompile(`/(supplier|global)/(\{[^}]*\}|-)`).ReplaceAllString(path, "/{}/{}")
	return regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(path, "{}")
}

func routesOf(all map[string]bool) string { return strings.Join(slices.Sorted(maps.Keys(all)), "\n") }
