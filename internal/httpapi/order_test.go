package httpapi

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestOrderOfChecks gives each request everything that comes later in the
// order wrong as well, so that the first check alone can answer.
func TestOrderOfChecks(t *testing.T) {
	t.Parallel()
	server := startThings(t)
	huge := map[string]string{"Content-Type": "text/plain"}
	for name, tt := range map[string]struct {
		request
		status int
		code   string
	}{
		"the path":                      {request{method: "POST", path: "/api/v1/nowhere?x", body: "[", header: huge}, 404, "path_unknown"},
		"the method":                    {request{method: "PUT", path: "/api/v1/things?x", body: "[", header: huge}, 405, "method_unknown"},
		"the size":                      {request{method: "POST", path: "/api/v1/things?x", body: strings.Repeat("x", maxBody+1), header: huge}, 413, "body_too_large"},
		"the size of what is not taken": {request{method: "DELETE", path: "/api/v1/nobody", body: strings.Repeat("x", maxBody+1)}, 405, "method_unknown"},
		"the type":                      {request{method: "POST", path: "/api/v1/things?x", body: "[", header: huge}, 415, "media_type"},
		"nobody":                        {request{method: "POST", path: "/api/v1/things?x", body: "[", header: map[string]string{"X-Tenant-ID": "x"}}, 401, "unauthenticated"},
		"a key of nobody's":             {request{method: "POST", path: "/api/v1/things?x", body: "[", as: "zero"}, 401, "unauthenticated"},
		"an outage":                     {request{method: "POST", path: "/api/v1/things?x", body: "[", as: "outage"}, 500, "internal"},
		"the tenant":                    {request{method: "POST", path: "/api/v1/admin?x", body: "[", as: "viewer", header: map[string]string{"X-Tenant-ID": "x"}}, 400, "tenant_malformed"},
		"the role":                      {request{method: "POST", path: "/api/v1/admin?x", body: "[", as: "viewer"}, 403, "role_denied"},
		"the role somewhere":            {request{method: "POST", path: "/api/v1/admin?x", body: "[", as: "viewer", header: map[string]string{"X-Tenant-ID": shopID}}, 403, "role_denied"},
		"a route that forgot":           {request{path: "/api/v1/nobody?x", as: "admin"}, 403, "denied"},
		"another, without tenant":       {request{path: "/api/v1/self/" + otherID + "?x", as: "viewer"}, 400, "tenant_required"},
		"another, with a tenant":        {request{path: "/api/v1/self/" + otherID + "?x", as: "viewer", header: map[string]string{"X-Tenant-ID": shopID}}, 403, "tenant_denied"},
		"no id, without tenant":         {request{path: "/api/v1/self/x", as: "viewer"}, 400, "tenant_required"},
		"no id, by an admin":            {request{path: "/api/v1/self/x", as: "admin"}, 422, "invalid"},
		"oneself":                       {request{path: "/api/v1/self/" + viewerID, as: "viewer"}, 200, ""},
		"oneself, in capitals":          {request{path: "/api/v1/self/" + strings.ToUpper(viewerID), as: "viewer"}, 200, ""},
		"another, by an admin":          {request{path: "/api/v1/self/" + otherID, as: "admin"}, 200, ""},
		"the shape":                     {request{method: "POST", path: "/api/v1/admin?x", body: "[", as: "admin"}, 422, "invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := tt.send(t, server)
			if got.status == http.StatusOK && tt.status == http.StatusOK {
				return
			}
			mustProblem(t, got, tt.status)
			if got.json["code"] != tt.code {
				t.Errorf("got code %v, want %s", got.json["code"], tt.code)
			}
		})
	}
}

func TestTheTenantHeader(t *testing.T) {
	t.Parallel()
	server := startThings(t)
	for value, status := range map[string]int{
		"":                      200,
		shopID:                  200,
		strings.ToUpper(shopID): 200,
		"x":                     400,
		"platform":              400,
		" ":                     200, // trimmed by HTTP itself
		shopID + "," + shopID:   400,
		"{" + shopID + "}":      400,
		"urn:uuid:" + shopID:    400,
		strings.Repeat("0", 36): 400,
		"\xff\xfe":              400,
	} {
		got := request{path: "/api/v1/things", as: "admin", header: map[string]string{"X-Tenant-ID": value}}.send(t, server)
		if got.status != status {
			t.Errorf("%q: got %d %s, want %d", value, got.status, got.text, status)
		}
		if strings.Contains(got.text, "urn:") {
			t.Errorf("%q is echoed: %s", value, got.text)
		}
	}
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	server := startThings(t)
	for value, status := range map[string]int{
		"application/json":                     200,
		"Application/JSON; Charset=\"UTF-8\"":  200,
		"application/json;charset=utf8":        415,
		"application/json; charset=iso-8859-1": 415,
		"application/json; charset=":           415,
		"application/problem+json":             415,
		"text/json":                            415,
		"application/json, application/json":   415,
		"application/x-www-form-urlencoded":    415,
		"multipart/form-data; boundary=x":      415,
		"json":                                 415,
		"-":                                    415,
	} {
		got := request{method: "POST", path: "/api/v1/things", body: `{"email":"a@b.c"}`, as: "admin", header: map[string]string{"Content-Type": value}}.send(t, server)
		if got.status != status {
			t.Errorf("%q: got %d %s, want %d", value, got.status, got.text, status)
		}
	}
}

// TestABodyWithoutLength is cut while it is read, after the caller was judged.
func TestABodyWithoutLength(t *testing.T) {
	t.Parallel()
	server := startThings(t)
	for as, want := range map[string]int{"admin": 413, "viewer": 413, "": 401} {
		body := io.MultiReader(strings.NewReader(`{"email":"a@b.c"`), strings.NewReader(strings.Repeat(" ", 2*maxBody)))
		r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/api/v1/things", body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-API-Key", as)
		a, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(a.Body)
		a.Body.Close()
		if a.StatusCode != want || want == 413 && !strings.Contains(string(text), "1048576") {
			t.Errorf("as %q: got %d %s, want %d", as, a.StatusCode, text, want)
		}
	}
}

// TestABodyThatDoesNotCome holds its connection for a bounded time.
func TestABodyThatDoesNotCome(t *testing.T) {
	t.Parallel()
	server := start(t, testServer(io.Discard), func(s *Server, a *api) {
		a.patience = 50 * time.Millisecond
		things(s, a)
	})
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "POST /api/v1/things HTTP/1.1\r\nHost: x\r\nX-API-Key: admin\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{")
	if err := c.SetReadDeadline(time.Now().Add(15 * time.Second)); err != nil {
		t.Fatal(err)
	}
	a, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if text, _ := io.ReadAll(a.Body); a.StatusCode != 422 || !strings.Contains(string(text), "body_late") {
		t.Errorf("got %d %s", a.StatusCode, text)
	}
}

func TestPathsAndMethods(t *testing.T) {
	t.Parallel()
	server := startThings(t)
	for name, tt := range map[string]struct {
		method, path string
		status       int
		allow        string
	}{
		"with a slash":        {"GET", "/api/v1/things/", 200, ""},
		"health":              {"GET", "/health", 200, ""},
		"health with a slash": {"GET", "/health/", 200, ""},
		"health under prefix": {"GET", "/api/v1/health", 200, ""},
		"and with a slash":    {"GET", "/api/v1/health/", 200, ""},
		"liveness":            {"GET", "/livez", 200, ""},
		"readiness":           {"GET", "/readyz", 200, ""},
		"a thing and a slash": {"GET", "/api/v1/self/" + adminID + "/", 404, ""},
		"two slashes":         {"GET", "//api/v1/things", 404, ""},
		"two slashes inside":  {"GET", "/api/v1//things", 404, ""},
		"two at the end":      {"GET", "/api/v1/things//", 404, ""},
		"dots":                {"GET", "/api/v1/x/../things", 404, ""},
		"an encoded slash":    {"GET", "/api%2Fv1/things", 404, ""},
		"an encoded letter":   {"GET", "/api/v1/thing%73", 404, ""},
		"in capitals":         {"GET", "/api/v1/Things", 404, ""},
		"the root":            {"GET", "/", 404, ""},
		"PUT":                 {"PUT", "/api/v1/things", 405, "GET, HEAD, POST"},
		"TRACE":               {"TRACE", "/api/v1/things", 405, "GET, HEAD, POST"},
		"a method of no name": {"BREW", "/api/v1/things/", 405, "GET, HEAD, POST"},
		"OPTIONS":             {"OPTIONS", "/api/v1/things/" + otherID, 405, "PATCH"},
		"TRACE on no path":    {"TRACE", "/api/v1/nothing", 404, ""},
		"DELETE health":       {"DELETE", "/health", 405, "GET, HEAD"},
		"POST to the pages":   {"POST", "/docs", 405, "GET, HEAD"},
		"no such asset":       {"GET", "/docs/nothing.js", 404, ""},
		"outside the assets":  {"GET", "/docs/..%2f..%2fetc%2fpasswd", 404, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := request{method: tt.method, path: tt.path, as: "admin"}.send(t, server)
			if got.status != tt.status || got.header.Get("Allow") != tt.allow || got.header.Get("Location") != "" {
				t.Errorf("got %d, Allow %q, Location %q: %s", got.status, got.header.Get("Allow"), got.header.Get("Location"), got.text)
			}
			if tt.status >= 400 {
				mustProblem(t, got, tt.status)
			}
		})
	}
}

func TestHeadIsGetWithoutABody(t *testing.T) {
	t.Parallel()
	server := startThings(t)
	for _, path := range []string{"/api/v1/things", "/api/v1/things?page=x", "/health", "/openapi.json", "/docs", "/redoc", "/nowhere"} {
		get := request{path: path, as: "admin"}.send(t, server)
		head := request{method: "HEAD", path: path, as: "admin"}.send(t, server)
		if head.status != get.status || head.text != "" || head.header.Get("Content-Type") != get.header.Get("Content-Type") {
			t.Errorf("%s: HEAD %d %s, GET %d %s", path, head.status, head.header.Get("Content-Type"), get.status, get.header.Get("Content-Type"))
		}
	}
}

// TestHeadersOverTheLimit also on a connection that was used before.
func TestHeadersOverTheLimit(t *testing.T) {
	t.Parallel()
	h, err := testServer(io.Discard).serve(things)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(h)
	server.Config = NewHTTPServer("", h)
	server.Start()
	t.Cleanup(server.Close)
	for _, tt := range []struct{ size, want int }{{15 << 10, 200}, {17 << 10, 431}, {15 << 10, 200}, {17 << 10, 431}, {40 << 10, 431}} {
		got := request{path: "/api/v1/things", as: "admin", header: map[string]string{"X-Padding": strings.Repeat("x", tt.size)}}.send(t, server)
		if got.status != tt.want {
			t.Errorf("%d bytes: got %d, want %d", tt.size, got.status, tt.want)
		}
	}
	got := request{path: "/api/v1/things?search=" + strings.Repeat("x", 17<<10), as: "admin"}.send(t, server)
	mustProblem(t, got, 431)
}

// TestNonsense sends what no client sends, and gets no 5xx for it.
func TestNonsense(t *testing.T) {
	t.Parallel()
	server := startThings(t)
	for _, text := range []string{
		"GET /api/v1/things HTTP/1.1\r\nHost: x\r\nX-API-Key: admin\r\nX-API-Key: viewer\r\n\r\n",
		"GET /api/v1/things HTTP/1.1\r\nHost: x\r\nX-API-Key: admin\r\nX-Tenant-ID: " + shopID + "\r\nX-Tenant-ID: " + shopID + "\r\n\r\n",
		"GET /api/v1/things/%zz HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /api/v1/things?%zz HTTP/1.1\r\nHost: x\r\nX-API-Key: admin\r\n\r\n",
		"GET /api/v1/things?a=\x01 HTTP/1.1\r\nHost: x\r\nX-API-Key: admin\r\n\r\n",
		"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
		"CONNECT /api/v1/things HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET http://elsewhere/api/v1/things HTTP/1.1\r\nHost: x\r\nX-API-Key: admin\r\n\r\n",
		"POST /api/v1/things HTTP/1.1\r\nHost: x\r\nX-API-Key: admin\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"POST /api/v1/things HTTP/1.1\r\nHost: x\r\nX-API-Key: admin\r\nContent-Type: application/json\r\nContent-Length: -1\r\n\r\n",
		"POST /api/v1/things HTTP/1.1\r\nHost: x\r\nX-API-Key: admin\r\nContent-Type: application/json\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"POST /api/v1/things HTTP/1.1\r\nHost: x\r\nX-API-Key: admin\r\nContent-Type: application/json\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
		"GET /api/v1/things HTTP/1.1\r\nHost: x\r\nX-API-Key: admin\r\nX-Request-ID: a b\r\nAccept: \xff;q=9\r\nAccept-Encoding: \xff;;q=x\r\nOrigin: \xff\r\n\r\n",
	} {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprint(c, text); err != nil {
			t.Fatal(err)
		}
		a, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		a.Body.Close()
		c.Close()
		if a.StatusCode >= 500 && a.StatusCode != http.StatusNotImplemented {
			t.Errorf("%q: got %d", text, a.StatusCode)
		}
	}
}
