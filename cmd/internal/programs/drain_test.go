package programs_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenure/internal/testkit"
)

// serving is a projector and an api that run, and a key.
type serving struct {
	env            environment
	api, projector *program
	url, key       string
	db             *pgxpool.Pool
}

func serve(t *testing.T, pairs ...string) *serving {
	t.Helper()
	s := &serving{env: newEnvironment(t).with(pairs...)}
	s.db = testkit.OpenPostgres(t, s.env["TENURE_POSTGRES_URL"], nil)
	s.projector = start(t, s.env, "projector", "run")
	s.api = start(t, s.env, "api")
	s.url = s.api.api()
	ready(t, s.projector)
	ready(t, s.api)
	s.key = key(t, s.env)
	return s
}

// begun is a request that the api has begun to carry out: it knows who is
// calling, and waits for the end of the body.
type begun struct {
	t    *testing.T
	conn net.Conn
	read *bufio.Reader
}

// post begins to create a user.
func (s *serving) post(t *testing.T, email string) begun {
	t.Helper()
	host := strings.TrimPrefix(s.url, "http://")
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	b := begun{t, conn, bufio.NewReader(conn)}
	body := `{"email":"` + email + `"`
	b.say(fmt.Sprintf("POST /api/v1/users HTTP/1.1\r\nHost: %s\r\nX-API-Key: %s\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n", host, s.key, len(body)+1))
	if line, err := b.read.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("the request was not begun: %q, %v", line, err)
	}
	if _, err := b.read.ReadString('\n'); err != nil { // the empty line
		t.Fatal(err)
	}
	b.say(body)
	return b
}

func (b begun) say(text string) {
	b.t.Helper()
	if _, err := io.WriteString(b.conn, text); err != nil {
		b.t.Fatal(err)
	}
}

// finish sends the end of the body.
func (b begun) finish() { b.say("}") }

// answer is how it was answered, and whether the connection ends with that.
func (b begun) answer() (status int, closes bool) {
	b.t.Helper()
	answer, err := http.ReadResponse(b.read, nil)
	if err != nil {
		b.t.Errorf("a request was cut: %v", err)
		return 0, false
	}
	answer.Body.Close()
	return answer.StatusCode, answer.Close
}

// users counts the users in the log that have one of these e-mails.
func (s *serving) users(t *testing.T, emails ...string) (n int) {
	t.Helper()
	err := s.db.QueryRow(t.Context(), `select count(*) from event_log where type = 'user.created' and data->>'email' = any($1)`, emails).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// No request that has begun is cut, and no write that was acknowledged is lost:
// one waits for the log when the signal comes, the other has sent half of its
// body.
func TestSIGTERMAnswersWhatHasBegun(t *testing.T) {
	t.Parallel()
	s := serve(t, "TENURE_DRAIN_DELAY", "300ms")
	tx, err := s.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `select from log_head for update`); err != nil {
		t.Fatal(err)
	}
	first := s.post(t, "first@example.com")
	first.finish()
	testkit.Eventually(t, "the append waits for the log", func() bool { return waiting(t, s.db) })
	second := s.post(t, "second@example.com")

	s.api.tell(syscall.SIGTERM)
	testkit.Eventually(t, "the api is not ready any more", func() bool {
		code, _ := get(t, s.api.metrics()+"/readyz", "")
		return code == http.StatusServiceUnavailable
	})
	testkit.Eventually(t, "nobody new is let in", func() bool {
		code, _ := get(t, s.url+"/livez", "")
		return code == 0
	})
	if s.api.hasEnded() {
		t.Fatal("it ended with requests in hand")
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	second.finish()
	for name, request := range map[string]begun{"the one that waited for the log": first, "the one with half a body": second} {
		if code, closes := request.answer(); code != http.StatusCreated || !closes {
			t.Errorf("%s was answered %d, and that the connection ends: %t", name, code, closes)
		}
	}
	if code := s.api.code(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	if n := s.users(t, "first@example.com", "second@example.com"); n != 2 {
		t.Errorf("%d of 2 acknowledged users are in the log", n)
	}
}

// waiting tells whether an append waits for its turn.
func waiting(t *testing.T, db *pgxpool.Pool) (yes bool) {
	t.Helper()
	err := db.QueryRow(t.Context(), `select count(*) > 0 from pg_stat_activity
		where datname = current_database() and application_name = 'tenure-api writer' and wait_event_type = 'Lock'`).Scan(&yes)
	if err != nil {
		t.Fatal(err)
	}
	return yes
}

func TestARequestWithoutEndDoesNotKeepTheProcess(t *testing.T) {
	t.Parallel()
	s := serve(t, "TENURE_DRAIN_DELAY", "0s", "TENURE_SHUTDOWN_TIMEOUT", "2s")
	s.post(t, "never@example.com")
	began := time.Now()
	s.api.tell(syscall.SIGTERM)
	if code := s.api.code(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	s.api.logged("some requests did not end in time", "error")
	if n := s.users(t, "never@example.com"); n != 0 {
		t.Error("a request that was never sent whole was carried out")
	}
}

func TestASecondSignalEndsItAtOnce(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.post(t, "never@example.com")
	s.api.tell(syscall.SIGINT)
	s.api.logged("ending", "within")
	s.api.tell(syscall.SIGINT)
	if code := s.api.code(); code == 0 {
		t.Error("it ended as if nothing had been cut")
	}
}

// While it drains, readyz is down where load balancers ask, and requests that
// still come are answered.
func TestWhileItDrainsItStillAnswers(t *testing.T) {
	t.Parallel()
	s := serve(t, "TENURE_DRAIN_DELAY", "3s")
	before := s.post(t, "before@example.com")
	s.api.tell(syscall.SIGTERM)
	s.api.logged("ending", "within")
	if code, body := get(t, s.url+"/readyz", ""); code != http.StatusServiceUnavailable || !strings.Contains(body, `"postgres":"ok"`) {
		t.Errorf("readyz: %d %s", code, body)
	}
	if code, body := get(t, s.url+"/api/v1/me", s.key); code != http.StatusOK {
		t.Errorf("me: %d %s", code, body)
	}
	before.finish()
	if code, closes := before.answer(); code != http.StatusCreated || !closes {
		t.Errorf("one from before was answered %d, and that the connection ends: %t", code, closes)
	}
	if code := s.api.code(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
}

func TestAProcessThatWaitsForItsStoresEndsWhenToldTo(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t).with("TENURE_MONGO_URL", "mongodb://127.0.0.1:1/tenure")
	api := start(t, e, "api")
	api.logged(`"store":"mongo"`, "error")
	code, body := get(t, api.metrics()+"/readyz", "")
	if code != http.StatusServiceUnavailable || !strings.Contains(body, `"mongo":"down"`) {
		t.Errorf("readyz: %d %s", code, body)
	}
	if code, _ := get(t, api.metrics()+"/livez", ""); code != http.StatusOK {
		t.Errorf("livez: %d", code)
	}
	api.tell(syscall.SIGTERM)
	if code := api.code(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
}

func TestADatabaseThatIsNotMigratedEndsTheStart(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	db := testkit.OpenPostgres(t, e["TENURE_POSTGRES_URL"], func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, `delete from goose_db_version where version_id > 1`)
		return err
	})
	if err := db.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	api, code := run(t, e, "api")
	if code != 1 || !strings.Contains(api.stderr(), "the database is at migration 1 and this program needs") || !strings.Contains(api.stderr(), "tenure migrate up") {
		t.Errorf("exit %d: %s", code, api.stderr())
	}
}
