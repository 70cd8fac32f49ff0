package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"tenure/internal/authz"
	"tenure/internal/events"
	"tenure/internal/fault"
)

const (
	adminID  = "0190b5a2-0000-7000-8000-000000000001"
	viewerID = "0190b5a2-0000-7000-8000-000000000002"
	otherID  = "0190b5a2-0000-7000-8000-000000000003"
	shopID   = "0190b5a2-0000-7000-8000-00000000000a"
)

// thing is a resource that has one of everything that can go wrong.
type thing struct {
	Email string    `json:"email" maxLength:"254"`
	Name  *string   `json:"name,omitempty" minLength:"1" maxLength:"255"`
	Size  *whole    `json:"size,omitempty" minimum:"0" maximum:"86400"`
	Tags  []string  `json:"tags,omitempty" maxItems:"3"`
	When  time.Time `json:"when,omitzero"`
	Data  any       `json:"data,omitempty"`
	Inner *inner    `json:"inner,omitempty"`
}

type inner struct {
	Kind string `json:"kind" enum:"a,b"`
}

type thingInput struct{ Body thing }

type thingPatch struct {
	ID   events.UserID `path:"id" format:"uuid"`
	Body struct {
		Name Opt[string] `json:"name,omitzero" maxLength:"5"`
		Role *string     `json:"role,omitempty"`
	}
}

type thingQuery struct {
	Page   int       `query:"page" minimum:"1" maximum:"100000" default:"1"`
	Search string    `query:"search" minLength:"0" maxLength:"200"`
	Status string    `query:"status" enum:"invited,active"`
	IDs    []string  `query:"id__in,explode" format:"uuid" maxItems:"2"`
	Active bool      `query:"active"`
	From   time.Time `query:"from"`
}

type pokeInput struct {
	ID   string `path:"id" format:"uuid"`
	Body *struct {
		Reason string `json:"reason,omitempty" maxLength:"1000"`
	}
}

type failInput struct {
	Kind int `query:"kind" maximum:"100"`
}

type selfInput struct {
	ID string `path:"id" format:"uuid"`
}

type echo struct {
	Body map[string]any
}

// things are the routes of the foundation's tests.
func things(s *Server, a *api) {
	op := func(id, method, path string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: s.Prefix + path}
	}
	route(a, known(), op("create", http.MethodPost, "/things"), func(_ context.Context, _ caller, in *thingInput) (*echo, error) {
		return &echo{map[string]any{"email": in.Body.Email, "tags": in.Body.Tags}}, nil
	})
	route(a, known(), op("patch", http.MethodPatch, "/things/{id}"), func(_ context.Context, _ caller, in *thingPatch) (*echo, error) {
		n := in.Body.Name
		return &echo{map[string]any{"id": in.ID, "set": n.Set, "null": n.Null, "value": n.Value, "role": in.Body.Role}}, nil
	})
	route(a, known(), op("list", http.MethodGet, "/things"), func(_ context.Context, _ caller, in *thingQuery) (*echo, error) {
		return &echo{map[string]any{"page": in.Page, "search": in.Search, "ids": in.IDs, "active": in.Active, "from": in.From}}, nil
	})
	route(a, known(), op("poke", http.MethodPost, "/things/{id}/poke"), func(_ context.Context, _ caller, in *pokeInput) (*echo, error) {
		return &echo{map[string]any{"id": in.ID, "body": in.Body != nil}}, nil
	})
	route(a, may(authz.CreateUsers), op("admin", http.MethodPost, "/admin"), func(_ context.Context, _ caller, in *thingInput) (*echo, error) {
		return &echo{map[string]any{}}, nil
	})
	route(a, access{}, op("nobody", http.MethodGet, "/nobody"), func(context.Context, caller, *nothing) (*echo, error) {
		return &echo{}, nil
	})
	route(a, selfOr(authz.ReadUsers), op("self", http.MethodGet, "/self/{id}"), func(context.Context, caller, *selfInput) (*echo, error) {
		return &echo{map[string]any{}}, nil
	})
	route(a, anyone(), op("panic", http.MethodGet, "/panic"), func(context.Context, caller, *nothing) (*echo, error) {
		panic("secret-cause")
	})
	route(a, known(), op("fail", http.MethodGet, "/fail"), func(_ context.Context, _ caller, in *failInput) (*echo, error) {
		if in.Kind == 100 {
			return nil, io.ErrUnexpectedEOF
		}
		return nil, fault.New(fault.Kind(in.Kind), "some_code", "Some text.")
	})
}

// principal is who the tests' Identity finds behind X-API-Key.
func principal(_ context.Context, r *http.Request, named events.TenantID) (authz.Principal, error) {
	source := authz.Fact{Stream: events.UserStream(events.Platform, "x"), Version: 1}
	switch r.Header.Get("X-API-Key") {
	case "admin":
		return authz.User(authz.UserFacts{ID: adminID, Email: "admin@example.com", Role: events.SuperAdmin, Status: authz.Active, Source: source}).At(named), nil
	case "viewer":
		return authz.User(authz.UserFacts{ID: viewerID, Email: "viewer@example.com", Role: events.Viewer, Status: authz.Active, Source: source}).At(named), nil
	case "zero":
		return authz.Principal{}, nil
	case "outage":
		return authz.Principal{}, io.ErrUnexpectedEOF
	default:
		return authz.Principal{}, fault.New(fault.Unauthenticated, "unauthenticated", "Invalid API key")
	}
}

// testServer is a server with everything set but the resources.
func testServer(log io.Writer) *Server {
	return &Server{
		Logger: slog.New(slog.NewJSONHandler(log, nil)), Traces: tracenoop.NewTracerProvider(), Meters: metricnoop.NewMeterProvider(),
		Propagator: propagation.TraceContext{}, Identity: principal, Origins: []string{" https://app.example.com "}, Credentials: true, Version: "test",
		Shown:   func(...string) events.Mark { return events.Mark{Log: events.LogID{15: 1}, Position: 7} },
		Reached: func(context.Context, events.LogID, events.Position, ...string) bool { return false },
	}
}

func startThings(t *testing.T) *httptest.Server { return start(t, testServer(io.Discard), things) }

// start serves some resources until the test ends.
func start(t *testing.T, s *Server, routes func(*Server, *api)) *httptest.Server {
	t.Helper()
	h, err := s.serve(func(s *Server, a *api) {
		s.routeHealth(a)
		routes(s, a)
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server
}

// request is one request of a test; what is left out is as usual.
type request struct {
	method, path, body, as string
	header                 map[string]string
}

type response struct {
	status int
	header http.Header
	text   string
	json   map[string]any
}

func (q request) send(t *testing.T, server *httptest.Server) response {
	t.Helper()
	var body io.Reader
	if q.body != "" {
		body = strings.NewReader(q.body)
	}
	if q.method == "" {
		q.method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(t.Context(), q.method, server.URL+q.path, body)
	if err != nil {
		t.Fatal(err)
	}
	if q.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if q.as != "" {
		r.Header.Set("X-API-Key", q.as)
	}
	for name, value := range q.header {
		if r.Header[http.CanonicalHeaderKey(name)] = []string{value}; value == "-" {
			delete(r.Header, http.CanonicalHeaderKey(name))
		}
	}
	client := *server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	a, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := response{status: a.StatusCode, header: a.Header, text: string(text)}
	if len(text) > 0 && strings.HasSuffix(a.Header.Get("Content-Type"), "json") && a.Header.Get("Content-Type") != ndjson {
		if err := json.Unmarshal(text, &got.json); err != nil {
			t.Fatalf("%s %s: %v in %q", q.method, q.path, err, text)
		}
	}
	return got
}

// mustProblem checks that an answer is a whole problem.
func mustProblem(t *testing.T, got response, status int) {
	t.Helper()
	if got.status != status || got.header.Get("Content-Type") != problemType {
		t.Fatalf("got %d %s %s, want %d %s", got.status, got.header.Get("Content-Type"), got.text, status, problemType)
	}
	for _, member := range []string{"type", "title", "status", "detail", "code", "request_id"} {
		if got.json[member] == nil || got.json[member] == "" {
			t.Errorf("the problem lacks %s: %s", member, got.text)
		}
	}
	if got.json["request_id"] != got.header.Get("X-Request-ID") {
		t.Errorf("request id %q in the body, %q in the header", got.json["request_id"], got.header.Get("X-Request-ID"))
	}
}

// syncBuffer is a log that a server writes and a test reads.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
