package programs_test

import (
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenure/internal/testkit"
)

// says runs a command of tenure and checks the exit code.
func says(t *testing.T, e environment, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	p, code := run(t, e, "tenure", args...)
	if code != want {
		t.Errorf("tenure %s: exit %d, want %d: %s%s", strings.Join(args, " "), code, want, p.stdout(), p.stderr())
	}
	return p.stdout(), p.stderr()
}

// types are those of all events in the log.
func types(t *testing.T, e environment) []string {
	t.Helper()
	db := testkit.OpenPostgres(t, e["TENURE_POSTGRES_URL"], nil)
	var all []string
	err := db.QueryRow(t.Context(), `select coalesce(array_agg(type order by position), '{}') from event_log`).Scan(&all)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestASuperAdminIsMadeOnce(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	for _, step := range []struct {
		args []string
		want string
	}{
		{[]string{"--email", "Ada@Example.com", "--name", "Ada"}, "created ada@example.com\n"},
		{[]string{"--email", "ada@example.com", "--name", "Ada"}, "updated ada@example.com\n"},
		{[]string{"--email", "ada@example.com", "--name", "Countess"}, "updated ada@example.com\n"},
		{[]string{"--email", "bob@example.com", "--no-activate"}, "created bob@example.com\n"},
		{[]string{"--email", "bob@example.com"}, "updated bob@example.com\n"},
	} {
		if got, _ := says(t, e, 0, append([]string{"admin", "create-super-admin"}, step.args...)...); got != step.want {
			t.Errorf("%v: got %q, want %q", step.args, got, step.want)
		}
	}
	want := []string{"user.created", "user.activated", "user.renamed", "user.created", "user.activated"}
	if d := cmp.Diff(want, types(t, e)); d != "" {
		t.Error(d)
	}
}

func TestAnExistingUserIsMadeASuperAdminWhoCanEnter(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t).with("TENURE_DEFAULT_USER", "ada@example.com", "TENURE_DEFAULT_USER_ROLE", "standard")
	says(t, e, 0, "admin", "generate-user")
	says(t, e, 0, "admin", "create-super-admin", "--email", "ada@example.com")
	want := []string{"user.created", "user.activated", "api_key.issued", "user.role_changed"}
	if d := cmp.Diff(want, types(t, e)); d != "" {
		t.Error(d)
	}
}

func TestWhatAnOperatorIsTold(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	for name, tt := range map[string]struct {
		env  environment
		args []string
		says string
	}{
		"a password and no provider": {e, []string{"admin", "create-super-admin", "--email", "a@b.c", "--temp-password", "hunter2"}, "no identity provider is set up"},
		"no e-mail":                  {e, []string{"admin", "create-super-admin"}, "missing flags: --email"},
		"a strange e-mail":           {e, []string{"admin", "create-super-admin", "--email", "Ada <a@b.c>"}, "not an e-mail"},
		"a name that is too long":    {e, []string{"admin", "create-super-admin", "--email", "a@b.c", "--name", strings.Repeat("n", 256)}, "255"},
		"nobody to give a key to":    {e, []string{"admin", "issue-key", "--email", "nobody@example.com", "--name", "k"}, "there is no user"},
		"no default user":            {e, []string{"admin", "generate-user"}, "TENURE_DEFAULT_USER is missing"},
		"a role that needs a supplier": {
			e.with("TENURE_DEFAULT_USER", "a@b.c", "TENURE_DEFAULT_USER_ROLE", "agent"),
			[]string{"admin", "generate-user"},
			"This role needs",
		},
		"a role that is none": {
			e.with("TENURE_DEFAULT_USER", "a@b.c", "TENURE_DEFAULT_USER_ROLE", "king"),
			[]string{"admin", "generate-user"},
			`TENURE_DEFAULT_USER_ROLE is "king", which is not a role`,
		},
		"a server that is away":    {e.with("TENURE_POSTGRES_URL", "postgres://u:hunter2@127.0.0.1:1/x"), []string{"migrate", "up"}, "cannot be reached"},
		"a database that is not":   {e.with("TENURE_POSTGRES_URL", strings.Replace(e["TENURE_POSTGRES_URL"], "tenure_test_", "no_", 1)), []string{"migrate", "up"}, "does not exist; create it"},
		"a URL that is none":       {e.with("TENURE_POSTGRES_URL", "postgres://u:hunter2@host:notaport/x"), []string{"migrate", "up"}, "the form of TENURE_POSTGRES_URL is"},
		"no settings at all":       {environment{}, []string{"admin", "issue-key", "--email", "a@b.c", "--name", "k"}, "4 settings are missing or wrong"},
		"a command that is none":   {e, []string{"dance"}, "unexpected argument dance"},
		"no command":               {e, nil, "expected one of"},
		"a key without a name":     {e, []string{"admin", "issue-key", "--email", "a@b.c", "--name", ""}, "needs a name"},
		"a Redis that is away":     {e.with("TENURE_REDIS_URL", "redis://:hunter2@127.0.0.1:1"), []string{"admin", "issue-key", "--email", "a@b.c", "--name", "k"}, "cannot be reached"},
		"a Redis URL that is none": {e.with("TENURE_REDIS_URL", "redis://:hunter2%zz@127.0.0.1:1"), []string{"admin", "issue-key", "--email", "a@b.c", "--name", "k"}, "TENURE_REDIS_URL cannot be read"},
	} {
		stdout, stderr := says(t, tt.env, 1, tt.args...)
		if !strings.HasPrefix(stderr, "tenure: ") || !strings.Contains(stderr, tt.says) || stdout != "" {
			t.Errorf("%s: said %q, printed %q, want %q", name, stderr, stdout, tt.says)
		}
		if strings.Contains(stderr, "hunter2") {
			t.Errorf("%s: a secret is shown: %q", name, stderr)
		}
	}
	if got := types(t, e); len(got) > 0 {
		t.Errorf("something happened: %v", got)
	}
}

func TestAnIssuedKeyOpensAndAGeneratedOneEndsTheOneBefore(t *testing.T) {
	t.Parallel()
	s := serve(t, "TENURE_DEFAULT_USER", "Gen@Example.com")
	if code, body := get(t, s.url+"/api/v1/me", s.key); code != http.StatusOK || !strings.Contains(body, `"root@example.com"`) {
		t.Errorf("a key that was waited for: %d %s", code, body)
	}
	former := generated(t, s)
	opens(t, s, former, http.StatusOK)
	latter := generated(t, s)
	opens(t, s, latter, http.StatusOK)
	opens(t, s, former, http.StatusUnauthorized)
}

// The key is durable, and opens nothing while nobody folds it.
func TestAKeyIsWaitedForUntilItOpens(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.projector.tell(syscall.SIGTERM)
	s.projector.code()
	issuing := start(t, s.env, "tenure", "admin", "issue-key", "--email", "root@example.com", "--name", "late")
	testkit.Eventually(t, "the key is in the log", func() bool { return len(types(t, s.env)) == 4 })
	if issuing.hasEnded() {
		t.Errorf("it did not wait: %s%s", issuing.stdout(), issuing.stderr())
	}
	start(t, s.env, "projector", "run")
	if code := issuing.code(); code != 0 {
		t.Errorf("exit %d: %s", code, issuing.stderr())
	}
	words := strings.Fields(issuing.stdout())
	if code, _ := get(t, s.url+"/api/v1/me", words[len(words)-1]); code != http.StatusOK {
		t.Errorf("the key is answered with %d", code)
	}
}

// generated is the key that generate-user prints.
func generated(t *testing.T, s *serving) string {
	t.Helper()
	printed, _ := says(t, s.env, 0, "admin", "generate-user")
	words := strings.Fields(printed)
	if len(words) != 6 || words[1] != "gen@example.com" || words[3] != "super_admin" {
		t.Fatalf("printed %q", printed)
	}
	return words[5]
}

// opens waits until a key is answered as it should be.
func opens(t *testing.T, s *serving, key string, want int) {
	t.Helper()
	testkit.Eventually(t, "the key is answered with "+http.StatusText(want), func() bool {
		code, _ := get(t, s.url+"/api/v1/me", key)
		return code == want
	})
}

func TestMigrationsAreAppliedOnce(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	if got, _ := says(t, e, 0, "migrate", "up"); !strings.HasPrefix(got, "nothing to do") {
		t.Errorf("up printed %q", got)
	}
	db := testkit.OpenPostgres(t, e["TENURE_POSTGRES_URL"], nil)
	if _, err := db.Exec(t.Context(), `drop table feed_offsets, feed_consumers; drop function refuse_lock_row_update cascade; delete from goose_db_version where version_id = 2`); err != nil {
		t.Fatal(err)
	}
	if got, _ := says(t, e, 0, "migrate", "status"); !strings.Contains(got, "missing 00002_feed.sql") {
		t.Errorf("status printed %q", got)
	}
}

func TestConfigShowsNoSecret(t *testing.T) {
	t.Parallel()
	e := environment{"TENURE_SECRET_KEY": "hunter2", "TENURE_POSTGRES_URL": "hunter2", "TENURE_LOG_LEVEL": "debug", "TENURE_LOGLEVEL": "x"}
	got, _ := says(t, e, 0, "config")
	for _, want := range []string{
		"TENURE_SECRET_KEY  (api, tenure admin)", "set (secret)", "set: debug; default info", "not set, and required",
		"not set; default 127.0.0.1:9090 (api), 127.0.0.1:9091 (projector), 127.0.0.1:9092 (worker)", "TENURE_LOGLEVEL\n    is set and is no setting",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "hunter2") {
		t.Error("a secret is shown")
	}
}
