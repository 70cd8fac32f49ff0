package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"tenure/cmd/internal/boot"
)

func TestOnlyTrustedProxiesAreBelieved(t *testing.T) {
	t.Parallel()
	var trusted boot.Networks
	if err := trusted.UnmarshalText([]byte("10.0.0.0/8, 192.0.2.1")); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		peer  string
		says  []string
		other string // the address that is taken for the caller's
	}{
		"nobody in between":            {"203.0.113.7:1", nil, "203.0.113.7:1"},
		"a stranger who claims one":    {"203.0.113.7:1", []string{"198.51.100.1"}, "203.0.113.7:1"},
		"a proxy that says nothing":    {"10.1.2.3:1", nil, "10.1.2.3:0"},
		"a proxy":                      {"10.1.2.3:1", []string{"198.51.100.1"}, "198.51.100.1:0"},
		"two proxies":                  {"10.1.2.3:1", []string{"198.51.100.1, 192.0.2.1"}, "198.51.100.1:0"},
		"two headers":                  {"10.1.2.3:1", []string{"198.51.100.1", "192.0.2.1"}, "198.51.100.1:0"},
		"an invention in front":        {"10.1.2.3:1", []string{"127.0.0.1, 198.51.100.1"}, "198.51.100.1:0"},
		"nonsense in front":            {"10.1.2.3:1", []string{"nonsense, 10.9.9.9"}, "10.9.9.9:0"},
		"nonsense":                     {"10.1.2.3:1", []string{"nonsense"}, "10.1.2.3:0"},
		"IPv6":                         {"10.1.2.3:1", []string{"2001:db8::1"}, "[2001:db8::1]:0"},
		"IPv4 in IPv6":                 {"[::ffff:10.1.2.3]:1", []string{"198.51.100.1"}, "198.51.100.1:0"},
		"proxies from end to end":      {"10.1.2.3:1", []string{"10.0.0.9, 192.0.2.1"}, "10.0.0.9:0"},
		"a peer that has no address":   {"@", []string{"198.51.100.1"}, "@"},
		"a neighbour of a trusted one": {"192.0.2.2:1", []string{"198.51.100.1"}, "192.0.2.2:1"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.RemoteAddr = tt.peer
		for _, v := range tt.says {
			r.Header.Add("X-Forwarded-For", v)
		}
		var got string
		believing(trusted, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr })).ServeHTTP(httptest.NewRecorder(), r)
		if got != tt.other {
			t.Errorf("%s: %s, want %s", name, got, tt.other)
		}
	}
}
