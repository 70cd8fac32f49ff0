package programs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// said is a command that a client sent, and what it was told.
type said struct {
	request string // the id that the log keeps of it
	makes   string // the type of the one event that it is
	stream  string // the id of the thing, as far as it is known
	status  int    // 0: no answer came
}

// acknowledged tells whether the client was told that it is done.
func (s said) acknowledged() bool { return s.status >= 200 && s.status < 300 }

// refused tells whether he was told that nothing was done.
func (s said) refused() bool { return s.status >= 400 && s.status < 500 }

// open tells whether he does not know.
func (s said) open() bool { return s.status == 0 || s.status == http.StatusServiceUnavailable }

// journal is what all clients remember.
type journal struct {
	mu   sync.Mutex
	said []said
	keys []issued
	acks atomic.Int64
	// replayed is how often an answer was repeated.
	replayed atomic.Int64
}

// issued is a key that a client was given, and what he then did to it.
type issued struct {
	id, plain       string
	revoked, unsure bool // revoked: so he was told; unsure: he tried and does not know
}

func (j *journal) add(s said) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.said = append(j.said, s)
	if s.acknowledged() {
		j.acks.Add(1)
	}
}

// thing is a user or a supplier of which a client alone decides.
type thing struct {
	id       string
	disabled bool
}

// client sends one command after the other, and remembers. What became of a thing when no answer came he does not know, and lets go of it.
type client struct {
	t         *testing.T
	name      string
	as        string // his key
	http      *http.Client
	urls      []atomic.Pointer[string] // of the APIs
	random    *rand.Rand
	journal   *journal
	n         int
	users     []thing
	suppliers []thing
	keys      []issued
	shared    []string // users whom all clients rename
}

// run goes on until ctx ends. A command that was begun is ended.
func (c *client) run(ctx context.Context) {
	for ctx.Err() == nil && !c.t.Failed() {
		c.next(context.WithoutCancel(ctx))
	}
	c.journal.mu.Lock()
	defer c.journal.mu.Unlock()
	c.journal.keys = append(c.journal.keys, c.keys...)
}

// next does one thing of those there are to do.
func (c *client) next(ctx context.Context) {
	switch n := c.random.IntN(100); {
	case n < 35 || len(c.users) == 0:
		if id, s := c.send(ctx, "POST", "/users", "user.created", "", fmt.Sprintf(`{"email":"%s@example.com"}`, c.unique())); s.acknowledged() {
			c.users = append(c.users, thing{id: id})
		}
	case n < 55:
		c.toggle(ctx, c.random.IntN(len(c.users)))
	case n < 62:
		i := c.random.IntN(len(c.users))
		_, s := c.send(ctx, "PATCH", "/users/"+c.users[i].id, "user.renamed", c.users[i].id, fmt.Sprintf(`{"name":"%s"}`, c.unique()))
		c.users = unlessLost(c.users, i, s)
	case n < 66:
		id := c.shared[c.random.IntN(len(c.shared))]
		c.send(ctx, "PATCH", "/users/"+id, "user.renamed", id, fmt.Sprintf(`{"name":"%s"}`, c.unique()))
	case n < 70 && len(c.users) > 3:
		i := 1 + c.random.IntN(len(c.users)-1) // the first may be one that another test of this needs
		c.send(ctx, "DELETE", "/users/"+c.users[i].id, "user.deleted", c.users[i].id, "")
		c.users = append(c.users[:i], c.users[i+1:]...)
	case n < 84:
		c.key(ctx)
	case n < 92 || len(c.suppliers) == 0:
		if id, s := c.send(ctx, "POST", "/suppliers", "supplier.created", "", fmt.Sprintf(`{"name":"%s"}`, c.unique())); s.acknowledged() {
			c.suppliers = append(c.suppliers, thing{id: id})
		}
	default:
		i := c.random.IntN(len(c.suppliers))
		_, s := c.send(ctx, "PATCH", "/suppliers/"+c.suppliers[i].id, "supplier.changed", c.suppliers[i].id, fmt.Sprintf(`{"legal_name":"%s"}`, c.unique()))
		c.suppliers = unlessLost(c.suppliers, i, s)
	}
}

// toggle disables a user, or enables him.
func (c *client) toggle(ctx context.Context, i int) {
	u := &c.users[i]
	what, makes := "/disable", "user.disabled"
	if u.disabled {
		what, makes = "/enable", "user.enabled"
	}
	_, s := c.send(ctx, "POST", "/users/"+u.id+what, makes, u.id, "")
	if s.acknowledged() {
		u.disabled = !u.disabled
	}
	c.users = unlessLost(c.users, i, s)
}

// key gets a key, or gives one up. A user has 25 at most, so a client has few
// that live.
func (c *client) key(ctx context.Context) {
	var live []int
	for i, k := range c.keys {
		if !k.revoked && !k.unsure {
			live = append(live, i)
		}
	}
	if len(live) < 2 && (len(live) == 0 || c.random.IntN(2) == 0) {
		c.send(ctx, "POST", "/api-keys", "api_key.issued", "", fmt.Sprintf(`{"name":"%s"}`, c.unique()))
		return
	}
	k := &c.keys[live[c.random.IntN(len(live))]]
	_, s := c.send(ctx, "DELETE", "/api-keys/"+k.id, "api_key.revoked", k.id, "")
	k.revoked, k.unsure = s.acknowledged(), !s.acknowledged() && !s.refused()
}

// unlessLost is what a client still knows of.
func unlessLost(all []thing, i int, s said) []thing {
	if s.acknowledged() || s.refused() {
		return all
	}
	return append(all[:i], all[i+1:]...)
}

// unique is a text that nobody used before.
func (c *client) unique() string {
	c.n++
	return fmt.Sprintf("%s-%d", c.name, c.n)
}

// send sends a command to either API, and remembers what came of it. It gives
// the id of the thing.
func (c *client) send(ctx context.Context, method, path, makes, stream, body string) (string, said) {
	s := said{request: c.unique(), makes: makes, stream: stream}
	var answer struct {
		ID    string `json:"id"`
		Plain string `json:"api_key"`
	}
	text := c.ask(ctx, method, path, body, &s)
	// Who was told nothing sends it again until he is, though not always: under
	// the same Idempotency-Key it is one command. What is shown once is not
	// shown again.
	insist, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for again := makes != "api_key.issued" && c.random.IntN(4) > 0; again && s.open() && insist.Err() == nil && !c.t.Failed(); {
		text = c.ask(ctx, method, path, body, &s)
	}
	switch {
	case s.status == 0:
	case s.status == http.StatusConflict, s.status == http.StatusTooManyRequests, s.status == http.StatusServiceUnavailable:
	case !s.acknowledged():
		c.t.Errorf("%s %s as %s: %d %s", method, path, s.request, s.status, text)
	case len(text) > 0:
		if err := json.Unmarshal(text, &answer); err != nil {
			c.t.Errorf("%s %s as %s: %q: %v", method, path, s.request, text, err)
		}
	}
	if stream == "" {
		s.stream = answer.ID
	}
	c.journal.add(s)
	if s.acknowledged() && answer.Plain != "" {
		c.keys = append(c.keys, issued{id: answer.ID, plain: answer.Plain})
	}
	return answer.ID, s
}

// ask sends a command, and notes the status of the whole answer.
func (c *client) ask(ctx context.Context, method, path, body string, s *said) (text []byte) {
	status, replayed, text, err := c.try(ctx, method, path, body, s.request)
	if s.status = status; err != nil {
		s.status = 0 // also when the answer broke off
	}
	if replayed {
		c.journal.replayed.Add(1)
	}
	if s.open() {
		pause(ctx, c.random, 10*time.Millisecond) // who is away is not asked a thousand times a second
	}
	return text
}

func (c *client) try(ctx context.Context, method, path, body, request string) (status int, replayed bool, text []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	url := *c.urls[c.random.IntN(len(c.urls))].Load() + "/api/v1" + path
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, false, nil, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("X-API-Key", c.as)
	req.Header.Set("X-Request-ID", request)
	req.Header.Set("Idempotency-Key", request)
	if c.random.IntN(2) == 0 {
		req.Header.Set("Prefer", "respond-async") // what is durable is, whether anybody waits to see it or not
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return 0, false, nil, err
	}
	defer answer.Body.Close()
	text, err = io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header.Get("Idempotent-Replayed") == "true", text, err
}
