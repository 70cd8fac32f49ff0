package httpapi

import (
	"io"
	"io/fs"
	"net/http"

	"github.com/gorilla/mux"
	redoc "github.com/mvrilo/go-redoc"
	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5/static"
	"github.com/swaggest/swgui/v5emb"
)

// pagePolicy keeps the pages to this host. Both run scripts that are written
// into the page, and draw with styles that they make.
const pagePolicy = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// routeDocs offers the description of the API and two pages that show it. All
// of it comes from the binary.
func routeDocs(router *mux.Router, a *api) error {
	description, err := serveDescription(a)
	if err != nil {
		return err
	}
	page(router, "/openapi.json", description)

	swagger := v5emb.NewHandlerWithConfig(swgui.Config{Title: "Tenure", SwaggerJSON: "/openapi.json", BasePath: "/docs/"})
	page(router, "/docs", swagger)
	page(router, "/docs/", swagger)
	page(router, "/docs/{asset}", onlyAssets(swagger))

	page(router, "/redoc", html(redocPage))
	page(router, "/redoc/", html(redocPage))
	page(router, "/redoc/redoc.js", script(redoc.JavaScript))
	return nil
}

// page puts a page on the router, for GET and HEAD.
func page(router *mux.Router, path string, h http.Handler) {
	router.NewRoute().Path(path).Methods(http.MethodGet, http.MethodHead).HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		nameRoute(r.Context(), http.MethodGet, path)
		w.Header().Set("Content-Security-Policy", pagePolicy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		h.ServeHTTP(w, r)
	})
}

// onlyAssets answers what is not there as everywhere else.
func onlyAssets(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := mux.Vars(r)["asset"]
		_, plain := fs.Stat(static.FS, name)
		_, packed := fs.Stat(static.FS, name+".gz")
		if plain != nil && packed != nil {
			noPath(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// redocPage is a page that holds nothing but its script.
const redocPage = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Tenure</title><link rel="icon" href="data:,"><meta name="viewport" content="width=device-width, initial-scale=1"><style>body{margin:0}</style></head>
<body><div id="main"></div><script src="/redoc/redoc.js"></script><script>Redoc.init("/openapi.json", {hideDownloadButton: false}, document.getElementById("main"))</script></body>
</html>
`

func html(text string) http.Handler { return fixed("text/html; charset=utf-8", text) }

func script(text string) http.Handler { return fixed("text/javascript; charset=utf-8", text) }

// fixed answers with one text.
func fixed(contentType, text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, text) // the caller may be gone
	})
}
