package programs_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tenure/internal/testkit"
)

// seedVariable repeats a run: the same things are killed in the same order,
// though never at the very same moment.
const seedVariable = "TENURE_TEST_SEED"

const (
	apis    = 2
	clients = 16
	admins  = 2
)

// hunt is a whole system whose processes are killed while clients write.
type hunt struct {
	t         *testing.T
	env       environment
	random    *rand.Rand
	postgres  *ownPostgres
	projector *program
	apis      [apis]*program
	urls      []atomic.Pointer[string]
	journal   journal
	keys      []string // of the admins
	shared    []string // the admins' ids
	doorman   thing    // an admin who is disabled and enabled, and his key
	doorKey   string
}

// Whatever is killed, and when: what was acknowledged is in the log, once, what
// was refused is not, nothing is there twice, and what is folded from the log
// is what the log says. Postgres loses its memory, not the machine its page
// cache: that fsync is asked for is the server's own affair.
func TestNothingAcknowledgedIsLostWhoeverIsKilled(t *testing.T) {
	seed := seedOf(t)
	t.Logf("the seed is %d; %s=%[1]d repeats it", seed, seedVariable)
	began := time.Now()
	h := startHunt(t, seed)
	t.Logf("all of it is up after %v", time.Since(began))
	writing, stop := context.WithCancel(t.Context())
	defer stop()
	var busy sync.WaitGroup
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	defer transport.CloseIdleConnections()
	for i := range clients {
		c := &client{
			t: t, name: fmt.Sprintf("c%d", i), as: h.keys[i%admins], http: &http.Client{Transport: transport}, urls: h.urls,
			random: rand.New(rand.NewPCG(seed, uint64(i)+1)), journal: &h.journal, shared: h.shared,
		}
		if i == 0 {
			c.users = []thing{h.doorman}
		}
		busy.Go(func() { c.run(writing) })
	}
	targets := []string{"postgres", "in doubt", "api", "projector", "backend", "all"}
	h.random.Shuffle(len(targets), func(i, j int) { targets[i], targets[j] = targets[j], targets[i] })
	for _, target := range targets {
		h.progress(20 + h.random.IntN(100))
		began := time.Now()
		h.strike(target)
		t.Logf("%s: up again after %v", target, time.Since(began))
	}
	h.progress(60)
	stop()
	busy.Wait()
	t.Logf("the hunt is over after %v", time.Since(began))
	h.check()
	t.Logf("checked after %v", time.Since(began))
}

func seedOf(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv(seedVariable)
	if text == "" {
		return rand.Uint64()
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", seedVariable, err)
	}
	return seed
}

// startHunt starts all of it, with admins who have keys.
func startHunt(t *testing.T, seed uint64) *hunt {
	t.Helper()
	h := &hunt{t: t, env: newEnvironment(t), random: rand.New(rand.NewPCG(seed, 0)), urls: make([]atomic.Pointer[string], apis)}
	h.postgres = startPostgres(t, h.env)
	h.env = h.env.with("TENURE_POSTGRES_URL", h.postgres.url, "TENURE_VISIBLE_WAIT", "500ms", "TENURE_LIMIT_KEY_OPERATIONS", "0")
	says(t, h.env, 0, "migrate", "up")
	h.projector = start(t, h.env, "projector", "run")
	for i := range h.apis {
		h.apis[i] = start(t, h.env, "api")
	}
	for i := range h.apis {
		h.serves(i)
	}
	for i := range admins {
		key, id := h.admin(fmt.Sprintf("admin%d@example.com", i))
		h.keys, h.shared = append(h.keys, key), append(h.shared, id)
	}
	h.doorKey, h.doorman.id = h.admin("doorman@example.com")
	return h
}

// admin makes a super_admin with a key, and waits until it opens.
func (h *hunt) admin(email string) (key, id string) {
	h.t.Helper()
	printed, _ := says(h.t, h.env.with("TENURE_DEFAULT_USER", email), 0, "admin", "generate-user")
	words := strings.Fields(printed)
	key = words[len(words)-1]
	var me struct {
		ID string `json:"id"`
	}
	testkit.Eventually(h.t, "the key of an admin opens", func() bool { return h.read("/users/me", key, &me) == http.StatusOK })
	return key, me.ID
}

// serves waits until an API serves, and tells the clients where.
func (h *hunt) serves(i int) {
	h.t.Helper()
	url := h.apis[i].api()
	h.urls[i].Store(&url)
}

// progress waits until so many more commands were acknowledged: the system has
// got up again.
func (h *hunt) progress(more int) {
	h.t.Helper()
	until := h.journal.acks.Load() + int64(more)
	testkit.Within(h.t, 30*time.Second, fmt.Sprintf("%d more commands are acknowledged", more), func() bool {
		return h.journal.acks.Load() >= until || h.t.Failed()
	})
}

// strike kills what is named, and with it now and then something else, then
// starts it again.
func (h *hunt) strike(target string) {
	h.t.Helper()
	marked := map[string]bool{}
	order := []string{"postgres", "in doubt", "backend", "projector", "api0", "api1"}
	for _, name := range order {
		marked[name] = name == target || name != "in doubt" && (target == "all" || h.random.IntN(5) == 0)
	}
	switch target {
	case "api":
		marked[fmt.Sprintf("api%d", h.random.IntN(apis))] = true
	case "in doubt": // to be in doubt, somebody must live who asks again
		marked = map[string]bool{target: true, "projector": h.random.IntN(2) == 0}
	}
	h.random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	for _, name := range order {
		if marked[name] {
			pause(h.t.Context(), h.random, 30*time.Millisecond)
			h.kill(name)
		}
	}
	pause(h.t.Context(), h.random, 300*time.Millisecond)
	for _, name := range order {
		if marked[name] {
			h.restart(name)
		}
	}
	for i := range h.apis {
		h.serves(i)
	}
}

func (h *hunt) kill(name string) {
	h.t.Helper()
	switch name {
	case "postgres":
		h.postgres.kill(h.t)
	case "in doubt":
		h.postgres.killInDoubt(h.t)
	case "backend":
		h.postgres.killBackend(h.t)
	case "projector":
		die(h.projector)
	case "api0":
		die(h.apis[0])
	case "api1":
		die(h.apis[1])
	}
}

// die kills a process, and waits until it is gone.
func die(p *program) {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// restart starts again what does not do so by itself.
func (h *hunt) restart(name string) {
	h.t.Helper()
	switch name {
	case "projector":
		h.projector = start(h.t, h.env, "projector", "run")
	case "api0":
		h.apis[0] = start(h.t, h.env, "api")
	case "api1":
		h.apis[1] = start(h.t, h.env, "api")
	}
}

// pause lets a random moment pass, at most so long.
func pause(ctx context.Context, random *rand.Rand, most time.Duration) {
	timer := time.NewTimer(time.Duration(random.Int64N(int64(most))))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
