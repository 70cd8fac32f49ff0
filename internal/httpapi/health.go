package httpapi

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// readyTime is how long a part has to say that it is there.
const readyTime = 2 * time.Second

// Check is a part without which the server cannot answer.
type Check struct {
	Name  string
	Check func(context.Context) error
}

type nothing struct{}

type healthBody struct {
	Status string `json:"status" enum:"ok"`
}

type healthAnswer struct{ Body healthBody }

type readyBody struct {
	Status string            `json:"status" enum:"ok,down"`
	Checks map[string]string `json:"checks" doc:"Each part: ok or down."`
}

type readyAnswer struct {
	Status int
	Body   readyBody
}

// routeHealth offers what load balancers ask.
func (s *Server) routeHealth(a *api) {
	for name, path := range map[string]string{"health": "/health", "health-under-prefix": s.Prefix + "/health", "livez": "/livez"} {
		route(a, anyone(), huma.Operation{OperationID: name, Method: http.MethodGet, Path: path, Summary: "Is the server running?", Tags: []string{"operations"}}, health)
	}
	route(a, anyone(), huma.Operation{
		OperationID: "readyz", Method: http.MethodGet, Path: "/readyz", Summary: "Can the server answer?", Tags: []string{"operations"},
		Responses: map[string]*huma.Response{"503": {Description: "A part is down. The body is the same and names it."}},
	}, s.ready)
}

// health says that the process runs, and nothing of how it is set up.
func health(context.Context, caller, *nothing) (*healthAnswer, error) {
	return &healthAnswer{Body: healthBody{Status: "ok"}}, nil
}

// ready asks all parts at once and names those that are down.
func (s *Server) ready(ctx context.Context, _ caller, _ *nothing) (*readyAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	states := make([]string, len(s.Checks))
	var all sync.WaitGroup
	for i, c := range s.Checks {
		all.Go(func() { states[i] = s.state(ctx, c) })
	}
	all.Wait()
	answer := &readyAnswer{Status: http.StatusOK, Body: readyBody{Status: "ok", Checks: map[string]string{}}}
	for i, c := range s.Checks {
		answer.Body.Checks[c.Name] = states[i]
		if states[i] != "ok" {
			answer.Status, answer.Body.Status = http.StatusServiceUnavailable, "down"
		}
	}
	return answer, nil
}

// state asks one part. What is wrong with it is for the log.
func (s *Server) state(ctx context.Context, c Check) string {
	if err := c.Check(ctx); err != nil {
		s.Logger.WarnContext(ctx, "not ready", "part", c.Name, "error", err)
		return "down"
	}
	return "ok"
}
