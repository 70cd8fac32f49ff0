package programs_test

import (
	"context"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"

	"tenure/internal/docstore"
	"tenure/internal/events"
	"tenure/internal/projections"
	"tenure/internal/testkit"
)

func TestStatusTellsHowFarTheReadModelsAre(t *testing.T) {
	t.Parallel()
	s := serve(t)
	testkit.Eventually(t, "all of them are at the head", func() bool {
		_, body := get(t, s.url+"/api/v1/operations/projections", s.key)
		return strings.Count(body, `"position":3,`) == 5
	})
	s.projector.tell(syscall.SIGTERM)
	if code := s.projector.code(); code != 0 {
		t.Fatalf("the projector ended with %d", code)
	}
	says(t, s.env, 0, "admin", "create-super-admin", "--email", "late@example.com")
	p, code := run(t, s.env, "projector", "status")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, p.stderr())
	}
	lines := strings.Split(strings.TrimSpace(p.stdout()), "\n")
	if len(lines) != len(projections.Names())+1 || !strings.HasPrefix(lines[0], "NAME") {
		t.Fatalf("printed\n%s", p.stdout())
	}
	for _, line := range lines[1:] {
		words := strings.Fields(line)
		// The key opens as soon as authentication has it; the others, and where
		// authentication is written down, may be older by then.
		if len(words) != 10 || words[3] != "live" || words[4] == "5" || words[5] != "5" || words[6] == "0" || words[8] != "0" || words[9] != "-" {
			t.Errorf("printed %q, want it live, head 5, some behind", line)
		}
	}
}

func TestStatusSaysWhatIsAway(t *testing.T) {
	t.Parallel()
	p, code := run(t, newEnvironment(t).with("TENURE_REDIS_URL", "redis://127.0.0.1:1"), "projector", "status")
	if code != 1 || !strings.HasPrefix(p.stderr(), "projector: ") || !strings.Contains(p.stderr(), "TENURE_REDIS_URL") {
		t.Errorf("exit %d: %s", code, p.stderr())
	}
}

// One read model that cannot go on is named, and does not keep the others.
func TestAReadModelThatIsStoppedLeavesTheOthersRunning(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.projector.tell(syscall.SIGTERM)
	s.projector.code()
	forkUsers(t, s.env)
	s.projector = start(t, s.env, "projector", "run")
	s.projector.logged("the consumer is stopped", "consumer")
	url := s.projector.metrics() + "/readyz"
	testkit.Eventually(t, "readyz names it", func() bool {
		code, body := get(t, url, "")
		return code == http.StatusServiceUnavailable && strings.Contains(body, `"`+projections.Users.Model().String()+`":"down"`) &&
			strings.Contains(body, `"`+projections.Suppliers.Model().String()+`":"ok"`)
	})
	if n := strings.Count(s.projector.stderr(), `"level":"ERROR"`); n != 1 {
		t.Errorf("it was said %d times:\n%s", n, s.projector.stderr())
	}
	printed, _ := says(t, s.env, 0, "admin", "issue-key", "--email", "root@example.com", "--name", "another")
	opens(t, s, strings.Fields(printed)[2], http.StatusOK)
	s.projector.tell(syscall.SIGTERM)
	if code := s.projector.code(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
}

// forkUsers makes the checkpoint of the users one of another log.
func forkUsers(t *testing.T, e environment) {
	t.Helper()
	m, err := docstore.OpenMongo(t.Context(), e["TENURE_MONGO_URL"], nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(context.WithoutCancel(t.Context()))
	model := projections.Users.Model()
	at, err := m.Checkpoint(t.Context(), model)
	if err != nil {
		t.Fatal(err)
	}
	forked := at
	forked.Log = events.LogID(uuid.New())
	if moved, err := m.MoveCheckpoint(t.Context(), model, at, forked); err != nil || !moved {
		t.Fatalf("the checkpoint was not moved: %v", err)
	}
}

func TestTheMetricsTellTheLag(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for _, method := range []string{http.MethodPost, http.MethodDelete} {
		if code, body := send(t, method, s.url+"/api/v1/me/api-key", s.key, strings.NewReader("")); code != http.StatusOK {
			t.Errorf("%s a key: %d %s", method, code, body)
		}
	}
	for url, want := range map[string][]string{
		s.projector.metrics() + "/metrics": {"tenure_projection_lag_events{", `projection="authentication"`, "tenure_projection_lag_seconds{", "tenure_projection_parked{", "go_goroutines"},
		s.api.metrics() + "/metrics":       {"tenure_append_batch_bucket", "http_server_request_duration_seconds_bucket", "db_client_operation_duration_seconds_bucket", "pgxpool_acquired_connections", "tenure_revocation_bound_seconds", "tenure_authority_reads_total{", `tenure_revocation_confirmation_duration_seconds_count{`, `outcome="`},
	} {
		makeUser(t, s)
		code, body := get(t, url, "")
		if code != http.StatusOK {
			t.Errorf("%s: %d", url, code)
		}
		for _, w := range want {
			if !strings.Contains(body, w) {
				t.Errorf("%s does not have %s", url, w)
			}
		}
	}
}

// makeUser makes a user over HTTP.
func makeUser(t *testing.T, s *serving) {
	t.Helper()
	code, body := send(t, http.MethodPost, s.url+"/api/v1/users", s.key, strings.NewReader(`{"email":"`+strings.ToLower(t.Name())+`@example.com"}`))
	if code != http.StatusCreated && code != http.StatusConflict {
		t.Errorf("create a user: %d %s", code, body)
	}
}

func TestTheWorkerIsReadyAndEnds(t *testing.T) {
	t.Parallel()
	w := start(t, environment{"TENURE_POSTGRES_URL": testkit.PostgresURL(t), "TENURE_METRICS_ADDR": "127.0.0.1:0"}, "worker")
	ready(t, w)
	w.tell(syscall.SIGTERM)
	if code := w.code(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
}
