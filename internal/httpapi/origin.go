package httpapi

import (
	"net"
	"net/http"
	"strings"
	"unicode"

	"go.opentelemetry.io/otel/propagation"

	"tenure/internal/commands"
)

// maxAgent is how much of a user agent is recorded.
const maxAgent = 512

// originOf is where a request came from, as it is recorded with what it does.
// All of it but the address is text from outside, so it is made text first: a
// header may hold bytes that no event can.
func originOf(r *http.Request) commands.Origin {
	trace := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(r.Context(), trace)
	return commands.Origin{
		RequestID: requestIDOf(r), CorrelationID: requestIDOf(r), IP: addressOf(r),
		UserAgent: plain(r.UserAgent()), Traceparent: trace.Get("traceparent"),
	}
}

// addressOf is the address of the connection. Whoever trusts a proxy has put
// there what the proxy says.
func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

// plain is a text cut to what can be recorded.
func plain(s string) string {
	kept := strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return -1
		}
		return c
	}, strings.ToValidUTF8(s, ""))
	for cut := range kept {
		if cut >= maxAgent {
			return kept[:cut]
		}
	}
	return kept
}
