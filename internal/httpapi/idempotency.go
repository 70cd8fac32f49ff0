package httpapi

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gorilla/mux"

	"tenure/internal/commands"
	"tenure/internal/events"
)

const (
	idempotencyKey     = "Idempotency-Key"
	idempotentReplayed = "Idempotent-Replayed"
	// maxIdempotencyKey is how many characters a key has at most.
	maxIdempotencyKey = 255
)

// onceOf reads Idempotency-Key. The request is what makes a difference: its
// route, its query and its body as they were sent, and who asks where, which is
// the key's own scope.
func onceOf(r *http.Request, op *huma.Operation, tenant events.TenantID, body []byte) (once *commands.Once, wrong string) {
	lines := r.Header.Values(idempotencyKey)
	switch {
	case len(lines) == 0:
		return nil, ""
	case len(lines) > 1 || lines[0] == "" || !utf8.ValidString(lines[0]) || utf8.RuneCountInString(lines[0]) > maxIdempotencyKey:
		return nil, "must be 1 to " + strconv.Itoa(maxIdempotencyKey) + " characters, once"
	}
	once = &commands.Once{Tenant: cmp.Or(tenant, events.Platform), Route: op.Method + " " + concretePath(r, op), Key: lines[0]}
	once.Request = append([]byte(once.Route+"?"+r.URL.RawQuery+"\n"), body...)
	return once, ""
}

// concretePath is the operation's path with what its variables hold, each in
// its one form, so that all spellings of a path are one.
func concretePath(r *http.Request, op *huma.Operation) string {
	path := op.Path
	for name, value := range mux.Vars(r) {
		path = strings.Replace(path, "{"+name+"}", value, 1)
	}
	return path
}
