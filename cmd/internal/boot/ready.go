package boot

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// readyTime is how long a part has to say that it is there.
const readyTime = 2 * time.Second

// Check is a part without which the process cannot do its work.
type Check struct {
	Name string
	Ask  func(context.Context) error
}

// Readiness tells whether a process can do its work, and what keeps it. A
// process is not ready before Up, and never again after End.
type Readiness struct {
	Logger *slog.Logger // nil: slog.Default

	mu     sync.Mutex
	phase  phase
	checks []Check
	down   map[string]bool
}

// phase is how far the life of a process has come.
type phase uint8

const (
	starting phase = iota
	working
	ending
)

// Need adds a part. Adding one of the same name again replaces it.
func (r *Readiness) Need(c Check) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.checks {
		if r.checks[i].Name == c.Name {
			r.checks[i] = c
			return
		}
	}
	r.checks = append(r.checks, c)
}

// Up says that the process has what it needs to begin.
func (r *Readiness) Up() { r.enter(working) }

// End says that the process takes no more work, for good.
func (r *Readiness) End() { r.enter(ending) }

func (r *Readiness) enter(p phase) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phase = max(r.phase, p)
}

// Ending tells whether End was called.
func (r *Readiness) Ending() bool { return r.is(ending) }

func (r *Readiness) is(p phase) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.phase == p
}

// Checks are the parts, each of which logs when it goes and when it comes back.
func (r *Readiness) Checks() []Check {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Check, len(r.checks))
	for i, c := range r.checks {
		all[i] = Check{c.Name, func(ctx context.Context) error {
			err := c.Ask(ctx)
			r.note(ctx, c.Name, err)
			return err
		}}
	}
	return all
}

// note logs what changed, not what is: probes ask every few seconds. What is
// not there yet is told by whoever waits for it.
func (r *Readiness) note(ctx context.Context, name string, err error) {
	if r.is(starting) {
		return
	}
	r.mu.Lock()
	was := r.down[name]
	if r.down == nil {
		r.down = map[string]bool{}
	}
	r.down[name] = err != nil
	r.mu.Unlock()
	logger := r.Logger
	if logger == nil {
		logger = slog.Default()
	}
	switch {
	case err != nil && !was:
		logger.WarnContext(ctx, "not ready", "part", name, "error", err)
	case err == nil && was:
		logger.InfoContext(ctx, "ready again", "part", name)
	}
}

// State is what readyz answers.
type State struct {
	Status string            `json:"status"` // ok or down
	Checks map[string]string `json:"checks"` // each part: ok or down
}

// Ask asks all parts at once.
func (r *Readiness) Ask(ctx context.Context) State {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	checks := r.Checks()
	errs := make([]error, len(checks))
	var asked sync.WaitGroup
	for i, c := range checks {
		asked.Go(func() { errs[i] = c.Ask(ctx) })
	}
	asked.Wait()
	state := State{Status: "ok", Checks: map[string]string{}}
	for i, c := range checks {
		state.Checks[c.Name] = "ok"
		if errs[i] != nil {
			state.Checks[c.Name], state.Status = "down", "down"
		}
	}
	if !r.is(working) {
		state.Status = "down"
	}
	return state
}

// ServeHTTP answers 200 when the process can do its work, else 503. Why a part
// is down is for the log.
func (r *Readiness) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	state := r.Ask(req.Context())
	code := http.StatusOK
	if state.Status != "ok" {
		code = http.StatusServiceUnavailable
	}
	answer(w, code, state)
}

// alive says that the process runs.
func alive(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{"status": "ok"})
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // who asked may be gone
}
