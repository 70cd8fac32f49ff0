package httpapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"tenure/internal/fault"
)

// TestEveryAnswerHasItsHeaders: whichever layer answered.
func TestEveryAnswerHasItsHeaders(t *testing.T) {
	t.Parallel()
	server := startThings(t)
	for name, tt := range map[string]struct {
		request
		status int
	}{
		"an answer":     {request{path: "/api/v1/things", as: "admin"}, 200},
		"401":           {request{path: "/api/v1/things"}, 401},
		"404":           {request{path: "/nowhere"}, 404},
		"405":           {request{method: "PUT", path: "/api/v1/things"}, 405},
		"413":           {request{method: "POST", path: "/api/v1/things", body: strings.Repeat(" ", maxBody+1)}, 413},
		"415":           {request{method: "POST", path: "/api/v1/things", body: "x", header: map[string]string{"Content-Type": "x/y"}}, 415},
		"422":           {request{path: "/api/v1/things?x=1", as: "admin"}, 422},
		"422 by huma":   {request{method: "POST", path: "/api/v1/things", body: "{}", as: "admin"}, 422},
		"429":           {request{path: "/api/v1/fail?kind=9", as: "admin"}, 429},
		"a panic":       {request{path: "/api/v1/panic"}, 500},
		"an error":      {request{path: "/api/v1/fail?kind=100", as: "admin"}, 500},
		"an outage":     {request{path: "/api/v1/fail?kind=10", as: "admin"}, 503},
		"documentation": {request{path: "/docs"}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := tt.request
			q.header = map[string]string{"Origin": "https://app.example.com", "X-Request-ID": "my.Own_id-1"}
			for k, v := range tt.header {
				q.header[k] = v
			}
			got := q.send(t, server)
			if got.status != tt.status {
				t.Fatalf("got %d %s, want %d", got.status, got.text, tt.status)
			}
			if got.header.Get("X-Request-ID") != "my.Own_id-1" {
				t.Errorf("the request id became %q", got.header.Get("X-Request-ID"))
			}
			if got.header.Get("Access-Control-Allow-Origin") != "https://app.example.com" || got.header.Get("Access-Control-Allow-Credentials") != "true" ||
				!strings.Contains(got.header.Get("Access-Control-Expose-Headers"), "Retry-After") {
				t.Errorf("CORS headers are missing: %v", got.header)
			}
			if tt.status >= 400 {
				mustProblem(t, got, tt.status)
			}
			if tt.status == 503 && got.header.Get("Retry-After") == "" {
				t.Error("503 does not say when to come back")
			}
		})
	}
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	server := startThings(t)
	for id, kept := range map[string]bool{
		"a": true, strings.Repeat("x", 128): true, strings.Repeat("x", 129): false, "": false, "a b": false, "a/b": false, "é": false, "a\"b": false,
	} {
		got := request{path: "/health", header: map[string]string{"X-Request-ID": id}}.send(t, server).header.Get("X-Request-ID")
		if got == "" || (got == id) != kept {
			t.Errorf("%q became %q", id, got)
		}
	}
}

func TestStatusesOfFaults(t *testing.T) {
	t.Parallel()
	server := startThings(t)
	for kind, status := range map[string]int{
		"0": 500, "1": 400, "2": 401, "3": 403, "4": 404, "5": 422, "6": 409, "7": 412, "8": 413, "9": 429, "10": 503, "99": 500,
	} {
		got := request{path: "/api/v1/fail?kind=" + kind, as: "admin"}.send(t, server)
		mustProblem(t, got, status)
	}
	if got := (request{path: "/api/v1/things"}).send(t, server).header.Get("WWW-Authenticate"); got == "" {
		t.Error("401 does not say how to authenticate")
	}
}

// TestPanicsAreLoggedOnce, with what the caller is not told.
func TestPanicsAreLoggedOnce(t *testing.T) {
	t.Parallel()
	var log syncBuffer
	server := start(t, testServer(&log), things)
	got := request{path: "/api/v1/panic", header: map[string]string{"X-Request-ID": "r1"}}.send(t, server)
	mustProblem(t, got, 500)
	if strings.Contains(got.text, "secret-cause") || strings.Contains(got.text, ".go") {
		t.Errorf("internals are told: %s", got.text)
	}
	text := log.String()
	if strings.Count(text, "secret-cause") != 1 || !strings.Contains(text, "foundation_test.go") || !strings.Contains(text, `"request_id":"r1"`) {
		t.Errorf("the log has: %s", text)
	}
}

// TestErrorsAreLoggedWithTheirCause, and faults that are the caller's are not.
func TestErrorsAreLoggedWithTheirCause(t *testing.T) {
	t.Parallel()
	var log syncBuffer
	server := start(t, testServer(&log), things)
	got := request{path: "/api/v1/fail?kind=100", as: "admin"}.send(t, server)
	mustProblem(t, got, 500)
	if strings.Contains(got.text, io.ErrUnexpectedEOF.Error()) || strings.Count(log.String(), io.ErrUnexpectedEOF.Error()) != 1 {
		t.Errorf("answer %s, log %s", got.text, log.String())
	}
	before := log.String()
	request{path: "/api/v1/things?x=1", as: "admin"}.send(t, server)
	request{path: "/api/v1/things"}.send(t, server)
	if log.String() != before {
		t.Errorf("a caller's mistake is in the log: %s", log.String())
	}
}

// TestAPanicAfterTheHead breaks the connection.
func TestAPanicAfterTheHead(t *testing.T) {
	t.Parallel()
	server := start(t, testServer(io.Discard), func(s *Server, a *api) {
		page(a.Adapter().(adapter).router, "/half", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("half an answer ", 1000))
			panic("late")
		}))
	})
	for _, encoding := range []string{"identity", "gzip"} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/half", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Encoding", encoding)
		a, err := server.Client().Do(r)
		if err == nil {
			_, err = io.ReadAll(a.Body)
			a.Body.Close()
		}
		if err == nil {
			t.Errorf("%s: half an answer looks like a whole one", encoding)
		}
	}
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	server := startThings(t)
	for origin, allowed := range map[string]bool{
		"https://app.example.com": true, "https://evil.example.com": false, "http://app.example.com": false,
		"https://app.example.com:8443": false, "https://app.example.com.evil.com": false, "null": false,
	} {
		got := request{method: "OPTIONS", path: "/api/v1/things", header: map[string]string{
			"Origin": origin, "Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "consistency-token,idempotency-key,if-match,prefer,x-api-key,x-request-id,x-tenant-id",
		}}.send(t, server)
		if (got.header.Get("Access-Control-Allow-Origin") == origin) != allowed || got.header.Get("X-Request-ID") == "" {
			t.Errorf("%s: got %d %v", origin, got.status, got.header)
		}
	}
}

func TestOriginsThatStopTheStart(t *testing.T) {
	t.Parallel()
	for origin, refused := range map[string]bool{
		"*": true, "https://*.example.com": true, "example.com": true, "https://example.com/": true, "https://example.com/x": true,
		"ftp://example.com": true, "null": true, "https://Example.com": true, "https://": true,
		" https://example.com ": false, "": false, "http://localhost:3000": false,
	} {
		s := testServer(io.Discard)
		s.Origins = []string{origin}
		if _, err := s.serve(things); (err != nil) != refused {
			t.Errorf("%q: got %v", origin, err)
		}
	}
	s := testServer(io.Discard)
	s.Origins, s.Credentials = []string{"*"}, false
	server := start(t, s, things)
	got := request{path: "/health", header: map[string]string{"Origin": "https://any.example.com"}}.send(t, server)
	if got.header.Get("Access-Control-Allow-Origin") == "" || got.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("any origin without credentials: %v", got.header)
	}
}

// TestNoOriginMeansNone: the library's default is every one.
func TestNoOriginMeansNone(t *testing.T) {
	t.Parallel()
	s := testServer(io.Discard)
	s.Origins = nil
	got := request{path: "/health", header: map[string]string{"Origin": "https://any.example.com"}}.send(t, start(t, s, things))
	if got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("got %v", got.header)
	}
}

func TestCompression(t *testing.T) {
	t.Parallel()
	server := startThings(t)
	r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/openapi.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "gzip")
	a, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	packed, err := io.ReadAll(a.Body)
	if err != nil || a.Header.Get("Content-Encoding") != "gzip" {
		t.Fatal(err, a.Header)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil || !json.Valid(plain) {
		t.Fatal(err)
	}
	if got := (request{path: "/health", header: map[string]string{"Accept-Encoding": "gzip"}}).send(t, server); got.header.Get("Content-Encoding") != "" {
		t.Error("a short answer is compressed")
	}
}

// TestTenantOnSpansAndInBaggage: the tenant that the request names, or the
// default, and never what else is in the header or in the caller's baggage.
func TestTenantOnSpansAndInBaggage(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{"": "nobodys", shopID: shopID, "evil\nline": "nobodys", strings.ToUpper(shopID): shopID} {
		spans := tracetest.NewSpanRecorder()
		s := testServer(io.Discard)
		s.Propagator = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})
		s.Traces, s.DefaultTenant = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)), "nobodys"
		s.Checks = []Check{{"x", func(ctx context.Context) error {
			if got := baggage.FromContext(ctx).Member("tenant.id").Value(); got != want {
				t.Errorf("%q: the baggage has %q, want %q", header, got, want)
			}
			if baggage.FromContext(ctx).Member("theirs").Value() != "" {
				t.Error("the caller's baggage came in")
			}
			return nil
		}}}
		server := start(t, s, things)
		set := map[string]string{"Baggage": "tenant.id=theirs,theirs=1", "Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
		if header != "" && header != "evil\nline" {
			set["X-Tenant-ID"] = header
		}
		request{path: "/readyz", header: set}.send(t, server)
		ended := spans.Ended()
		if len(ended) != 1 || ended[0].Name() != "GET /readyz" || ended[0].SpanContext().TraceID().String() != "0af7651916cd43dd8448eb211c80319c" ||
			!slices.Contains(ended[0].Attributes(), attribute.String("tenant.id", want)) {
			t.Errorf("%q: got %v", header, ended)
		}
	}
}

// TestSpansHoldNothingPersonal: not the query, not the address, not the agent.
func TestSpansHoldNothingPersonal(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewSpanRecorder()
	s := testServer(io.Discard)
	s.Traces = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	request{path: "/api/v1/things?search=lovelace", as: "admin", header: map[string]string{"User-Agent": "lovelace-agent"}}.send(t, start(t, s, things))
	for _, span := range spans.Ended() {
		for _, a := range span.Attributes() {
			if v := a.Value.String(); strings.Contains(v, "lovelace") || strings.Contains(v, "127.0.0.1") || strings.Contains(v, "admin") {
				t.Errorf("%s: %s", a.Key, v)
			}
		}
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	s := testServer(io.Discard)
	s.Checks = []Check{
		{"postgres", func(context.Context) error { return nil }},
		{"redis", func(context.Context) error { return errors.New("dial tcp 10.0.0.1: refused") }},
	}
	got := request{path: "/readyz"}.send(t, start(t, s, things))
	if got.status != 503 || strings.TrimSpace(got.text) != `{"status":"down","checks":{"postgres":"ok","redis":"down"}}` {
		t.Errorf("got %d %s", got.status, got.text)
	}
}

func TestWhatIsMissingStopsTheStart(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*Server){
		"logger": func(s *Server) { s.Logger = nil }, "traces": func(s *Server) { s.Traces = nil }, "identity": func(s *Server) { s.Identity = nil },
	} {
		s := testServer(io.Discard)
		spoil(s)
		if _, err := s.serve(things); err == nil {
			t.Errorf("it starts without %s", name)
		}
	}
}

// TestUnavailableSaysWhen also when the fault did not.
func TestUnavailableSaysWhen(t *testing.T) {
	t.Parallel()
	f := fault.New(fault.Unavailable, "x", "y")
	if p := newProblem(faultOf(f), "r"); p.headers.Get("Retry-After") != "2" || f.RetryAfter != 0 {
		t.Errorf("got %v, and the fault became %v", p.headers, f)
	}
}
