package httpapi

import (
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gorilla/mux"
)

// api is huma's, speaking JSON only, together with the server whose
// operations it describes.
type api struct {
	huma.API
	server *Server
	// patience is how long a body may take to arrive.
	patience time.Duration
}

// newAPI puts an API without operations on a router.
func newAPI(s *Server, router *mux.Router) *api {
	setHuma()
	return &api{API: huma.NewAPI(describe(s), adapter{router}), server: s, patience: 10 * time.Second}
}

// Negotiate answers JSON whatever is asked for. A format that is not there is
// no reason to refuse, and JSON under another name is no format.
func (a *api) Negotiate(string) (string, error) { return "application/json", nil }
