package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rs/cors"
)

// preflightAge is how long a browser may remember what it may send.
const preflightAge = 10 * time.Minute

// withCORS lets pages of the given origins call. Without origins no page may;
// the library's own default is that all may.
func (s *Server) withCORS(next http.Handler) (http.Handler, error) {
	origins, err := exactOrigins(s.Origins, s.Credentials)
	if err != nil {
		return nil, err
	}
	return cors.New(cors.Options{
		AllowOriginFunc: func(origin string) bool {
			return slices.Contains(origins, origin) || slices.Contains(origins, "*")
		},
		AllowCredentials: s.Credentials,
		AllowedMethods:   []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
		AllowedHeaders: []string{
			"Accept", "Authorization", "Content-Type", "X-API-Key", s.TenantHeader, requestIDHeader,
			"Idempotency-Key", "If-Match", "Consistency-Token", "Prefer", "Traceparent", "Tracestate",
		},
		ExposedHeaders: []string{
			requestIDHeader, "Allow", "Consistency-Token", "ETag", "Idempotent-Replayed", "Preference-Applied",
			"Retry-After", "Visible", "WWW-Authenticate",
		},
		MaxAge: int(preflightAge.Seconds()),
	}).Handler(next), nil
}

// exactOrigins trims the origins and refuses what is none. Any origin with
// credentials would let every page of the web act for whoever visits it.
func exactOrigins(given []string, credentials bool) ([]string, error) {
	var origins []string
	for _, o := range given {
		o = strings.TrimSpace(o)
		switch {
		case o == "":
			continue
		case o == "*" && credentials:
			return nil, errors.New("httpapi: origin * with credentials lets every page act for its visitors")
		case o != "*" && !isOrigin(o):
			return nil, fmt.Errorf("httpapi: %q is not an origin such as https://example.com", o)
		}
		origins = append(origins, o)
	}
	return origins, nil
}

// isOrigin tells whether o is what a browser sends: scheme, host and perhaps a
// port, in lower case, and nothing else.
func isOrigin(o string) bool {
	u, err := url.Parse(o)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" &&
		!strings.Contains(u.Host, "*") && o == strings.ToLower(u.Scheme+"://"+u.Host)
}
