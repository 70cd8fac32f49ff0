package programs_test

import (
	"net/http"
	"strings"
	"syscall"
	"testing"

	"tenure/internal/docstore"
	"tenure/internal/projections"
	"tenure/internal/testkit"
)

// stateOf is what status says of the generations of a read model, as
// "generation:state" in its order.
func stateOf(t *testing.T, e environment, name string) string {
	t.Helper()
	p, code := run(t, e, "projector", "status")
	if code != 0 {
		t.Fatalf("status: exit %d: %s", code, p.stderr())
	}
	var states []string
	for line := range strings.Lines(p.stdout()) {
		if words := strings.Fields(line); words[0] == name {
			states = append(states, words[2]+":"+words[3])
		}
	}
	return strings.Join(states, " ")
}

// operate runs a command of the projector and gives what it printed.
func operate(t *testing.T, e environment, code int, args ...string) string {
	t.Helper()
	p, got := run(t, e, "projector", args...)
	if got != code {
		t.Fatalf("projector %v: exit %d, want %d: %s%s", args, got, code, p.stdout(), p.stderr())
	}
	return p.stdout() + p.stderr()
}

// Everything that is read is built anew, chosen, taken back and verified while
// the API serves and the projector folds.
func TestReadModelsAreRebuiltWhileTheyServe(t *testing.T) {
	t.Parallel()
	s := serve(t)
	makeUser(t, s)
	said := operate(t, s.env, 0, "rebuild", "--all")
	for _, name := range projections.Names() {
		if !strings.Contains(said, name+": live") || !strings.Contains(said, name+": 0 of ") {
			t.Errorf("rebuild said nothing of %s:\n%s", name, said)
		}
		if got := stateOf(t, s.env, name); got != "2:live 1:former" {
			t.Errorf("%s is %s", name, got)
		}
	}
	visible(t, s, "after the rebuild")
	operate(t, s.env, 0, "rebuild", "--no-switch", "users")
	if got := stateOf(t, s.env, "users"); got != "2:live 1:former 3:building" {
		t.Errorf("built and not switched: %s", got)
	}
	visible(t, s, "beside one that is built")
	operate(t, s.env, 0, "switch", "users")
	if got := stateOf(t, s.env, "users"); got != "3:live 2:former" {
		t.Errorf("switched: %s", got)
	}
	visible(t, s, "after the switch")
	operate(t, s.env, 0, "rollback", "users", "authentication")
	visible(t, s, "after the rollback")
	operate(t, s.env, 0, "retire", "users")
	if got := stateOf(t, s.env, "users"); got != "2:live" {
		t.Errorf("retired: %s", got)
	}
	visible(t, s, "after it was retired")
	for _, name := range projections.Names() {
		if said := operate(t, s.env, 0, "verify", name); !strings.Contains(said, name+": 0 of ") {
			t.Errorf("verify: %s", said)
		}
	}
	if n := strings.Count(s.projector.stderr(), `"level":"ERROR"`); n != 0 {
		t.Errorf("the projector complains:\n%s", s.projector.stderr())
	}
}

// visible writes something that has to be visible at once.
func visible(t *testing.T, s *serving, when string) {
	t.Helper()
	email := strings.ReplaceAll(when, " ", "-") + "@example.com"
	code, body := send(t, http.MethodPost, s.url+"/api/v1/users", s.key, strings.NewReader(`{"email":"`+email+`"}`))
	if code != http.StatusCreated {
		t.Fatalf("%s: create a user: %d %s", when, code, body)
	}
	testkit.Eventually(t, "the user shows "+when, func() bool {
		code, body := get(t, s.url+"/api/v1/users?search="+email, s.key)
		return code == http.StatusOK && strings.Contains(body, email)
	})
}

// Without a projector a rebuild folds by itself; and verify fails when
// something is not as the log has it.
func TestARebuildNeedsNoProjector(t *testing.T) {
	t.Parallel()
	s := serve(t)
	makeUser(t, s)
	s.projector.tell(syscall.SIGTERM)
	s.projector.code()
	says(t, s.env, 0, "admin", "create-super-admin", "--email", "late@example.com")
	operate(t, s.env, 0, "rebuild", "--all")
	testkit.Eventually(t, "what nobody had folded shows", func() bool {
		code, body := get(t, s.url+"/api/v1/users?search=late@example.com", s.key)
		return code == http.StatusOK && strings.Contains(body, "late@example.com")
	})
	if said := operate(t, s.env, 1, "rollback", "users"); !strings.Contains(said, "behind") {
		t.Errorf("rollback to what nobody folded: %s", said)
	}
	m, err := docstore.OpenMongo(t.Context(), s.env["TENURE_MONGO_URL"], nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(t.Context())
	extra := docstore.Document[projections.User]{Key: "nobody", Position: 1, Body: &projections.User{ID: "nobody"}}
	if err := docstore.In[projections.User](m, projections.Users.At(2).Model()).Mend(t.Context(), []docstore.Document[projections.User]{extra}, nil); err != nil {
		t.Fatal(err)
	}
	if said := operate(t, s.env, 1, "verify", "users"); !strings.Contains(said, "nobody: superfluous") {
		t.Errorf("verify: %s", said)
	}
	operate(t, s.env, 0, "verify", "users", "--repair")
	operate(t, s.env, 0, "verify", "users")
}

func TestWhatARebuildIsNotToldTwice(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	for want, args := range map[string][]string{
		"name the read models":           {"rebuild"},
		"--cancel takes names":           {"rebuild", "--all", "--cancel"},
		`no such read model: "nobodies"`: {"rebuild", "nobodies"},
		"nothing is built of users":      {"switch", "users"},
		"users has no former generation": {"rollback", "users"},
		"no generation of users is live": {"verify", "users"},
		"expected \"<name> ...\"":        {"switch"},
	} {
		if said := operate(t, e, 1, args...); !strings.Contains(said, want) {
			t.Errorf("%v: %s, want %s", args, said, want)
		}
	}
}
