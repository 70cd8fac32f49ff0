package httpapi

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"
	"github.com/gorilla/mux"

	"tenure/internal/fault"
)

// newRouter is a router that matches paths as they were sent: a doubled slash
// or an encoded one is another path, and nothing is ever redirected.
func newRouter() *mux.Router {
	router := mux.NewRouter().UseEncodedPath().SkipClean(true)
	router.NotFoundHandler = http.HandlerFunc(noPath)
	router.MethodNotAllowedHandler = noMethod(router)
	return router
}

func noPath(w http.ResponseWriter, r *http.Request) {
	newProblem(fault.New(fault.NotFound, "path_unknown", "There is nothing at this path."), requestIDOf(r)).write(w)
}

// noMethod answers 405 with the methods that the path does have, whichever
// routes they come from.
func noMethod(router *mux.Router) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := bare(http.StatusMethodNotAllowed, "method_unknown", "This path does not have this method.", requestIDOf(r))
		p.headers.Set("Allow", strings.Join(methodsAt(router, r), ", "))
		p.write(w)
	})
}

func methodsAt(router *mux.Router, r *http.Request) []string {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		asked := *r
		asked.Method = method
		var match mux.RouteMatch
		if router.Match(&asked, &match) && match.MatchErr == nil {
			allowed = append(allowed, method)
		}
	}
	return allowed
}

// adapter puts huma's operations on the router. It is humamux's but for three
// things: HEAD comes to GET, a trailing slash makes no difference where the
// path names no single thing, and telemetry learns the route.
type adapter struct {
	router *mux.Router
	// named are the paths without variables that there are so far.
	named map[string]bool
}

// notMe is an id where "me" has a path of its own: no method of a thing by its
// id is one of that path. It is the word that the pattern leaves out.
const notMe = `(?:[^m/][^/]*|m|m[^e/][^/]*|me[^/]+)`

// Handle is called by huma for every operation.
func (a adapter) Handle(op *huma.Operation, handle func(huma.Context)) {
	methods := []string{op.Method}
	if op.Method == http.MethodGet {
		methods = append(methods, http.MethodHead)
	}
	serve := func(w http.ResponseWriter, r *http.Request) {
		nameRoute(r.Context(), op.Method, op.Path)
		w.Header().Set("Cache-Control", "no-store") // answers are about one caller and one moment
		w.Header().Set("X-Content-Type-Options", "nosniff")
		handle(humamux.NewContext(op, r, w))
	}
	if !strings.Contains(op.Path, "{") {
		a.named[op.Path] = true
	}
	path := op.Path
	if parent, ok := strings.CutSuffix(path, "{id}"); ok && a.named[parent+"me"] {
		path = parent + "{id:" + notMe + "}"
	}
	a.router.NewRoute().Path(path).Methods(methods...).HandlerFunc(serve)
	if !strings.HasSuffix(op.Path, "}") {
		a.router.NewRoute().Path(op.Path + "/").Methods(methods...).HandlerFunc(serve)
	}
}

// ServeHTTP is called by nobody here; huma asks for it.
func (a adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.router.ServeHTTP(w, r) }
